"""Ctrl-C between two steps rather than within one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def finish_step_first() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C is only noted, and what is yielded then answers True; the second acts at once.

    Signals reach the main thread alone: elsewhere nothing is changed, and the answer is False.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
