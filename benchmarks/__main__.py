"""Every benchmark, or those named: `python -m benchmarks front_end distances`."""

import sys
from importlib import import_module

BENCHMARKS = (
    "front_end",
    "perturbations",
    "encoders",
    "distances",
    "statistics",
    "explain",
    "correction",
    "learning",
    "main_job",
)


def main() -> None:
    """Run them one after the other; each prints its own table."""
    for name in sys.argv[1:] or BENCHMARKS:
        if name not in BENCHMARKS:
            sys.exit(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
        print(f"\n== {name}")
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
