"""Dataset bias and its correction: the experiment of Wang, Richard and McFee (2023) on IRMAS and OpenMIC-2018.

The published protocol gives Table 1 and Figures 1 to 3, beside the published numbers; the audits of bias and
correction then ask the same of the same clips with controls, tests and intervals.

Where this differs from the paper: the split of IRMAS is a new one by the same rule, since the authors' is not
published; kernel features are plain random Fourier features, as many as the code makes (8 a dimension), and not
Fastfood's; a genre that has no positives in one data set is left out of class-wise mLDA, where the code fitted a
direction to one data set.
"""

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import audits, engine, report
from earwitness.charts import save
from earwitness.charts import wang2023 as figures
from earwitness.datasets import Clips, load_clips
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.extraction import embed_all
from earwitness.recipes import Options
from earwitness.recipes._wang2023_data import GENRES, INSTRUMENTS, Corpus, irmas, openmic, published_vectors
from earwitness.recipes._wang2023_protocol import DOMAINS, Choices, experiment, sample, table_one
from earwitness.results import AuditResult
from earwitness.store import whole_file

SEEDS = {"small": 1, "full": 10}
"""Samples that are drawn; the paper has one."""

CONTROLS = ("mfcc", "random")
_OPENMIC_TABLE = "openmic-2018-metadata.csv"


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Run the experiment, and write a report, tables and figures.

    Parameters
    ----------
    sources
        The folders of OpenMIC-2018 and IRMAS as mirdata lays them out, in any order, with encoders in `options`; or the
        folder of OpenMIC-2018 (its tables are enough) and the authors' file of embeddings, `embeddings.h5`.
    out
        Folder: `report.html` and what belongs to it, `tables/*.csv`, `figures/*.svg`.
    options
        Encoders; the scale: "small" (one sample a class and data set) or "full" (ten).

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If a source is missing, or cannot be used.
    """
    spaces = _published(sources, options) if _hdf5(sources) else _embedded(sources, options)
    scale = options.scale or "small"
    if scale not in SEEDS:
        raise InputError(f"there is no scale {scale!r}: choose {' or '.join(SEEDS)}")
    scores, cosines = _experiments(spaces, range(options.seed, options.seed + SEEDS[scale]), options)
    write_tables(scores, cosines, _genres(spaces[0][1], options.seed), out)
    results = _audits(spaces, options)
    return report.write(results, out, seed=options.seed, command=f"reproduce wang2023 --scale {scale}")


Space = tuple[str, list[Corpus], list[NDArray[np.float64]]]
"""Name of an embedding, both data sets, and the vectors of each."""


def _hdf5(sources: Sequence[str]) -> list[Path]:
    return [Path(source) for source in sources if str(source).endswith((".h5", ".hdf5"))]


def _openmic_folder(sources: Sequence[str]) -> Path:
    for source in sources:
        for folder in (Path(source), Path(source) / "openmic-2018"):
            if (folder / _OPENMIC_TABLE).exists():
                return folder
    raise InputError(
        f"wang2023 wants the folder of OpenMIC-2018, with {_OPENMIC_TABLE} in it, and that of IRMAS or the published "
        "embeddings.h5: `earwitness reproduce wang2023 ~/openmic-2018 ~/IRMAS -e musicnn-msd`"
    )


def _published(sources: Sequence[str], options: Options) -> list[Space]:
    """Spaces of the authors' file."""
    from earwitness.datasets.from_mirdata import mirdata_table

    table = mirdata_table(f"mirdata:openmic2018@{_openmic_folder(sources)}")
    vectors = {(corpus, name): (keys, X) for corpus, name, keys, X in published_vectors(_hdf5(sources)[0])}
    found = []
    for name in dict.fromkeys(name for corpus, name in vectors if ("irmas", name) in vectors):
        if ("openmic", name) not in vectors:
            continue
        corpora = [irmas(list(vectors["irmas", name][0]), options.seed), openmic(table, "word")]
        found.append(_aligned(name, corpora, [vectors[domain, name] for domain in DOMAINS]))
    return found


def _embedded(sources: Sequence[str], options: Options) -> list[Space]:
    """Spaces of encoders."""
    if not options.encoders:
        raise InputError("wang2023 wants an encoder or more (-e), or the authors' embeddings.h5 among its sources")
    there = _openmic_folder(sources)
    other = [
        Path(source) for source in sources if Path(source).resolve() not in (there.resolve(), there.parent.resolve())
    ]
    if not other:
        raise InputError("wang2023 wants a second folder, that of IRMAS, or the authors' embeddings.h5")
    clips = [load_clips(f"mirdata:irmas@{other[0]}"), load_clips(f"mirdata:openmic2018@{there}")]
    keys = [_stems(clips[0]), clips[1].table["clip"].to_numpy()]
    corpora = [irmas(list(keys[0]), options.seed), openmic(clips[1].table, "word")]
    names = list(dict.fromkeys([*options.encoders, *CONTROLS]))
    rows = [
        embed_all(part, names, [None], jobs=options.jobs, cluster=options.cluster, progress=options.progress)
        for part in clips
    ]
    found = []
    for place in range(len(names)):
        each = [rows[d][place][0] for d in (0, 1)]
        vectors = []
        for d, one in enumerate(each):
            position = pd.Index(clips[d].table["clip"]).get_indexer(pd.Index(one.column("clip")))
            vectors.append((keys[d][position], one.vectors.astype(np.float64)))
        found.append(_aligned(each[0].encoder, corpora, vectors))
    return found


def _stems(clips: Clips) -> NDArray[Any]:
    """Names of files without endings: mirdata shortens IRMAS's, and instrument and genre stand in them."""
    return np.array([Path(str(path)).stem for path in clips.table["path"]], dtype=object)


