"""TorchScript modules: `torchscript:<file>`. The module takes float32 [n, samples] and returns [n, d] or [n, times, d].

Loading runs no Python and unpickles none: the archive holds tensors and TorchScript, which torch interprets. It is a
program all the same, and some of its operators reach files: load only those you trust. The module may carry its
`sample_rate` and `window` (seconds) as attributes; options win over those.
"""

import warnings
from typing import Any

from earwitness.encoders.adapters.adapted import AdaptedEncoder, existing_file, rate_of
from earwitness.encoders.protocol import Audio
from earwitness.errors import EncoderError
from earwitness.store import content_hash


def load(
    path: str, sample_rate: int | None = None, window: float | None = None, device: str | None = None
) -> AdaptedEncoder:
    """The encoder in a TorchScript file.

    Parameters
    ----------
    path
        The file.
    sample_rate, window
        Of the sound it takes, in Hz and seconds; None: as its attributes say, and whole clips.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If the file cannot be loaded, or says no sample rate.
    """
    import torch

    from earwitness.encoders.devices import pick_device

    file, place = existing_file(path, "torchscript"), pick_device(device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather have its newer format
            module = torch.jit.load(str(file), map_location=place)
    except (RuntimeError, ValueError) as error:
        raise EncoderError(f"{file} is not a TorchScript module: {str(error).splitlines()[0]}") from error
    module.eval()

    def run(audio: Audio) -> Any:
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            return module(torch.from_numpy(audio).to(place)).cpu().numpy()

    return AdaptedEncoder(
        name=file.stem,
        revision=content_hash(file.read_bytes())[:12],
        sample_rate=rate_of(sample_rate, getattr(module, "sample_rate", None), str(file)),
        window=window if window is not None else getattr(module, "window", None),
        function=run,
        recipe=(load, (str(file.resolve()), sample_rate, window, device)),
        inner=_Differentiable(module, place),
    )


class _Differentiable:
    """The module for whoever follows gradients."""

    def __init__(self, module: Any, device: Any) -> None:
        self.module, self.device = module, device

    def embed_tensor(self, audio: Any) -> Any:
        """What `encode` gives, as a tensor that gradients flow through: [n, samples] to [n, d]."""
        found = self.module(audio.to(self.device))
        return found.mean(1) if found.ndim == 3 else found
