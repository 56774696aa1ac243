"""The encoders there are, by name, and how a spec becomes one of them.

A spec is a name of the catalogue (`musicnn-msd`), the name of an adapter with what it shall load
(`onnx:model.onnx`), or a name another package has registered under the entry-point group `earwitness.encoders`.
Options follow after commas, in a spec (`musicnn-msd,layer=max_pool`) or as keywords of `load_encoder`.
"""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from earwitness.encoders.options import read_options, split_options
from earwitness.encoders.protocol import Encoder
from earwitness.errors import EncoderError

GROUP = "earwitness.encoders"


class Entry(NamedTuple):
    """Where an encoder is made ("module:callable"), and what it is in one line."""

    path: str
    description: str


CATALOGUE = {
    "mfcc": Entry(
        "earwitness.encoders.mfcc:MFCC",
        "144 values: mean and deviation of 24 MFCCs and their first two differences; a control",
    ),
    "mfcc-120": Entry("earwitness.encoders.mfcc:MFCC120", "120 values: the same of 20 MFCCs, the first kept"),
    "random": Entry(
        "earwitness.encoders.untrained:Untrained",
        "512 values: a convolutional network that was never trained (option seed); a control",
    ),
    "musicnn-msd": Entry(
        "earwitness.encoders.musicnn.encoder:msd",
        "200 values: musicnn, a tagger trained on the Million Song Dataset (option layer)",
    ),
    "musicnn-mtt": Entry(
        "earwitness.encoders.musicnn.encoder:mtt",
        "200 values: musicnn, a tagger trained on MagnaTagATune (option layer)",
    ),
    "musicnn-msd-vgg": Entry(
        "earwitness.encoders.musicnn.encoder:msd_vgg", "256 values: the VGG tagger of musicnn, Million Song Dataset"
    ),
    "musicnn-mtt-vgg": Entry(
        "earwitness.encoders.musicnn.encoder:mtt_vgg", "256 values: the VGG tagger of musicnn, MagnaTagATune"
    ),
    "vggish": Entry(
        "earwitness.encoders.hub.vggish:vggish", "128 values: VGGish, AudioSet's encoder (options relu, postprocess)"
    ),
    "yamnet": Entry(
        "earwitness.encoders.hub.yamnet:yamnet", "1024 values: YAMNet, a tagger of 521 kinds of sound (option layer)"
    ),
    "openl3": Entry(
        "earwitness.encoders.hub.openl3:openl3",
        "6144 values: OpenL3, learnt from video (options content, size, frontend, hop)",
    ),
    "fcn": Entry(
        "earwitness.encoders.taggers.encoder:fcn", "64 values: a fully convolutional tagger, MTG-Jamendo (option layer)"
    ),
    "musicnn-jamendo": Entry(
        "earwitness.encoders.taggers.encoder:musicnn_jamendo",
        "200 values: a port of musicnn, MTG-Jamendo (option layer)",
    ),
    "crnn": Entry(
        "earwitness.encoders.taggers.encoder:crnn", "32 values: a convolutional recurrent tagger, MTG-Jamendo"
    ),
    "samplecnn": Entry(
        "earwitness.encoders.taggers.encoder:samplecnn", "512 values: a tagger of the waveform, MTG-Jamendo"
    ),
    "samplecnn-se": Entry(
        "earwitness.encoders.taggers.encoder:samplecnn_se", "512 values: the same with squeeze and excitation"
    ),
    "cnnsa": Entry(
        "earwitness.encoders.taggers.encoder:cnnsa", "256 values: a tagger with self-attention, MTG-Jamendo"
    ),
    "hcnn": Entry("earwitness.encoders.taggers.encoder:hcnn", "256 values: the Harmonic CNN, a tagger, MTG-Jamendo"),
}

ADAPTERS = {
    "hear": Entry("earwitness.encoders.adapters.hear:load", "hear:<module>: a module with the HEAR interface"),
    "python": Entry(
        "earwitness.encoders.adapters.python_file:load",
        "python:<file.py>:<callable>: an encoder, or a function that is one or makes one",
    ),
    "onnx": Entry("earwitness.encoders.adapters.onnx:load", "onnx:<file>: an ONNX graph from sound to vectors"),
    "torchscript": Entry(
        "earwitness.encoders.adapters.torchscript:load", "torchscript:<file>: a TorchScript module, sound to vectors"
    ),
    "huggingface": Entry(
        "earwitness.encoders.adapters.huggingface:load",
        "huggingface:<repository>: a transformers audio model, the mean of its last hidden states",
    ),
    "learned": Entry(
        "earwitness.learning.learned_encoder:load", "learned:<folder>: an encoder that `earwitness learn` trained"
    ),
    "embeddings": Entry(
        "earwitness.encoders.precomputed:load", "embeddings:<file.parquet>: vectors that were computed before"
    ),
}


def load_encoder(spec: str, **options: Any) -> Encoder:
    """The encoder that a spec names.

    Parameters
    ----------
    spec
        A name that `list_encoders` lists, or "hear:<module>", "python:<file.py>:<callable>", "onnx:<file>",
        "torchscript:<file>", "huggingface:<repository>", "learned:<folder>", "embeddings:<file.parquet>"; options may
        follow, each as ",name=value".
    options
        The same options as keywords; they win over those in the spec.

    Raises
    ------
    EncoderError
        If there is no such encoder or option (the message names the nearest), or it cannot be loaded.
    MissingExtraError
        If it needs an optional part that is not installed.

    Examples
    --------
    >>> load_encoder("mfcc").embedding_size
    144
    """
    name, given = split_options(spec)
    prefix, colon, target = name.partition(":")
    if colon and prefix in ADAPTERS:
        if not target:
            raise EncoderError(f"{name!r} does not say what to load: write {ADAPTERS[prefix].description}")
        load = _resolve(ADAPTERS[prefix].path)
        encoder: Encoder = load(target, **read_options(load, name, {**given, **options}, skip=1))
        return encoder
    if colon:
        raise EncoderError(f"no encoder {name!r}: before a colon stands one of {', '.join(ADAPTERS)}")
    known = {name: entry.path for name, entry in CATALOGUE.items()} | _registered()
    if name not in known:
        nearest = get_close_matches(name, known, 1, cutoff=0.5)
        mend = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(known)}."
        raise EncoderError(f"no encoder {name!r}. {mend}")
    make = _resolve(known[name])
    made: Encoder = make(**read_options(make, name, {**given, **options}))
    return made


def list_encoders() -> dict[str, str]:
    """Every spec `load_encoder` understands, with one line on each: built in, registered by others, adapters."""
    registered = {name: f"registered as {path}" for name, path in _registered().items()}
    built_in = {name: entry.description for name, entry in CATALOGUE.items()}
    adapters = dict(entry.description.split(": ", 1) for entry in ADAPTERS.values())
    return built_in | registered | adapters


def _registered() -> dict[str, str]:
    """Names that other packages have registered."""
    found: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        if point.name in CATALOGUE or found.get(point.name, point.value) != point.value:
            other = CATALOGUE[point.name].path if point.name in CATALOGUE else found[point.name]
            raise EncoderError(
                f"the encoder name {point.name!r} is taken twice, by {other} and {point.value}: uninstall one of them"
            )
        found[point.name] = point.value
    return found


def _resolve(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EncoderError(f"the encoder registered as {path} cannot be imported: {error}") from error
    return found
