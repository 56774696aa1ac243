"""Work runs in any number of processes, and a process that dies says so in a sentence."""

import subprocess
import sys

import pytest

from earwitness import engine

KILLED = """
import os, signal
from earwitness import engine
from earwitness.errors import WorkerError

def work(item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item

try:
    engine.map(work, range(7), jobs=2)
except WorkerError as error:
    print(error)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_outcomes_keep_the_order_of_the_items(jobs: int) -> None:
    assert engine.map((2).__pow__, range(7), jobs=jobs) == [1, 2, 4, 8, 16, 32, 64]


def test_a_killed_worker_is_one_sentence_with_the_mend() -> None:
    # In a process of its own, since joblib keeps its workers for whoever comes next.
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=True, timeout=120)
    assert "killed from outside" in done.stdout
    assert "what was finished is kept" in done.stdout
    assert "--jobs 1" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_work_itself_is_let_through(jobs: int) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.map((1).__mod__, [1, 0, 2], jobs=jobs)


def test_the_engine_opens_without_its_libraries() -> None:
    code = "import sys, earwitness.engine; sys.exit(bool({'joblib', 'dask', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
