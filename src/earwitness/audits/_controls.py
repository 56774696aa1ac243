"""The controls of an audit: results of the same audit on encoders that know little, to be compared clip by clip."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from earwitness.errors import InputError
from earwitness.results import AuditResult

Role = Literal["audited", "control"]


def check_controls(controls: Sequence[AuditResult], audit: str, **same: Any) -> None:
    """Refuse a control that cannot be compared.

    Parameters
    ----------
    controls
        Results made before.
    audit
        What they must be results of.
    same
        Parameters in which they must agree, such as `label`.

    Raises
    ------
    InputError
        If one is of another audit, has another option, or two have one name.
    """
    for control in controls:
        if control.audit != audit:
            raise InputError(f"the control {control.encoder} is a result of {control.audit!r}: give one of {audit!r}")
        for option, value in same.items():
            if control.parameters.get(option) != value:
                raise InputError(
                    f"the control {control.encoder} was measured with {option} = {control.parameters.get(option)!r} "
                    f"and this encoder with {value!r}: use the same for both"
                )
    names = [control.encoder for control in controls]
    if len(set(names)) < len(names):
        raise InputError(f"two controls have the same name: {', '.join(names)}")


def check_role(role: str) -> None:
    """Refuse what is neither of the two roles."""
    if role not in ("audited", "control"):
        raise InputError(f"role is {role!r}: an encoder is 'audited' or a 'control'")


def paired(ours: pd.DataFrame, theirs: pd.DataFrame, keys: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The items of both with the same keys, in our order.

    Raises
    ------
    InputError
        If they share none.
    """
    mine = pd.MultiIndex.from_frame(ours[list(keys)])
    position = pd.MultiIndex.from_frame(theirs[list(keys)]).get_indexer(mine)
    if not (position >= 0).any():
        raise InputError("an encoder and its control share no clip: measure both on the same clips")
    common = np.flatnonzero(position >= 0)
    return ours.iloc[common].reset_index(drop=True), theirs.iloc[position[common]].reset_index(drop=True)
