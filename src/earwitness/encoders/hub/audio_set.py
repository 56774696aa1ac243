"""The names of the 521 kinds of sound that YAMNet tells apart, in the order of its outputs."""

from functools import lru_cache
from importlib.resources import files


@lru_cache
def class_names() -> tuple[str, ...]:
    """The names of AudioSet (CC BY 4.0) in the order of `yamnet_class_map.csv` in tensorflow/models (Apache-2.0)."""
    text = (files("earwitness.encoders.hub") / "data" / "audio_set_521.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
