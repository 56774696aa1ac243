"""The command line: a file per command, each a thin skin over the functions of the other rooms."""

import sys
import warnings
from typing import TextIO

from earwitness.errors import EarwitnessError


def main() -> None:
    """Run `earwitness`; what it says on purpose is one sentence and exit status 2."""
    from earwitness.cli.app import app

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app()
    except EarwitnessError as error:
        print(f"earwitness: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("earwitness: stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(130)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,  # noqa: ARG001  (the signature is the standard library's)
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Our own warnings as a sentence; those of libraries, which a user can do nothing about, not at all."""
    if issubclass(category, UserWarning) and "earwitness" in filename:
        print(f"earwitness: note: {message}", file=sys.stderr)
