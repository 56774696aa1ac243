"""A correction comes back from disk as it went; what is damaged or foreign does not come back."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from planted_domains import planted
from sklearn.linear_model import Ridge

from earwitness.correction import METHODS, DomainProjection, load, load_with_notes, make_correction, save
from earwitness.errors import InputError

VARIANTS = [
    *((name, {}) for name in METHODS),
    ("lda", {"standardize": "per_domain", "unseen": "pooled"}),
    ("klda", {"kernel": "fastfood", "standardize": "per_domain_fit_source_apply", "source": "a"}),
    ("mklda", {"kernel": "nystroem", "n_features": 20, "on_degenerate": "as_published"}),
    ("coral", {"standardize": "none", "target": "a"}),
]


def fitted(tmp_path: Path) -> Path:
    X, domain = planted(6).draw(80, np.random.default_rng(0))
    return save(DomainProjection().fit(X, sample_domain=domain), tmp_path / "lda.json")


@pytest.mark.parametrize(("method", "options"), VARIANTS)
def test_what_is_loaded_transforms_to_the_same_bits(method: str, options: dict[str, object], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(6).draw(120, rng)
    X[:, 2] = 1.5
    genre = np.array(["x", "y"])[rng.integers(0, 2, 120)]
    correction = make_correction(method, **options).fit(X, sample_domain=domain, strata=genre)
    written = save(correction, tmp_path / "correction", about={"method": method, "clips": {"a": 3}})
    assert written == tmp_path / "correction.json"
    for name in ("correction", "correction.json", "correction.safetensors"):
        again, about = load_with_notes(tmp_path / name)
        assert type(again) is type(correction)
        assert again.get_params() == correction.get_params()
        assert about == {"method": method, "clips": {"a": 3}}
        np.testing.assert_array_equal(
            again.transform(X, sample_domain=domain), correction.transform(X, sample_domain=domain)
        )
        assert vars(again).keys() == vars(correction).keys()
    if method == "mlda":
        assert load(written).strata_ == correction.strata_ == ("x", "y")  # type: ignore[attr-defined]


def test_the_pair_is_text_for_people_and_arrays_for_programs(tmp_path: Path) -> None:
    path = fitted(tmp_path)
    head = json.loads(path.read_text())
    assert head["correction"] == "DomainProjection"
    assert head["parameters"]["direction"] == "lda"
    arrays = safetensors.numpy.load_file(path.with_suffix(".safetensors"))
    np.testing.assert_array_equal(arrays["components_"], load(path).components_)  # type: ignore[attr-defined]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lda.json", "lda.safetensors"]


def test_names_of_columns_and_options_of_numpy_come_back(tmp_path: Path) -> None:
    import pandas as pd

    X, domain = planted(3).draw(40, np.random.default_rng(0))
    frame = pd.DataFrame(X, columns=["x", "y", "z"])
    correction = DomainProjection(min_per_side=np.int64(7), min_variance=np.float64(0)).fit(frame, sample_domain=domain)
    again = load(save(correction, tmp_path / "c"))
    assert again.get_params()["min_per_side"] == 7
    np.testing.assert_array_equal(again.transform(frame), correction.transform(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.transform(frame[["z", "y", "x"]])


def test_another_run_is_never_mixed_in(tmp_path: Path) -> None:
    path = fitted(tmp_path)
    X, domain = planted(6).draw(80, np.random.default_rng(1))
    other = save(DomainProjection().fit(X, sample_domain=domain), tmp_path / "other.json")
    other.with_suffix(".safetensors").replace(path.with_suffix(".safetensors"))
    with pytest.raises(InputError, match=r"lda.safetensors: damaged, or not the arrays of lda.json"):
        load(path)


def test_files_that_are_no_corrections_are_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing.json: cannot be read"):
        load(tmp_path / "missing")
    path = fitted(tmp_path)
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(InputError, match=r"lda.safetensors: cannot be read"):
        load(path)
    path = fitted(tmp_path)
    for text in ("{", "[]", '{"format": 99}', '{"format": 1, "correction": "os.system"}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"lda.json: not a correction") as caught:
            load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head["parameters"].update({"colour": 1}),
        lambda head: head["state"].update({"transform": {"value": 1}}),
        lambda head: head["state"].update({"__class__": {"value": 1}}),
        lambda head: head["state"].update({"n_removed_": {"value": 1}}),
        lambda head: head["state"].update({"center_": {"array": "elsewhere"}}),
        lambda head: head["state"]["scaling_"].update({"part": "Popen"}),
        lambda head: head.pop("state"),
    ],
)
def test_a_file_can_set_nothing_but_what_a_fit_learns(change: object, tmp_path: Path) -> None:
    path = fitted(tmp_path)
    head = json.loads(path.read_text())
    change(head)  # type: ignore[operator]
    path.write_text(json.dumps(head))
    with pytest.raises(InputError, match=r"lda.json: not a correction that Earwitness wrote"):
        load(path)


def test_only_fitted_corrections_are_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not fitted"):
        save(DomainProjection(), tmp_path / "c")
    with pytest.raises(InputError, match="Ridge cannot be saved"):
        save(Ridge(), tmp_path / "c")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
