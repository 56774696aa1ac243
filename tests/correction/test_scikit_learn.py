"""Every correction is a scikit-learn estimator: its own checks, pipelines, searches with metadata routing."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from planted_domains import planted
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import _num_samples

from earwitness.correction import CORAL, INLP, LEACE, METHODS, DomainProjection, DomainStandardizer, make_correction


class _Told:
    """The checks call `fit(X)`; this says that every other clip is of another domain."""

    def fit(self, X: Any, y: Any = None, *, sample_domain: Any = None, strata: Any = None) -> Any:
        domain = _alternating(X) if sample_domain is None else sample_domain
        return super().fit(X, y, sample_domain=domain, strata=strata)  # type: ignore[misc]

    def fit_transform(self, X: Any, y: Any = None, *, sample_domain: Any = None, strata: Any = None) -> Any:
        return self.fit(X, y, sample_domain=sample_domain, strata=strata).transform(X)

    def transform(self, X: Any, *, sample_domain: Any = None) -> Any:
        if self.needs_domain and sample_domain is None:  # type: ignore[attr-defined]
            sample_domain = np.zeros_like(_alternating(X))  # for each clip the same, whatever batch it comes in
        return super().transform(X, sample_domain=sample_domain)  # type: ignore[misc]


def _alternating(X: Any) -> np.ndarray:
    try:
        return np.arange(_num_samples(X)) % 2
    except TypeError:
        return np.arange(1)


class ToldProjection(_Told, DomainProjection):
    pass


class ToldLEACE(_Told, LEACE):
    pass


class ToldINLP(_Told, INLP):
    pass


class ToldCORAL(_Told, CORAL):
    pass


class ToldStandardizer(_Told, DomainStandardizer):
    pass


TOLD = {
    "none": ToldProjection(direction="none", standardize="none"),
    "lda": ToldProjection(),
    "lda as published": ToldProjection(standardize="none"),
    "lda per domain": ToldProjection(standardize="per_domain"),
    "klda": ToldProjection(kernel="rff"),
    "klda as published": ToldProjection(kernel="fastfood", standardize="per_domain_fit_source_apply", source=0),
    "klda nystroem": ToldProjection(kernel="nystroem"),
    "k": ToldProjection(direction="none", kernel="rff"),
    "mean": ToldProjection(direction="mean"),
    "random": ToldProjection(direction="random"),
    "leace": ToldLEACE(),
    "inlp": ToldINLP(n_iter=2),
    "coral": ToldCORAL(),
    "zscore": ToldStandardizer(),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "inlp" else n for n in TOLD])
def test_scikit_learns_own_checks_pass(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the checks, about those that they skip themselves
        results = check_estimator(TOLD[name], on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert failed == {}
    assert sum(r["status"] == "passed" for r in results) > 40


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_keyword_options_only_and_can_be_cloned(method: str) -> None:
    correction = make_correction(method)
    assert repr(clone(correction)) == repr(correction)
    with pytest.raises(TypeError):
        type(correction)("lda")  # type: ignore[arg-type, call-arg]
    with pytest.raises(NotFittedError):
        correction.transform(np.zeros((2, 2)))


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("mlda", "mklda")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_clips_is_kept(method: str, dtype: type) -> None:
    X, domain = planted(5).draw(60, np.random.default_rng(0))
    assert make_correction(method).fit_transform(X.astype(dtype), sample_domain=domain).dtype == dtype


def task() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A class that can be read off in either domain, and a domain that is in the way."""
    rng = np.random.default_rng(0)
    X, domain = planted(10).draw(240, rng)
    y = rng.integers(0, 2, 240)
    X[:, 0] += 2 * y
    return X, y, domain, np.array(["x", "y"])[rng.integers(0, 2, 240)]


@pytest.mark.parametrize("method", ["lda", "mlda", "leace", "zscore", "coral"])
def test_a_search_over_a_pipeline_fits_each_correction_on_its_own_training_clips(method: str) -> None:
    X, y, domain, genre = task()
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        steps = [("correct", make_correction(method)), ("scale", StandardScaler()), ("classify", LogisticRegression())]
        search = GridSearchCV(Pipeline(steps), {"classify__C": [0.01, 1.0]}, cv=folds)
        search.fit(X, y, sample_domain=domain, strata=genre)
        predicted = search.best_estimator_.predict(X, sample_domain=domain)
    assert (predicted == y).mean() > 0.75
    for k, C in enumerate([0.01, 1.0]):
        for fold, (train, test) in enumerate(folds.split(X, y)):
            correct = make_correction(method).fit(X[train], sample_domain=domain[train], strata=genre[train])
            Z, Zt = (correct.transform(X[rows], sample_domain=domain[rows]) for rows in (train, test))
            scale = StandardScaler().fit(Z)
            by_hand = LogisticRegression(C=C).fit(scale.transform(Z), y[train]).score(scale.transform(Zt), y[test])
            assert search.cv_results_[f"split{fold}_test_score"][k] == pytest.approx(by_hand, abs=1e-12)


def test_a_search_can_choose_among_corrections() -> None:
    X, y, domain, genre = task()
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline([("correct", DomainProjection()), ("classify", LogisticRegression(max_iter=1000))])
        grid = {"correct": [make_correction("none"), make_correction("mean"), make_correction("mlda"), LEACE()]}
        search = GridSearchCV(pipeline, grid, cv=3, scoring="roc_auc").fit(X, y, sample_domain=domain, strata=genre)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_names_of_columns_are_remembered_and_checked() -> None:
    import pandas as pd

    X, domain = planted(3).draw(40, np.random.default_rng(0))
    frame = pd.DataFrame(X, columns=["x", "y", "z"])
    correction = DomainProjection().fit(frame, sample_domain=pd.Series(domain, index=range(5, 45)))
    assert list(correction.feature_names_in_) == ["x", "y", "z"]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="feature names"):
        correction.transform(frame[["z", "y", "x"]])
