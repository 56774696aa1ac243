"""Where a network runs, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

from earwitness.errors import EncoderError

_lock = Lock()


@contextmanager
def one_thread() -> Iterator[int]:
    """Torch computes on one thread inside, for whoever works on several parts at once; yields how many it had.

    The setting is the process's, so only one such block runs at a time.
    """
    with _lock:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield before
        finally:
            torch.set_num_threads(before)


def pick_device(device: str | None = None) -> torch.device:
    """The device of that name, or where none is named a graphics processor if torch sees one, else the processor.

    Raises
    ------
    EncoderError
        If torch does not know it or has none.
    """
    try:
        picked = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=picked)
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(f"torch has no device {device!r} here; leave it out, or take 'cpu'") from error
    return picked
