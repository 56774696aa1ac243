"""Work runs in any number of processes, and a process that dies says so in a sentence."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from earwitness import engine
from earwitness.errors import WorkerError


def _square_or_die(item: int, deadly: int) -> int:
    if item == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


@pytest.mark.parametrize("jobs", [1, 2])
def test_outcomes_keep_the_order_of_the_items(jobs: int) -> None:
    assert engine.map(partial(_square_or_die, deadly=-1), range(7), jobs=jobs) == [i * i for i in range(7)]


def test_a_killed_worker_is_one_sentence_with_the_mend() -> None:
    with pytest.raises(WorkerError, match=r"killed from outside.*what was finished is kept.*--jobs 1"):
        engine.map(partial(_square_or_die, deadly=3), range(7), jobs=2)


def test_an_error_of_the_work_itself_is_let_through() -> None:
    with pytest.raises(ZeroDivisionError):
        engine.map((1).__truediv__, [1, 0, 2], jobs=2)


def test_work_goes_on_after_a_worker_was_killed() -> None:
    with pytest.raises(WorkerError):
        engine.map(partial(_square_or_die, deadly=0), range(4), jobs=2)
    assert engine.map(partial(_square_or_die, deadly=-1), range(4), jobs=2) == [0, 1, 4, 9]


def test_the_engine_opens_without_its_libraries() -> None:
    code = "import sys, earwitness.engine; sys.exit(bool({'joblib', 'dask', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
