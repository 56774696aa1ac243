"""The bundled demo: two small collections that come with the package."""

from pathlib import Path

DEMOS = {
    "demo": "six instruments in two domains: recorded (Freesound) and rendered (a soundfont)",
    "demo-excerpts": "music, speech and animals: excerpts of librosa's example recordings",
}
_FOLDER = Path(__file__).parent / "demo"
_MANIFESTS = {"demo": "manifest.csv", "demo-excerpts": "excerpts.csv"}


def demo_manifest(name: str) -> Path:
    """The manifest of one of the bundled collections; CREDITS.md lies beside it."""
    return _FOLDER / _MANIFESTS[name]
