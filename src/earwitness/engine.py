"""Where work runs: this process, local workers, or a Dask cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol, TypeVar

from earwitness.errors import InputError, MissingExtraError, WorkerError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Progress(Protocol):
    """Told how much of a stage is done; the command line draws a bar from it."""

    def __call__(self, done: int, total: int, stage: str) -> None: ...


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map(  # noqa: A001  (engine.map is the name of the thing)
    function: Callable[[Item], Outcome],
    items: Sequence[Item],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
    stage: str = "",
) -> list[Outcome]:
    """Apply `function` to every item and return the outcomes in the order of the items.

    Parameters
    ----------
    function
        Must give the same for an item wherever and whenever it runs. With several workers it must pickle.
    items
        Units of work, each worth at least a tenth of a second.
    jobs
        Local worker processes; 1 runs here, None takes every core.
    cluster
        Address of a Dask scheduler, such as tcp://host:8786, in place of local workers.
    progress
        Called after each finished item.
    stage
        What the work is, for the progress bar.

    Raises
    ------
    InputError
        If the cluster does not answer.
    WorkerError
        If a worker is ended from outside: killed, or out of memory.
    """
    outcomes: list[Outcome | None] = [None] * len(items)
    with _running(function, items, jobs, cluster) as finished:
        for done, (position, outcome) in enumerate(finished, start=1):
            outcomes[position] = outcome
            if progress is not None:
                progress(done, len(items), stage)
    return outcomes  # type: ignore[return-value]


@contextmanager
def _running(
    function: Callable[[Item], Outcome], items: Sequence[Item], jobs: int | None, cluster: str | None
) -> Iterator[Iterable[tuple[int, Outcome]]]:
    jobs = min(jobs or cores(), max(len(items), 1))
    if cluster is None and jobs == 1:
        yield ((position, function(item)) for position, item in enumerate(items))
        return
    import joblib

    calls = (joblib.delayed(_numbered)(function, position, item) for position, item in enumerate(items))
    if cluster is None:
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        with _deaths_in_words(), closing(parallel(calls)) as outcomes:
            yield outcomes
        return
    with (
        _client(cluster),
        joblib.parallel_config(backend="dask"),
        _deaths_in_words(),
        closing(joblib.Parallel(return_as="generator_unordered")(calls)) as outcomes,
    ):
        yield outcomes


@contextmanager
def _deaths_in_words() -> Iterator[None]:
    """A worker's death as one sentence: whoever meets it can do something about memory, not about a process pool."""
    try:
        yield
    except Exception as error:
        # By their names, so that neither library is imported where it is not used.
        if type(error).__name__ not in ("TerminatedWorkerError", "KilledWorker"):
            raise
        raise WorkerError(
            "a worker process was killed from outside, most often for want of memory: what was finished is kept, so "
            "run the same command again, with fewer workers (--jobs 1) if memory is short"
        ) from error


def _numbered(function: Callable[[Item], Outcome], position: int, item: Item) -> tuple[int, Outcome]:
    return position, function(item)


@contextmanager
def _client(address: str) -> Iterator[None]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(f"--cluster {address}", "cluster") from error
    try:
        client = Client(address, timeout="10s", set_as_default=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or mend it"
        ) from error
    with client:
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and the numerical libraries on one thread: workers share the cores, and sums keep one order.

    A sum in another order is another number in its last digits.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
