"""Audio models of the transformers library: `huggingface:<repository or folder>`.

The vector of a sound is the mean over time of a layer's hidden states, the last unless `layer` says otherwise. Weights
are read from safetensors only, and code that a repository may carry is never run.
"""

from typing import Any

from earwitness.encoders.adapters.adapted import AdaptedEncoder, rate_of
from earwitness.encoders.protocol import Audio
from earwitness.errors import EncoderError, MissingExtraError
from earwitness.store import content_hash


def load(repository: str, revision: str | None = None, layer: int = -1, device: str | None = None) -> AdaptedEncoder:
    """The encoder in a repository of the hub, or in a folder that `save_pretrained` wrote.

    Parameters
    ----------
    repository
        "<owner>/<name>", or a folder.
    revision
        Branch, tag or commit of the repository.
    layer
        Which hidden states: 0 before the first layer, -1 after the last.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If there is no such repository, or it is no audio model.
    MissingExtraError
        If transformers is not installed.
    """
    try:
        from transformers import AutoFeatureExtractor, AutoModel
    except ImportError as error:
        raise MissingExtraError("loading a model of the hub", "hub") from error
    import torch

    from earwitness.encoders.devices import pick_device

    place = pick_device(device)
    try:
        extractor = AutoFeatureExtractor.from_pretrained(repository, revision=revision, trust_remote_code=False)
        model = AutoModel.from_pretrained(repository, revision=revision, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, ImportError) as error:
        raise EncoderError(f"huggingface:{repository} cannot be loaded: {str(error).splitlines()[0]}") from error
    model = model.to(place).eval().requires_grad_(False)
    rate = rate_of(None, getattr(extractor, "sampling_rate", None), f"huggingface:{repository}")

    def run(audio: Audio) -> Any:
        inputs = extractor(list(audio), sampling_rate=rate, return_tensors="pt").to(place)
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            states = model(**inputs, output_hidden_states=True).hidden_states[layer]
        return states.float().cpu().numpy()

    commit = getattr(model.config, "_commit_hash", None) or _weights_hash(model)
    name = f"huggingface:{repository.rstrip('/').rsplit('/', 1)[-1]}" + ("" if layer == -1 else f",layer={layer}")
    return AdaptedEncoder(
        name=name,
        revision=str(commit)[:12],
        sample_rate=rate,
        window=None,
        function=run,
        recipe=(load, (repository, revision, layer, device)),
    )


def _weights_hash(model: Any) -> str:
    return content_hash(*(value.cpu().contiguous().numpy().tobytes() for value in model.state_dict().values()))
