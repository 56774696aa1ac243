"""How large a training run is, in numbers; the two scales of the specification."""

from dataclasses import dataclass

from earwitness.errors import InputError
from earwitness.learning.networks import Size


@dataclass(frozen=True)
class Scale:
    """Size of the network and length of its training; nothing else differs between a laptop and a cluster.

    Attributes
    ----------
    channels, width, features
        As in `Size`.
    batch
        Clips (pairs) in a step.
    epochs
        One is as many steps as there are batches of training clips, times the number of sources.
    learning_rate, weight_decay
        Of Adam.
    """

    channels: int = 2
    width: float = 1.0
    features: int = 256
    batch: int = 128
    epochs: int = 200
    learning_rate: float = 0.00025
    weight_decay: float = 1e-6

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"{self.epochs} epochs: there is 1 or more")

    @property
    def size(self) -> Size:
        """Of the network."""
        return Size(self.channels, self.width, self.features)

    @property
    def threads(self) -> int | None:
        """Processor threads that pay; None: all. A narrow network is slower on two than on one."""
        return 1 if self.width < 0.5 else None


SCALES = {
    "full": Scale(),
    "desk": Scale(channels=1, width=0.25, features=128, batch=32, epochs=15, learning_rate=0.001),
}
"""The thesis' own, and one for a laptop: mono, a quarter of the channels, half the features."""


def scale_named(name: str) -> Scale:
    """One of `SCALES`.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in SCALES:
        raise InputError(f"no scale {name!r}: there are {' and '.join(SCALES)}")
    return SCALES[name]
