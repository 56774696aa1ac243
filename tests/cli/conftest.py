"""Running the command as a person does, without the price of a new process each time."""

import sys
from collections.abc import Callable

import pytest

from earwitness.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """`run("audit", ...)` gives exit status, standard output and standard error."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["earwitness", *arguments])
        try:
            main()
            code = 0
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command
