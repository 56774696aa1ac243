"""musicnn (Pons and Serra 2019): taggers with pretrained weights, run without TensorFlow."""

from earwitness.encoders.musicnn.encoder import MusicnnEncoder

__all__ = ["MusicnnEncoder", "msd", "msd_vgg", "mtt", "mtt_vgg"]


def msd(layer: str = "penultimate", weights: str | None = None, device: str | None = None) -> MusicnnEncoder:
    """musicnn trained on the Million Song Dataset; see `MusicnnEncoder`."""
    return MusicnnEncoder("musicnn-msd", "MSD_musicnn", layer, weights=weights, device=device)


def mtt(layer: str = "penultimate", weights: str | None = None, device: str | None = None) -> MusicnnEncoder:
    """musicnn trained on MagnaTagATune; see `MusicnnEncoder`."""
    return MusicnnEncoder("musicnn-mtt", "MTT_musicnn", layer, weights=weights, device=device)


def msd_vgg(layer: str = "pool5", weights: str | None = None, device: str | None = None) -> MusicnnEncoder:
    """The VGG network trained on the Million Song Dataset; see `MusicnnEncoder`."""
    return MusicnnEncoder("musicnn-msd-vgg", "MSD_vgg", layer, weights=weights, device=device)


def mtt_vgg(layer: str = "pool5", weights: str | None = None, device: str | None = None) -> MusicnnEncoder:
    """The VGG network trained on MagnaTagATune; see `MusicnnEncoder`."""
    return MusicnnEncoder("musicnn-mtt-vgg", "MTT_vgg", layer, weights=weights, device=device)
