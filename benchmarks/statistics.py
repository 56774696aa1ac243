"""The statistics room beside its peers: mixed models on 512,000 rows, the bootstrap, additive models, designs.

    python -m benchmarks.statistics

Each fit runs in a process of its own, so that its peak memory is its own; `seconds` is wall time, `cpu` processor time.
lme4 is not run: its figure is the one measured for the specification (R 4.2.2, lme4 1.1-31, one core).
"""

import resource
import time
from collections.abc import Callable
from itertools import combinations, product
from multiprocessing import get_context

import numpy as np
import pandas as pd

EXPLAINERS = ["Random", "PDP", "Saliency", "LIME"]
FORMULA = "fidelity ~ explainer * log_omega + (1 + PDP + Saliency + LIME + m || group)"


def explain_design(users: int = 1000, seed: int = 0) -> pd.DataFrame:
    """16 data sets x recommenders, 1,000 users, 4 explainers, 8 sample sizes: 512,000 rows (thesis, section 5.2)."""
    rng = np.random.default_rng(seed)
    cells = product(range(16), range(users), range(4), range(8))
    group, user, explainer, omega = np.array(list(cells), dtype=np.int32).T
    data = pd.DataFrame({"group": group, "m": rng.beta(2, 5, size=(4, users))[group // 4, user]})
    data["explainer"] = pd.Categorical.from_codes(explainer, EXPLAINERS)
    data["log_omega"] = omega * np.log(2)
    for k, name in enumerate(EXPLAINERS[1:], 1):
        data[name] = (explainer == k).astype(float)
    spread = np.sqrt([0.0006, 0.0101, 0.0434, 0.0439, 0.2569])  # section 5.4
    effects = rng.normal(size=(16, 5)) * spread
    columns = np.column_stack([np.ones(len(data)), data[EXPLAINERS[1:]], data["m"]])
    fixed = np.array([0.0, 0.03, 0.27, 0.4])[explainer] + np.array([0, 0.05, 0.08, 0.09])[explainer] * data["log_omega"]
    return data.assign(fidelity=fixed + np.sum(columns * effects[group], 1) + 0.2 * rng.normal(size=len(data)))


def ours(formula: str) -> dict[str, float]:
    """Fit; then intervals with Satterthwaite degrees of freedom, and R2."""
    from earwitness.stats import mixed_model

    data = explain_design()
    begin = time.perf_counter(), time.process_time()
    model = mixed_model(formula, data)
    fitted = time.perf_counter(), time.process_time()
    model.to_frame()
    print(f"    {model}")
    return {
        "seconds": fitted[0] - begin[0],
        "cpu": fitted[1] - begin[1],
        "intervals (s)": time.perf_counter() - fitted[0],
        "criterion": model.criterion,
        "variance of m": float(model.variances().query("term == 'm'")["variance"].iloc[0]),
    }


def statsmodels_mixedlm(covariance: str) -> dict[str, float]:
    """The same model through statsmodels' MixedLM."""
    import warnings

    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    data = explain_design()
    begin = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM.from_formula(
            "fidelity ~ explainer * log_omega", data, groups="group", re_formula="1 + PDP + Saliency + LIME + m"
        )
        independent = MixedLMParams.from_components(fe_params=np.ones(8), cov_re=np.eye(5))
        fit = model.fit(reml=True, **({"free": independent} if covariance == "diagonal" else {}))
    return {
        "seconds": time.perf_counter() - begin[0],
        "cpu": time.process_time() - begin[1],
        "criterion": -2 * fit.llf,
        "variance of m": float(fit.cov_re.loc["m", "m"]),
    }


def _alone(task: tuple[Callable[[str], dict[str, float]], str]) -> dict[str, float]:
    function, argument = task
    found = function(argument)
    return {**found, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def mixed_models() -> pd.DataFrame:
    """512,000 rows, diagonal and full covariance."""
    full = FORMULA.replace("||", "|")
    tasks = {
        ("diagonal", "earwitness"): (ours, FORMULA),
        ("diagonal", "statsmodels"): (statsmodels_mixedlm, "diagonal"),
        ("full", "earwitness"): (ours, full),
        ("full", "statsmodels"): (statsmodels_mixedlm, "full"),
    }
    rows = []
    for (covariance, who), task in tasks.items():
        with get_context("spawn").Pool(1) as pool:
            rows.append({"covariance": covariance, "who": who, **pool.map(_alone, [task])[0]})
    rows.append({"covariance": "diagonal", "who": "lme4 (specification)", "seconds": 25.7})
    table = pd.DataFrame(rows)
    best = table.groupby("covariance")["criterion"].transform("min")
    return table.assign(above=table["criterion"] - best).drop(columns="criterion")


def resampling() -> pd.DataFrame:
    """10,000 resamples of 10,000 items."""
    from scipy.stats import bootstrap as scipy_bootstrap

    from earwitness.stats import bootstrap

    values = np.random.default_rng(0).normal(size=10_000)
    rows = []
    for who, call in {
        "earwitness, percentile": lambda rng: bootstrap(values, n_resamples=10_000, rng=rng),
        "earwitness, BCa": lambda rng: bootstrap(values, method="bca", n_resamples=10_000, rng=rng),
        "scipy, percentile": lambda rng: scipy_bootstrap(
            (values,), np.mean, n_resamples=10_000, batch=400, method="percentile", rng=rng
        ),
    }.items():
        begin = time.perf_counter(), time.process_time()
        call(np.random.default_rng(0))
        rows.append((who, time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return pd.DataFrame(rows, columns=["who", "seconds", "cpu"])


def others() -> pd.DataFrame:
    """An additive model of 40 curves, and the 352 runs of the thesis."""
    from earwitness.stats import additive_model, sequential_design

    rng = np.random.default_rng(0)
    cells = product("abcd", "mv", "12345", np.linspace(0, 1, 16), range(4))
    data = pd.DataFrame(cells, columns=["task", "encoder", "change", "x", "trial"])
    data["y"] = np.sin(3 * data["x"]) * (data["encoder"] == "m") + 0.1 * rng.normal(size=len(data))
    sources = [f"s{k}" for k in range(8)]
    subsets = [c for k in range(2, 8) for c in combinations(sources, k)]
    pool = pd.DataFrame(
        [{**{s: int(s in c) for s in sources}, "strategy": t, "n": len(c)} for t, c in product(range(5), subsets)]
    )
    formula = "y ~ (task + encoder + change)^2 + s(x, by = task:encoder:change)"
    rows = []
    for what, call in {
        f"additive model, 40 curves, {len(data)} rows": lambda: additive_model(formula, data),
        "352 of 1,230 runs": lambda: sequential_design(pool, 352, structural=["n"]),
    }.items():
        begin = time.perf_counter(), time.process_time()
        found = call()
        rows.append((what, time.perf_counter() - begin[0], time.process_time() - begin[1], str(found)[-60:]))
    return pd.DataFrame(rows, columns=["what", "seconds", "cpu", "result"])


def main() -> None:
    """Print the tables."""
    for title, table in {
        "Mixed model, explain design": mixed_models,
        "Bootstrap of a mean, 10,000 resamples of 10,000 items": resampling,
        "Additive model and design": others,
    }.items():
        print(f"\n{title}")
        print(table().to_string(index=False, float_format=lambda x: f"{x:.3f}", na_rep=""))


if __name__ == "__main__":
    main()
