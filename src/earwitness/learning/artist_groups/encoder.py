"""A network of chapter 3 as an encoder: mean and deviation of its blocks over the seconds of a clip."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.encoders import frontends
from earwitness.encoders.devices import pick_device
from earwitness.encoders.protocol import Audio, Vectors, as_batch
from earwitness.errors import EncoderError
from earwitness.learning.artist_groups.networks import BANDS, FRAMES, described
from earwitness.learning.artist_groups.segments import HOP, N_FFT, RANGE_DB, SAMPLE_RATE, levels, standardised, starts
from earwitness.learning.checkpoints import architecture
from earwitness.learning.model_folder import Model
from earwitness.learning.spectrograms import BandStatistics

_AT_ONCE = 32


class ArtistGroupEncoder:
    """What a network makes of one-second segments, half overlapping: means of all blocks before their deviations.

    Parameters
    ----------
    model
        Of the kind "artist-groups".
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    """

    kind = "network"
    sample_rate = SAMPLE_RATE
    window = None

    def __init__(self, model: Model, device: str | None = None) -> None:
        try:
            network = described(model.facts["network"])
            self._step = int(model.facts["step"])
            bands = BandStatistics(model.arrays["bands.mean"], model.arrays["bands.deviation"])
        except (KeyError, TypeError) as error:
            raise EncoderError(f"{model.folder} is no network of artist groups ({error} is missing)") from error
        own = {name.removeprefix("network."): v for name, v in model.arrays.items() if name.startswith("network.")}
        if {name: list(value.shape) for name, value in own.items()} != architecture(network):
            raise EncoderError(f"{model.folder}: its weights are of another architecture than its model.json describes")
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in own.items()})
        self.name, self.revision = f"learned:{model.folder.resolve().name}", model.revision
        self.device = pick_device(device)
        self.embedding_size = 2 * network.embedding_size
        self._bands = bands
        #: The network: segments (n, 1, 128, 43) of standardised decibels to (n, d); gradients reach them.
        self.module = network.eval().requires_grad_(False).to(self.device)

    @property
    def blocks(self) -> dict[str, NDArray[np.int64]]:
        """The columns of each task's block in a vector, its means before its deviations."""
        d, half = self.module.shape.features, self.module.embedding_size
        here = {task.name: np.arange(place * d, (place + 1) * d) for place, task in enumerate(self.module.tasks)}
        return {name: np.concatenate([columns, half + columns]) for name, columns in here.items()}

    def encode(self, audio: Audio) -> Vectors:
        """Mean and population deviation over segments: [n, samples] at 22,050 Hz to [n, embedding_size]."""
        answers = (self._answers(sound) for sound in as_batch(audio))
        return np.stack([np.concatenate([rows.mean(0), rows.std(0)]) for rows in answers]).astype(np.float32)

    def embed_tensor(self, audio: Tensor) -> Tensor:
        """What `encode` gives, in torch and for gradients: float32 [n, samples] to [n, embedding_size]."""
        power = frontends.mel_spectrogram(audio.to(self.device), SAMPLE_RATE, n_fft=N_FFT, hop=HOP, n_mels=BANDS)
        level = frontends.decibels(power, range_db=RANGE_DB)  # (n, bands, frames)
        if level.shape[-1] < FRAMES:
            lowest = level.amin((1, 2), keepdim=True)
            level = torch.cat([level, lowest.expand(-1, BANDS, FRAMES - level.shape[-1])], dim=2)
        pieces = torch.stack([level[..., begin : begin + FRAMES] for begin in self._starts(level.shape[-1])], dim=1)
        mean, deviation = (
            torch.tensor(values, device=self.device)[:, None] for values in (self._bands.mean, self._bands.deviation)
        )
        segments = ((pieces - mean) / deviation).flatten(0, 1).unsqueeze(1)
        with torch.backends.cudnn.flags(allow_tf32=False):
            values = self.module(segments).unflatten(0, pieces.shape[:2])
        spread = values.var(1, correction=0)
        # A root has no slope at 0, where one segment is all there is; the deviation's gradient is 0 there.
        spread = torch.where(spread > 0, spread, 1).sqrt() * (spread > 0)
        return torch.cat([values.mean(1), spread], dim=1)

    def _starts(self, frames: int) -> list[int]:
        return [int(begin) for begin in starts(frames, self._step)]

    def _answers(self, sound: Audio) -> NDArray[np.float64]:
        level = levels(sound)
        pieces = np.stack([level[begin : begin + FRAMES] for begin in self._starts(len(level))])
        parts = standardised(pieces, self._bands).split(_AT_ONCE)
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            rows = [self.module(part.to(self.device)).cpu().numpy() for part in parts]
        return np.concatenate(rows).astype(np.float64)
