"""The state of a run on disk: whole or absent, read without running code, refused where it is another network's."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from earwitness.errors import InputError
from earwitness.learning.run_folder import first_difference
from earwitness.store import whole_file

NAME = "checkpoint.pt"
_LAYOUT = 1
_PARTS = {"layout", "architecture", "run", "step", "rows", "sums", "network", "optimiser"}


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes
    ----------
    step
        Steps that are done.
    rows, sums
        Of `Losses`.
    """

    step: int = 0
    rows: list[Any] = field(default_factory=list)
    sums: dict[str, Any] = field(default_factory=dict)


def architecture(network: nn.Module) -> dict[str, list[int]]:
    """The shape of everything that a network's state holds, by name."""
    return {name: list(value.shape) for name, value in network.state_dict().items()}


def write_state(
    folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, run: Mapping[str, Any], state: State
) -> None:
    """Write `checkpoint.pt`; a kill at any moment leaves the one before or the new one."""
    everything = {
        "layout": _LAYOUT,
        "architecture": architecture(network),
        "run": json.dumps(dict(run), sort_keys=True),
        "step": state.step,
        "rows": [list(row) for row in state.rows],
        "sums": {part: list(value) for part, value in state.sums.items()},
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    with whole_file(folder / NAME) as draft:
        torch.save(everything, draft)


def read_state(
    folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, run: Mapping[str, Any], steps: int
) -> State:
    """Put the checkpoint of a folder into a network and its optimiser; the very beginning where there is none.

    Raises
    ------
    InputError
        If it cannot be read, or is of another architecture, another run, or further than `steps`.
    """
    file = folder / NAME
    if not file.exists():
        return State()
    kept = _read(file)
    _same_architecture(file, kept["architecture"], architecture(network))
    _same_run(file, json.loads(kept["run"]), json.loads(json.dumps(dict(run))))
    if kept["step"] > steps:
        raise InputError(
            f"{file} has already taken {kept['step']} steps and {steps} are asked for: choose another folder, or as "
            "many steps or more"
        )
    network.load_state_dict(kept["network"])
    optimiser.load_state_dict(kept["optimiser"])
    return State(kept["step"], kept["rows"], kept["sums"])


def steps_done(folder: Path) -> int:
    """How many steps the checkpoint in a folder has taken; 0 where there is none."""
    file = folder / NAME
    return int(_read(file)["step"]) if file.exists() else 0


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{file} is no checkpoint that can be read ({type(error).__name__}): remove it to begin anew"
        ) from error
    if not isinstance(kept, dict) or kept.keys() != _PARTS or kept["layout"] != _LAYOUT:
        raise InputError(f"{file} is no checkpoint of this version: remove it to begin anew, or choose another folder")
    return kept


def _same_architecture(file: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if kept == wanted:
        return
    name = next(name for name in [*wanted, *kept] if kept.get(name) != wanted.get(name))
    shapes = [" x ".join(map(str, have[name])) if name in have else "absent" for have in (kept, wanted)]
    raise InputError(
        f"{file} is a checkpoint of another architecture ({name} is {shapes[0]} in it and {shapes[1]} in this "
        "network): choose another folder, or the options it was trained with"
    )


def _same_run(file: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    different = first_difference(kept, wanted)
    if different is not None:
        raise InputError(
            f"{file} is of another run ({different}): choose another folder, or the options it was trained with"
        )
