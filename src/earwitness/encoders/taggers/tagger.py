"""What the seven taggers share: windows of sound in, layers and fifty tags out.

A layer that is a map or a sequence is read as its mean over time (and frequency), one value a channel.

References
----------
Won, Ferraro, Bogdanov and Serra (2020). Evaluation of CNN-based automatic music tagging models. SMC.
minzwon/sota-music-tagging-models (MIT), whose names of weights are kept.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from earwitness.encoders import frontends
from earwitness.encoders.network import Network
from earwitness.encoders.weight_files import WeightFile, load_state
from earwitness.errors import EncoderError

TAGS = 50
# Music in decibels of 96 or 128 mel bands of the front end below: median mean and deviation of 84 recordings.
_LEVEL_DB, _DEVIATION_DB = -12.0, 18.0


class Tagger(Network):
    """A network from windows of sound at 16 kHz, [n, samples], to layers and tags."""

    sample_rate = 16000
    #: Samples in a window.
    samples: ClassVar[int]

    def cut(self, audio: Tensor) -> Tensor:
        """Windows that do not overlap: [n, samples] to [n, windows, samples of a window].

        An incomplete last one is dropped where there is a full one, else the sound is repeated to fill it.
        """
        count = max(audio.shape[1] // self.samples, 1)
        if audio.shape[1] < self.samples:
            audio = audio[:, torch.arange(self.samples, device=audio.device) % audio.shape[1]]
        return audio[:, : count * self.samples].unflatten(1, (count, self.samples))

    def load_file(self, file: WeightFile) -> None:
        """Take the weights of a file of PyTorch; what the network computes by itself is passed over."""
        if file.format != "torch":
            raise EncoderError(f"{file.path} is no file of PyTorch, and {type(self).__name__} was published as one")
        load_state(self, file, ignored=("spec.", "to_db.", "hstft."))


class SpectrogramTagger(Tagger):
    """A tagger whose input is a spectrogram in decibels, normalised as one channel."""

    bands: ClassVar[int] = 96

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.spec_bn = nn.BatchNorm2d(1)

    def image(self, pieces: Tensor) -> Tensor:
        """Normalised decibels: [n, samples] to [n, 1, bands, frames]."""
        power = frontends.mel_spectrogram(
            pieces, 16000, n_fft=512, hop=256, n_mels=self.bands, scale="htk", norm=None, padding="reflect"
        )
        normalised: Tensor = self.spec_bn(frontends.decibels(power)[:, None])
        return normalised

    def centre_input(self) -> None:
        """Mean and deviation of music in decibels."""
        self.spec_bn.running_mean.fill_(_LEVEL_DB)
        self.spec_bn.running_var.fill_(_DEVIATION_DB**2)


def over_time(values: Tensor) -> Tensor:
    """One value a channel: [n, channels, ...] to [n, channels]."""
    return values.flatten(2).mean(2)


def probabilities(dense: nn.Module, values: Tensor) -> Tensor:
    """The tags: [n, d] to [n, 50]."""
    tags: Tensor = dense(values).sigmoid()
    return tags
