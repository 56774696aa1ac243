"""Earwitness tests whether a music model can be believed.

    import earwitness as ew

    clips = ew.load_clips("demo")
    encoder = ew.load_encoder("mfcc")
    result = ew.audits.transfer(ew.embed(clips, encoder), label="label")

Nothing is imported until it is asked for, so `import earwitness` is quick and loads no network library.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = (
    "audio",
    "audits",
    "datasets",
    "distances",
    "embeddings",
    "encoders",
    "errors",
    "recommend",
    "report",
    "results",
    "stats",
)
_NAMES = {
    "AuditResult": "earwitness.results",
    "Clips": "earwitness.datasets",
    "Embeddings": "earwitness.embeddings",
    "Encoder": "earwitness.encoders",
    "Estimate": "earwitness.results",
    "Interactions": "earwitness.datasets",
    "Verdict": "earwitness.results",
    "check_encoder": "earwitness.encoders",
    "embed": "earwitness.extraction",
    "load_clips": "earwitness.datasets",
    "load_encoder": "earwitness.encoders",
    "load_interactions": "earwitness.datasets",
}
__all__ = sorted([*_ROOMS, *_NAMES])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"earwitness.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'earwitness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
