"""What `earwitness datasets` lists."""

from dataclasses import dataclass
from importlib.util import find_spec

from earwitness.datasets.demo import DEMOS


@dataclass(frozen=True)
class Dataset:
    """A collection that `load_clips` knows by name."""

    name: str
    about: str
    bundled: bool


def list_datasets() -> list[Dataset]:
    """The bundled collections, then every data set of mirdata, or how to get them where it is not installed."""
    bundled = [Dataset(name, about, bundled=True) for name, about in DEMOS.items()]
    if find_spec("mirdata") is None:
        return [*bundled, Dataset("mirdata:NAME", "mirdata's data sets: pip install 'earwitness[mirdata]'", False)]
    from earwitness.datasets.from_mirdata import describe_loaders

    return bundled + [Dataset(f"mirdata:{name}", about, bundled=False) for name, about in describe_loaders()]
