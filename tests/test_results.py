"""A result comes back from JSON as it was, whatever is missing in it."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.results import FORMAT, AuditResult, Estimate, Verdict

numbers = st.floats(allow_nan=True, allow_infinity=False)


def result_of(values: list[float], names: list[str]) -> AuditResult:
    table = pd.DataFrame(
        {
            "measure": names,
            "value": values,
            "low": np.nan,
            "high": values,
            "n": range(len(values)),
            "note": "",
            "class": [None if i % 2 else name for i, name in enumerate(names)],
        }
    )
    items = pd.DataFrame({"clip": names, "score": values})
    verdict = Verdict("open", "Transfer", "ROC-AUC **0.5**", "mfcc 0.5")
    return AuditResult("transfer", "mfcc", "demo", table, (verdict,), {"seed": 0}, {"versions": {}}, items)


@given(st.lists(st.tuples(numbers, st.text()), min_size=1))
def test_json_brings_back_every_number_and_name(rows: list[tuple[float, str]]) -> None:
    result = result_of([value for value, _ in rows], [name for _, name in rows])
    back = AuditResult.from_json(result.to_json())
    assert back.verdicts == result.verdicts
    np.testing.assert_array_equal(back.table["value"], result.table["value"])
    assert back.table["measure"].tolist() == result.table["measure"].tolist()
    assert back.items["clip"].tolist() == result.items["clip"].tolist()
    assert back.to_json() == result.to_json()


def test_json_has_null_and_never_nan() -> None:
    text = result_of([float("nan")], ["x"]).to_json()
    assert "NaN" not in text
    assert json.loads(text)["table"]["value"] == [None]


def test_one_number_is_found_by_its_measure_and_factors() -> None:
    result = result_of([0.5, 0.25], ["a", "b"])
    assert result.estimate("b").value == 0.25
    with pytest.raises(InputError, match="0 rows of the transfer table fit 'c'"):
        result.estimate("c")


def test_what_is_no_result_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="not a result"):
        AuditResult.from_json('{"format": 1}')
    with pytest.raises(InputError, match="not a result"):
        AuditResult.from_json("{")
    with pytest.raises(InputError, match="upgrade"):
        AuditResult.from_json(json.dumps({"format": FORMAT + 1}))


def test_an_estimate_reads_as_a_sentence() -> None:
    assert str(Estimate(0.5, 0.4, 0.6, 100)) == "0.50 (95% 0.40 to 0.60, n=100)"
    assert "no interval: one clip" in str(Estimate(0.5, float("nan"), float("nan"), 1, "one clip"))
