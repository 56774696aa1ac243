"""The pretrained taggers of musicnn as encoders: sound to log-mel patches of three seconds to vectors.

A clip's vector is the mean over its patches, which follow each other without overlap; an incomplete last one is
dropped. A clip shorter than one patch is repeated to fill it, as in training.
"""

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.audio.frontends import mel_spectrogram
from earwitness.encoders import frontends
from earwitness.encoders.devices import one_thread, pick_device
from earwitness.encoders.drawn_weights import draw_weights
from earwitness.encoders.musicnn.fast import FastMusicnn, FastVGG
from earwitness.encoders.musicnn.networks import BANDS, FRAMES, VGG, Musicnn
from earwitness.encoders.musicnn.tagnames import MAGNATAGATUNE, MILLION_SONGS
from earwitness.encoders.musicnn.weights import CHECKSUMS, load_weights
from earwitness.encoders.protocol import Audio, Vectors, as_batch
from earwitness.errors import EncoderError

_LARGEST_HALF = float(np.finfo(np.float16).max)
_PATCHES_ON_DEVICE = 64


class MusicnnEncoder:
    """A network of musicnn and the layer that is read from it.

    Parameters
    ----------
    name
        Of the encoder; a layer other than the first is added to it.
    model
        "MSD_musicnn", "MTT_musicnn", "MSD_vgg" or "MTT_vgg".
    layer
        For musicnn "penultimate" (200 values), "max_pool", "mean_pool" (753 each) or "tags" (50); for vgg "pool5" (256)
        or "tags".
    weights
        Wheel or folder to read the weights from; None: fetch them once.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    """

    kind = "network"
    sample_rate = 16000
    window = None  # the network has one, but patches are cut from the spectrogram of the whole clip, as published

    def __init__(
        self, name: str, model: str, layer: str, *, weights: str | None = None, device: str | None = None
    ) -> None:
        network = VGG if model.endswith("vgg") else Musicnn
        if layer not in network.sizes:
            raise EncoderError(f"{name} has no layer {layer!r}; it has {', '.join(network.sizes)}")
        default = next(iter(network.sizes))
        self.name = name if layer == default else f"{name},layer={layer}"
        self.revision = f"1-{CHECKSUMS[model].data_file[:12]}"
        self.embedding_size = network.sizes[layer]
        self.tag_names = MILLION_SONGS if model.startswith("MSD") else MAGNATAGATUNE
        self.layer = layer
        self.device = pick_device(device)
        self._use(network(layer).load(load_weights(model, weights)))

    def _use(self, network: Musicnn | VGG) -> None:
        #: The network: patches [n, 187, 96] of log-mel frames to the layer, [n, embedding_size]; gradients reach them.
        self.module = network.to(self.device)
        fast = FastVGG if isinstance(network, VGG) else FastMusicnn
        self._fast: Any = fast(network) if self.device.type == "cpu" else None

    def untrained(self, seed: int) -> "MusicnnEncoder":
        """The same network with weights that were drawn, and never trained: a control."""
        network = type(self.module)(self.layer)
        draw_weights(network, np.random.default_rng(seed))
        twin = copy(self)
        twin.name, twin.revision = f"{self.name},untrained", f"1-untrained-{type(network).__name__}-seed{seed}"
        twin._use(network.eval().requires_grad_(False))
        return twin

    def encode(self, audio: Audio) -> Vectors:
        """The layer's mean over the patches of each sound: [n, samples] at 16 kHz to [n, embedding_size]."""
        return np.stack([self.windows(sound, self.layer).mean(0) for sound in as_batch(audio)])

    def tags(self, audio: Audio) -> Vectors:
        """The probability of each tag, the mean over the patches of each sound: [n, samples] to [n, 50]."""
        return np.stack([self.windows(sound, "tags").mean(0) for sound in as_batch(audio)])

    def windows(self, sound: Audio, layer: str | None = None) -> Vectors:
        """A layer patch by patch: [samples] at 16 kHz to [patches, d]."""
        return self.layers_of(to_patches(log_mel(sound)), layer or self.layer)

    def embed_tensor(self, audio: Tensor) -> Tensor:
        """What `encode` gives, through the plain network and for gradients: float32 [n, samples] to [n, d]."""
        patches = patches_tensor(audio.to(self.device))  # (n, patches, 187, 96)
        with torch.backends.cudnn.flags(allow_tf32=False):
            values = self.module(patches.flatten(0, 1))
        return values.unflatten(0, patches.shape[:2]).mean(1)

    def layers_of(self, patches: NDArray[np.float32], layer: str) -> Vectors:
        """A layer for log-mel patches [n, 187, 96], some at a time so that memory stays bounded."""
        frames = torch.from_numpy(patches)
        answers = self._on_processor(frames, layer) if self._fast else self._on_device(frames, layer)
        return torch.cat(answers).numpy()

    def _on_processor(self, patches: Tensor, layer: str) -> list[Tensor]:
        """Parts side by side, one thread each: many small products wait for each other where threads share them."""

        def answer(part: Tensor) -> Tensor:
            with torch.no_grad():
                return self._fast.layers(part)[layer]

        parts = patches.split(self._fast.patches_at_once)
        with one_thread() as threads, ThreadPoolExecutor(threads) as pool:
            return list(pool.map(answer, parts) if threads > 1 and len(parts) > 1 else map(answer, parts))

    def _on_device(self, patches: Tensor, layer: str) -> list[Tensor]:
        # Without the flag a graphics processor rounds to ten bits, and its numbers are not the processor's.
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            parts = patches.split(_PATCHES_ON_DEVICE)
            return [self.module.layers(part.to(self.device))[layer].cpu() for part in parts]


def log_mel(sound: Audio) -> NDArray[np.float32]:
    """Frames as musicnn was trained on: log10(10000 power + 1) of 96 mel bands, [samples] to [frames, 96].

    The power is rounded to half precision first, as its training data were kept; the product is not (in half precision
    it overflows above a power of 6.55, and every loud clip then gets the same tags).
    """
    power = mel_spectrogram(sound, 16000, n_fft=512, hop=256, n_mels=BANDS, padding="reflect")
    rounded = np.minimum(power, _LARGEST_HALF).astype(np.float16).astype(np.float32)
    return np.log10(10000 * rounded + 1).T


def to_patches(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches of 187 frames that do not overlap, [n, 187, 96]; fewer frames are repeated to fill one."""
    if len(frames) < FRAMES:
        frames = np.resize(frames, (FRAMES, BANDS))
    return np.ascontiguousarray(frames[: len(frames) // FRAMES * FRAMES]).reshape(-1, FRAMES, BANDS)


def patches_tensor(audio: Tensor) -> Tensor:
    """`to_patches` of `log_mel` in torch: [n, samples] at 16 kHz to [n, patches, 187, 96]."""
    power = frontends.mel_spectrogram(audio, 16000, n_fft=512, hop=256, n_mels=BANDS, padding="reflect")
    rounded = power.detach().clamp(max=_LARGEST_HALF).half().float()
    power = power + (rounded - power.detach())  # rounding has no gradient: it is that of what was rounded
    frames = torch.log10(10000 * power + 1).transpose(1, 2)  # (n, frames, 96)
    count = max(frames.shape[1] // FRAMES, 1)
    places = torch.arange(count * FRAMES, device=audio.device) % frames.shape[1]
    return frames[:, places].unflatten(1, (count, FRAMES))


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
