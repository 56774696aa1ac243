"""The four networks: one encoder, and on top of it a linear map or a decoder (Kim 2021, sections 4.2 and 4.3)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from earwitness.encoders.network import Network
from earwitness.learning.tasks.decoder import Decoder, Unpooling
from earwitness.learning.tasks.encoder import Encoded, Layer, SpectrogramEncoder
from earwitness.learning.tasks.mfcc import MfccDecoder, MfccPredictor, MfccStatistics
from earwitness.learning.tasks.spectra import SAMPLE_RATE, FrontEnd, Shape

TaskName = Literal["autoencoder", "tagging", "instruments", "separation"]
Inputs = Literal["spectrogram", "mfcc"]
TASKS: tuple[TaskName, ...] = ("autoencoder", "tagging", "instruments", "separation")
PREDICTORS: tuple[TaskName, ...] = ("tagging", "instruments")


class Predictor(nn.Module):
    """Dropout and a linear map: [n, d] to [n, classes]."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)

    def forward(self, values: Tensor, encoded: Encoded | None = None) -> Tensor:  # noqa: ARG002
        return self.linear(functional.dropout(values, 0.5, self.training))


class DroppedDecoder(Decoder):
    """A decoder behind the dropout that ends the encoder's dense layer while it is trained."""

    def forward(self, representation: Tensor, encoded: Encoded | None = None) -> Tensor:
        return super().forward(functional.dropout(representation, 0.5, self.training), encoded)


class TaskNetwork(nn.Module):
    """What is trained: sound to the representation, the answer to the task, and the magnitudes that were heard.

    Parameters
    ----------
    task
        Which of the four.
    shape
        Its size.
    classes
        Of a task that has them.
    inputs
        "spectrogram", or "mfcc": the baseline, whose 144 values are given and only what follows them is learnt.
    unpooling
        Of a decoder; see `Decoder`.
    mulaw
        Levels that sound is kept with; 0: as it is.
    """

    def __init__(
        self,
        task: TaskName,
        shape: Shape,
        classes: int = 0,
        *,
        inputs: Inputs = "spectrogram",
        unpooling: Unpooling = "repeat",
        mulaw: int = 0,
    ) -> None:
        super().__init__()
        self.task, self.shape, self.inputs = task, shape, inputs
        self.front = FrontEnd(shape, mulaw)
        self.encoder = MfccStatistics() if inputs == "mfcc" else SpectrogramEncoder(shape)
        self.main = next(iter(self.encoder.sizes))
        if task in PREDICTORS:
            self.head = MfccPredictor(classes) if inputs == "mfcc" else Predictor(shape.features, classes)
        else:
            skips = task == "separation"
            self.head = MfccDecoder() if inputs == "mfcc" else DroppedDecoder(shape, unpooling, skips=skips)

    def forward(self, audio: Tensor, copies: Tensor | None = None) -> tuple[Tensor, ...]:
        """[n, samples] to the representation [n, d], the answer, and the magnitudes [n, bins, frames].

        The answer is [n, classes] (logits), or [n, bins, frames]: standardised decibels of the autoencoder, logits of
        the separator's mask. With copies of the same sounds, [n, samples], their representations come fourth; both
        are normalised as one batch, so that equal sounds have equal representations.
        """
        n = len(audio)
        everything = audio if copies is None else torch.cat([audio, copies])
        magnitudes = self.front.magnitudes(everything)
        encoded = self.encode(everything, magnitudes)
        representation = encoded.layers[self.main]
        answer = self.head(representation[:n], encoded.first(n))
        answer = answer if self.task in PREDICTORS else answer[:, 0]
        return representation[:n], answer, magnitudes[:n], *([representation[n:]] if copies is not None else [])

    def encode(self, audio: Tensor, magnitudes: Tensor) -> Encoded:
        """Every layer of a sound whose magnitudes are known."""
        encoded: Encoded = self.encoder(audio if self.inputs == "mfcc" else self.front(magnitudes))
        return encoded


class Listener(Network):
    """A trained `TaskNetwork` as encoders use it: any sound in windows, each to every layer.

    Parameters
    ----------
    network
        Its front end and encoder are used; of a predictor the classes too, as the layer "tags".
    layer
        What is read; None: "post_fc" ("mfcc" of the baseline).
    span
        "cover": as many windows as the sound needs, evenly spread from its beginning to its end; "central": one, in
        the middle (Kim 2021, section 4.4). A shorter sound is filled up with zeros at its end.
    """

    sample_rate = SAMPLE_RATE
    pieces_at_once = 8

    def __init__(
        self, network: TaskNetwork, layer: Layer | None = None, span: Literal["cover", "central"] = "cover"
    ) -> None:
        sizes = dict(network.encoder.sizes)
        if network.task in PREDICTORS:
            sizes["tags"] = network.head.linear.out_features
        self.sizes = sizes  # type: ignore[misc]  # of this network; those of the class are of one architecture
        super().__init__(layer)
        self.network, self.span = network, span

    def cut(self, audio: Tensor) -> Tensor:
        """[n, samples] to [n, windows, samples of a window]."""
        length = self.network.shape.samples
        if audio.shape[1] < length:
            audio = functional.pad(audio, (0, length - audio.shape[1]))
        room = audio.shape[1] - length
        if self.span == "central":
            starts = [room // 2]
        else:
            count = -(-audio.shape[1] // length)
            starts = [round(place * room / (count - 1)) for place in range(count)] if count > 1 else [0]
        return torch.stack([audio[:, start : start + length] for start in starts], 1)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Windows [n, samples] to [n, d]."""
        encoded = self.network.encode(pieces, self.network.front.magnitudes(pieces))
        layers = dict(encoded.layers)
        if "tags" in self.sizes:
            logits = self.network.head(layers[self.network.main], encoded)
            layers["tags"] = logits.sigmoid() if self.network.task == "tagging" else logits.softmax(1)
        return layers
