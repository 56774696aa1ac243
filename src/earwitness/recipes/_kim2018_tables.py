"""Tables 3.3 to 3.5 of Kim (2021) in their layout, from the scores of every combination of tasks."""

from collections.abc import Callable, Sequence
from importlib.resources import files

import numpy as np
import pandas as pd

from earwitness.learning.artist_groups.plan import Case
from earwitness.learning.artist_groups.scores import MEASURES, Scores
from earwitness.stats import Estimate

KINDS = ("STN", "MTN")


def table_3_3(scores: Scores) -> pd.DataFrame:
    """Means over combinations with and without g.

    Returns
    -------
    DataFrame
        `combinations` ("both kinds": those of two tasks or more, which STN and MTN both have; "as printed": STN with
        single tasks too, MTN without), `tasks`, `kind`, `measure`, `value`, `low`, `high`, `n`.
    """
    rows = []
    for combinations, least in (("both kinds", {"STN": 2, "MTN": 2}), ("as printed", {"STN": 1, "MTN": 2})):
        for tasks, with_g in (("without g", False), ("with g", True)):
            for kind in KINDS:
                for measure in MEASURES:
                    chosen = _of(kind, with_g, least[kind])
                    values = scores.values(measure, chosen)
                    if len(values):
                        found = scores.estimate(values.mean(axis=0))
                        rows.append(_row(found, combinations=combinations, tasks=tasks, kind=kind, measure=measure))
    return pd.DataFrame(rows)


def table_3_4(scores: Scores) -> pd.DataFrame:
    """Every combination: `tasks`, `kind`, `measure`, `value`, `low`, `high`, `n`, and the printed value."""
    told = {(row["tasks"], row["kind"]): row for row in published("3_4").to_dict("records")}
    rows = []
    for place, case in enumerate(scores.cases):
        if case.kind not in KINDS:
            continue
        printed = told.get((case.tasks, case.kind), {})
        for measure in MEASURES:
            found = scores.estimate(scores.values(measure)[place])
            row = _row(found, tasks=case.tasks, kind=case.kind, measure=measure)
            rows.append(row | {"printed": printed.get(measure, float("nan"))})
    return pd.DataFrame(rows)


def table_3_5(scores: Scores) -> pd.DataFrame:
    """By number of tasks, the best combination of each kind by log loss beside wSTN of equal size.

    The best of several is chosen on the clips that it is measured on, which flatters STN and MTN, as in the thesis.
    """
    rows = []
    numbers = sorted({case.number for case in scores.cases if case.kind == "wSTN"})
    for number in numbers:
        for kind in ("wSTN", *KINDS):
            places = [i for i, case in enumerate(scores.cases) if case.kind == kind and case.number == number]
            if not places:
                continue
            best = min(places, key=lambda place: float(scores.values("log loss")[place, 0]))
            for measure in MEASURES:
                found = scores.estimate(scores.values(measure)[best])
                rows.append(_row(found, number=number, kind=kind, tasks=scores.cases[best].tasks, measure=measure))
    return pd.DataFrame(rows)


def figure_3_3(scores: Scores) -> pd.DataFrame:
    """Means over combinations by number of tasks: `kind`, `number`, `measure`, `value`, `low`, `high`, `n`."""
    rows = []
    for kind in ("STN", "MTN", "wSTN", "untrained"):
        for number in sorted({case.number for case in scores.cases if case.kind == kind}):
            for measure in MEASURES:
                values = scores.values(measure, lambda c, k=kind, n=number: c.kind == k and c.number == n)
                found = scores.estimate(values.mean(axis=0))
                rows.append(_row(found, kind=kind, number=number, measure=measure) | {"combinations": len(values)})
    return pd.DataFrame(rows)


def published(number: str) -> pd.DataFrame:
    """A table as printed: "3_4" or "3_5"."""
    with (files("earwitness.recipes") / "published" / f"kim2018_table_{number}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def in_layout(scores: Scores) -> str:
    """The three tables as text, in the thesis' layout."""
    parts = [
        ("Table 3.3: means over combinations of two tasks or more", _wide(_both(table_3_3(scores)), ["tasks"])),
        ("Table 3.4: every combination of tasks", _wide(table_3_4(scores), ["tasks"])),
        ("Table 3.5: the best of each number of tasks, and one wide network", _wide(table_3_5(scores), ["number"])),
    ]
    note = f"95 % intervals over {scores.clips} clips that were held out; every network was trained once.\n"
    return "\n".join(f"{title}\n\n{table.to_string(na_rep='N/A')}\n" for title, table in parts if len(table)) + note


def _both(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["combinations"] == "both kinds"] if len(table) else table


def _wide(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row a combination or number, a column a measure and kind."""
    if not len(table):
        return table
    cells = [f"{v:.4f} [{a:.2f}, {b:.2f}]" for v, a, b in table[["value", "low", "high"]].itertuples(index=False)]
    told = table.assign(cell=cells)
    order = list(dict.fromkeys(told[by[0]]))
    wide = told.pivot_table(index=list(by), columns=["measure", "kind"], values="cell", aggfunc="first", sort=False)
    kinds = [kind for kind in ("wSTN", *KINDS) if kind in set(told["kind"])]
    return wide.reindex(index=order, columns=[(measure, kind) for measure in MEASURES for kind in kinds])


def _of(kind: str, with_g: bool, least: int) -> Callable[[Case], bool]:
    return lambda case: case.kind == kind and ("g" in case.tasks) == with_g and len(case.tasks) >= least


def _row(found: Estimate, **factors: object) -> dict[str, object]:
    return {**factors, "value": found.value, "low": found.low, "high": found.high, "n": found.n}


def slope(scores: Scores, measure: str) -> Estimate:
    """By how much a measure changes for each task more, least squares over the combinations of STN and MTN."""
    chosen = [case for case in scores.cases if case.kind in KINDS]
    number = np.array([case.number for case in chosen], dtype=float)
    centred = number - number.mean()
    values = scores.values(measure, lambda case: case.kind in KINDS)
    return scores.estimate(centred @ values / (centred @ centred))
