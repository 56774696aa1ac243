"""The drawing of the house is true: imports run downwards only, and the front door opens quickly."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "earwitness"
FLOORS = [
    {"cli"},
    {"recipes"},
    {"report"},
    {"inverting"},
    {"pipeline"},
    {"audits"},
    {"correction", "recommend", "learning", "audio_space"},
    {"extraction"},
    {"encoders", "datasets"},
    {"results", "embeddings", "store", "engine"},
    {"references"},
    {"audio", "distances", "stats"},
    {"charts"},
    {"errors"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "earwitness":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("earwitness.")}
    return found & FLOOR.keys()


def test_imports_run_downwards_only_and_in_no_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        assert room in FLOOR, f"{room} has no place in the drawing of the house"
        below = imported_rooms(file) - {room}
        arrows.setdefault(room, set()).update(below)
        upwards = [other for other in below if FLOOR[other] < FLOOR[room]]
        assert not upwards, f"{file.relative_to(SOURCE)} imports {', '.join(upwards)}, which comes after it"
    TopologicalSorter(arrows).prepare()  # raises CycleError where neighbours on a floor lean on each other


@pytest.mark.parametrize("module", ["earwitness", "earwitness.cli.app"])
def test_the_front_door_opens_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_import_takes_under_half_a_second() -> None:
    code = "import time; t = time.perf_counter(); import earwitness; print(time.perf_counter() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.5
