"""A network that has learnt nothing: what an architecture and a front end give by themselves. A control."""

import numpy as np

from earwitness.encoders.base_network import BANDS, CHANNELS, FEATURES, BaseNetwork
from earwitness.encoders.chunks import ChunkEncoder, Chunking
from earwitness.encoders.devices import pick_device
from earwitness.store import content_hash

# There are no training frames whose mean and deviation could standardise the bands. Instead: a straight line through
# the means, band by band, of 74 recordings of music, and the middle of their deviations, in decibels.
CHUNKING = Chunking(np.linspace(-15, -41, BANDS, dtype=np.float32), np.full(BANDS, 18, dtype=np.float32))


class Untrained(ChunkEncoder):
    """The base network of Kim (2021), chapter 2, with random weights and in evaluation mode: 512 values.

    A clip's vector is the mean and the population deviation, over chunks of 216 frames that do not overlap, of the 256
    values of the last stage. An incomplete last chunk is dropped; a shorter clip is filled up with its minimum.

    Parameters
    ----------
    seed
        Of the weights. Look at several before a difference to this control is believed.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    """

    def __init__(self, seed: int = 0, device: str | None = None) -> None:
        self.seed = seed
        network = BaseNetwork().draw_weights(np.random.default_rng(seed))
        weights = content_hash(*(value.numpy().tobytes() for value in network.state_dict().values()))
        super().__init__(
            f"random,seed={seed}" if seed else "random",
            f"1-seed{seed}-{weights[:8]}",
            network,
            channels=CHANNELS,
            size=FEATURES,
            chunking=CHUNKING,
            device=pick_device(device),
        )

    def untrained(self, seed: int) -> "Untrained":
        """Another network that was never trained, with weights of its own."""
        return Untrained(self.seed + 1 + seed, str(self.device))
