"""The command line: a file per command, each a thin skin over the functions of the other rooms."""

import sys

from earwitness.errors import EarwitnessError


def main() -> None:
    """Run `earwitness`; what it says on purpose is one sentence and exit status 2."""
    from earwitness.cli.app import app

    try:
        app()
    except EarwitnessError as error:
        print(f"earwitness: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("earwitness: stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(130)