def _aligned(
    name: str, corpora: Sequence[Corpus], vectors: Sequence[tuple[NDArray[Any], NDArray[np.float64]]]
) -> Space:
    """The clips of which both label and vector are there."""
    kept, found = [], []
    for corpus, (keys, X) in zip(corpora, vectors, strict=True):
        place = pd.Index(keys).get_indexer(pd.Index(corpus.keys))
        if not (place >= 0).any():
            raise InputError(f"{name}: no vector of {corpus.name} has the name of one of its clips")
        rows = np.flatnonzero(place >= 0)
        kept.append(corpus.take(rows))
        found.append(X[place[rows]])
    return name, kept, found


def _experiments(spaces: Sequence[Space], seeds: range, options: Options) -> tuple[pd.DataFrame, pd.DataFrame]:
    work = list(product(range(len(spaces)), range(len(INSTRUMENTS)), seeds))
    outcomes = engine.map(
        partial(_one, spaces=spaces),
        work,
        jobs=options.jobs,
        cluster=options.cluster,
        progress=options.progress,
        stage="instruments",
    )
    return tuple(pd.DataFrame([row for found in outcomes for row in found[part]]) for part in (0, 1))  # type: ignore[return-value]


def _one(task: tuple[int, int, int], spaces: Sequence[Space]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One embedding, instrument and seed."""
    place, instrument, seed = task
    name, corpora, vectors = spaces[place]
    clips = sample(corpora, vectors, instrument, seed)
    found = experiment(clips, INSTRUMENTS[instrument], Choices())
    about = {"embedding": name, "seed": seed}
    return [about | row for row in found[0]], [about | row for row in found[1]]


def _genres(corpora: Sequence[Corpus], seed: int) -> pd.DataFrame:
    """Figure 2: training positives by data set, instrument and genre, after equalisation."""
    rows = []
    empty = [np.zeros((len(corpus.keys), 1)) for corpus in corpora]
    for place, instrument in enumerate(INSTRUMENTS):
        one = sample(corpora, empty, place, seed)
        for corpus, y, genre in zip(corpora, one.y, one.genre, strict=True):
            rows += [
                {
                    "dataset": corpus.name,
                    "instrument": instrument,
                    "genre": name,
                    "clips": int((genre[y] == name).sum()),
                }
                for name in GENRES
            ]
    return pd.DataFrame(rows)


def published(name: str) -> pd.DataFrame:
    """The published numbers as a long table: "roc_auc" or "cosines"."""
    folder = files("earwitness.recipes") / "published"
    with (folder / f"wang2023_{name}.csv").open(encoding="utf-8") as file:
        wide = pd.read_csv(file)
    keys = [column for column in wide.columns if column not in INSTRUMENTS]
    return wide.melt(keys, var_name="instrument", value_name="roc_auc" if name == "roc_auc" else "cosine")


def write_tables(scores: pd.DataFrame, cosines: pd.DataFrame, genres: pd.DataFrame, out: Path) -> None:
    """Table 1 and Figures 1 to 3 of scores that are there, beside the published ones."""
    theirs, their_cosines = published("roc_auc"), published("cosines")
    keys = ["scope", "embedding", "method", "train_set", "test_set"]
    ours = table_one(scores)
    both = ours.merge(table_one(theirs)[[*keys, "mean", "change"]], on=keys, how="left", suffixes=("", "_published"))
    tables = {
        "table-1": both,
        "scores": scores,
        "cosines": cosines,
        "figure-2": genres,
        "published-table-1": table_one(theirs),
    }
    for name, table in tables.items():
        with whole_file(out / "tables" / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)
    made = {
        "figure-1": figures.within_and_across(scores),
        "figure-1-published": figures.within_and_across(theirs),
        "figure-2": figures.genres(genres),
        "figure-3": figures.cosines(cosines),
        "figure-3-published": figures.cosines(their_cosines),
    }
    for name, chart in made.items():
        with whole_file(out / "figures" / f"{name}.svg") as draft:
            save(chart, draft)


def _audits(spaces: Sequence[Space], options: Options) -> list[AuditResult]:
    """Bias and correction of every embedding on the same clips, controls first."""
    results: list[AuditResult] = []
    for ask in (audits.bias, audits.correction):
        mine: list[AuditResult] = []
        for space in sorted(spaces, key=lambda one: one[0] not in CONTROLS):
            role = "control" if space[0] in CONTROLS else "audited"
            controls = [result for result in mine if result.parameters["role"] == "control"]
            mine.append(_audit(ask, space, role, controls if role == "audited" else [], options))
        results += mine
    return results


def _audit(ask: Any, space: Space, role: str, controls: Sequence[AuditResult], options: Options) -> AuditResult:
    name, corpora, vectors = space
    names = np.array(INSTRUMENTS, dtype=object)
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "clip": [f"{corpus.name}/{key}" for key in corpus.keys],
                    "instrument": ["|".join(names[has == 1]) for has in corpus.truth],
                    "absent": ["|".join(names[has == 0]) if (corpus.truth < 0).any() else "" for has in corpus.truth],
                    "dataset": corpus.name,
                    "genre": corpus.genre,
                    "track": [f"{corpus.name}/{group}" for group in corpus.group],
                }
            )
            for corpus in corpora
        ],
        ignore_index=True,
    )
    embeddings = Embeddings(np.concatenate(vectors).astype(np.float32), table, name, dataset="IRMAS and OpenMIC-2018")
    found: AuditResult = ask(
        embeddings,
        label="instrument",
        domain="dataset",
        group="track",
        stratum="genre",
        absent="absent",
        role=role,
        controls=controls,
        seed=options.seed,
    )
    return found
