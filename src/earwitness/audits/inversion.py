"""What does the encoder think a label sounds like? A sound is made of noise until its vector is that of the label.

Conventions: the loss is the mean over the dimensions of the squared difference of the sound's vector and the target,
measured through `encode`, on the very samples that are written (24 bits). It is read beside the losses of real clips
of the same length: a percentile is the share of them that lie nearer. A listener is a second encoder that hears the
same sound; its dimensions are standardised over the real clips, and a class lies where the mean of its clips does.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audits._aims import find_aims
from earwitness.audits._controls import Role, check_role
from earwitness.audits._descent import Course, Descent
from earwitness.audits._inversion_measures import (
    Nearness,
    Space,
    item_rows,
    level_rows,
    mean_squares,
    nearness_rows,
    placing_rows,
    tag_rows,
    transfer_rows,
)
from earwitness.audits._inversion_runs import Kept, Listener, Run, carry_out, hearing, plan
from earwitness.audits._inversion_verdicts import verdicts
from earwitness.audits._labels import read_groups, read_texts
from earwitness.audits._made_sound import quantised, spectrogram, thresholded
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.encoders import Encoder, Tagger
from earwitness.errors import InputError
from earwitness.extraction import embed_sound
from earwitness.results import AuditResult
from earwitness.stats import Estimate

_FACTORS = ("run", "among", "listener", "tag")
_POINTS = 150
"""Points of a loss curve that are kept."""

_ORDER = ("real clips nearer", "recognised", "real clips recognised", "chance", "relative loss", "loss")
"""The measures that a reader looks for first."""

Sounds = MutableMapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class _Made:
    """A sound, and what was heard in it.

    Attributes
    ----------
    name, title
        Of the run that it comes from (or "thresholded"), and as the page calls it.
    """

    name: str
    title: str
    run: Run
    sound: NDArray[np.float32]
    nearness: Nearness


def inversion(
    embeddings: Embeddings,
    encoder: Encoder,
    target: str,
    *,
    seconds: float,
    label: str | None = "label",
    group: str | None = None,
    descent: Descent = Descent(),
    penalties: Descent | None = None,
    starts: int = 3,
    controls: bool = True,
    untrained: Listener | None = None,
    listeners: Sequence[Listener] = (),
    tags: Embeddings | None = None,
    below_db: float | None = 40.0,
    kept: Kept | None = None,
    sounds: Sounds | None = None,
    jobs: int = 1,
    progress: engine.Progress | None = None,
    role: Role = "audited",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """Make sounds whose vectors are a target, and say how near they came and who else hears it in them.

    Parameters
    ----------
    embeddings
        Of the real clips, cut to the length of the sound.
    encoder
        What is inverted: a network of torch with `embed_tensor`.
    target
        A value of the label, whose mean is aimed at, or the id of a clip.
    seconds
        Length of the sound.
    label
        Column of classes; None: none. A class of one clip has no mean to aim at.
    group
        Column of what is drawn together in resamples (artist, score).
    descent
        How the sound is sought.
    penalties
        How the regularised one is; None: `descent.regularised()`.
    starts
        Sounds made for the target, each from noise of its own.
    controls
        Whether to make the others too: for one clip and for another class, with penalties, through `untrained`.
    untrained
        The same network with weights that were drawn and never trained (or another such network), and the clips in it.
    listeners
        Other encoders that hear the sounds, with the clips in them; the first is what the verdict speaks of.
    tags
        Of the real clips, where the encoder is a tagger: its tags' probabilities as vectors.
    below_db
        Also measure the first sound without the bins of its spectrogram that are further below the strongest; None: do
        not.
    kept
        Courses by run, as arrays: written every few steps, and taken up where they fit. A folder of files makes the
        audit resumable.
    sounds
        Filled with the sounds by run, at the encoder's sample rate.
    jobs
        Descents side by side; the numbers are the same for any.
    progress
        Told of each descent.
    role
        "control" marks the result as one of a control.
    seed
        Of noise, jitter and resamples.
    n_resamples
        Bootstrap resamples of the real clips.

    Returns
    -------
    AuditResult
        Table, by `run` ("class", "clip" or "other" after its aim, "class-2" for the second start, "regularised",
        "thresholded", "untrained"): `loss`; `relative loss`, over a random real clip's; `real clips nearer`, a share,
        `among` all and those of the class; `random clip's loss` and `nearest clip's loss`; `steps`, and the loss at
        the start; `loss over starts`. By `listener`: `place of the class` among the classes and `real clips nearer to
        the listener` for each run; `recognised`, the share of starts that it puts with the class, beside that of real
        clips (each left out of its class's mean) and chance. `tag` and `tag of real clips` for a tagger.
        Items: the loss of each real clip for each run's target. Details: loss curves and spectrograms.

    Notes
    -----
    A real clip is part of its own class's mean, which makes it look nearer than it is by a factor of (1 - 1/n)² for
    n clips: in favour of real clips. The first verdict *holds* where the first listener puts the sounds with the class
    more often than by chance (exact 95 % limits over the starts), *breaks* where the sound is nearer than most real
    clips of the class and the listener puts it there less often than them (the limits do not meet), and is open
    otherwise. A class mean need not be reachable: the gap is reported, not judged.

    Raises
    ------
    EncoderError
        If the encoder has no gradients, or they lead elsewhere than `encode`.
    InputError
        If the target is unknown, its class has one clip, all clips have the same vector, no window fits into the
        sound, or a descent's loss is not finite.

    References
    ----------
    Arputharaj and Kalaivanan (2022), Latent Space Shenanigans, section 3.2.2.
    """
    started = perf_counter()
    check_role(role)
    hearing(encoder)
    labels = None if label is None else read_texts(embeddings, label)
    aims = find_aims(embeddings, labels, str(target))
    _check(embeddings, starts, [*listeners, *([untrained] if untrained else [])])
    regularised = (penalties or descent.regularised()) if controls else None
    runs = plan(
        aims if controls else aims[:1],
        Listener(encoder, embeddings),
        labels,
        descent,
        regularised,
        untrained if controls else None,
        starts,
        seed,
    )
    courses = carry_out(runs, seconds, {} if kept is None else kept, jobs, progress)
    resamples = Resamples.draw(len(embeddings), read_groups(embeddings, group), n_resamples, seed)
    with engine.one_thread():  # a sum in another order is another number in its last digits
        made = _measured(runs, courses, below_db, starts)
        rows = _own_rows(made, courses, labels, resamples, starts)
        rows += _listener_rows(made, listeners, labels, resamples, starts)
        rows += _tag_rows(made[0], encoder, tags, labels, resamples)
    if sounds is not None:
        sounds.update({one.name: one.sound for one in made})
    result = AuditResult(
        audit="inversion",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(sorted(rows, key=_place), _FACTORS),
        parameters={
            "role": role,
            "target": aims[0].words,
            "class": aims[0].of,
            "label": label,
            "group": group,
            "clips": len(embeddings),
            "excerpt_s": seconds,
            "starts": starts,
            "descent": asdict(replace(descent, rate=descent.learning_rate)),
            "penalties": None if regularised is None else _penalties(regularised),
            "below_db": below_db,
            "untrained": untrained.encoder.name if untrained is not None and controls else None,
            "listeners": [listener.encoder.name for listener in listeners],
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings], columns=[label, group], seed=seed, started=started),
        items=_items(made, embeddings, labels, starts),
        skipped=embeddings.skipped,
        details=_details(made, courses),
    )
    return replace(result, verdicts=verdicts(result))


def _check(embeddings: Embeddings, starts: int, others: Sequence[Listener]) -> None:
    if starts < 1:
        raise InputError(f"an inversion needs one start or more, not {starts}")
    if len(embeddings) < 2:
        raise InputError("an inversion is read beside real clips, and there is one: give two or more")
    if not np.ptp(embeddings.vectors, axis=0).any():
        raise InputError(
            f"all {len(embeddings)} clips have the same vector in {embeddings.encoder}, so that no sound can be nearer "
            "to one of them: are they the same file?"
        )
    for other in others:
        if list(other.embeddings.column("clip")) != list(embeddings.column("clip")):
            raise InputError(f"{other.encoder.name} has other clips than {embeddings.encoder}: embed the same ones")


def _measured(runs: Sequence[Run], courses: dict[str, Course], below_db: float | None, starts: int) -> list[_Made]:
    """What came out of the runs, and behind the starts the first without its faint bins."""
    made = [_made(run, run.name, run.title, quantised(courses[run.name].best)) for run in runs]
    if below_db is not None:
        title = f"{runs[0].title}, faint bins removed"
        made.insert(starts, _made(runs[0], "thresholded", title, quantised(thresholded(made[0].sound, below_db))))
    return made


def _made(run: Run, name: str, title: str, sound: NDArray[np.float32]) -> _Made:
    encoder, real = run.through.encoder, run.through.embeddings
    vector = embed_sound(encoder, sound, encoder.sample_rate)
    counted = real.column("clip").astype(str) != run.aim.clip
    loss = float(mean_squares(vector[None], run.target)[0])
    return _Made(name, title, run, sound, Nearness(loss, mean_squares(real.vectors, run.target), counted))


def _items(
    made: Sequence[_Made], embeddings: Embeddings, labels: NDArray[np.object_] | None, starts: int
) -> pd.DataFrame:
    """Every real clip's loss beside each sound's; the first of the starts stands for all."""
    clips, shown = embeddings.column("clip"), [made[0], *made[starts:]]
    rows = [item_rows(one.name, one.title, one.nearness, clips, labels) for one in shown]
    return pd.concat(rows, ignore_index=True)


def _details(made: Sequence[_Made], courses: dict[str, Course]) -> dict[str, Any]:
    """Loss curves, names, and the spectrograms of the first sound, without its faint bins, and regularised."""
    drawn = [one for one in made if one is made[0] or one.name in ("thresholded", "regularised")]
    return {
        "curves": {name: _curve(course) for name, course in courses.items()},
        "titles": {one.name: one.title for one in made},
        "spectrograms": {one.name: spectrogram(one.sound, one.run.through.encoder.sample_rate) for one in drawn},
    }


def _place(found: Row) -> int:
    return _ORDER.index(found["measure"]) if found["measure"] in _ORDER else len(_ORDER)


def _own_rows(
    made: Sequence[_Made],
    courses: dict[str, Course],
    labels: NDArray[np.object_] | None,
    resamples: Resamples,
    starts: int,
) -> list[Row]:
    """What the inverted encoder itself says of the sounds."""
    rows = []
    for one in made:
        of_class = None if labels is None or not one.run.aim.of else labels == one.run.aim.of
        rows += nearness_rows(one.name, one.nearness, of_class, resamples)
        if one.name in courses:
            course = courses[one.name]
            first = Estimate(float(course.losses[0]), np.nan, np.nan, 1, "one noise: no interval")
            rows += [row("loss at the start", first, run=one.name), row("steps", exact(course.steps, 1), run=one.name)]
    # Starts, penalties and threshold share the target, and so the real clips' losses.
    for one in made:
        if one is made[0] or one.name in ("clip", "class", "other", "untrained"):
            rows += level_rows(one.name, one.nearness, resamples)
    losses = [one.nearness.loss for one in made[:starts]]
    note = "lowest and highest of the starts" if starts > 1 else "one start: no interval"
    low, high = (min(losses), max(losses)) if starts > 1 else (np.nan, np.nan)
    return [*rows, row("loss over starts", Estimate(float(np.mean(losses)), low, high, starts, note))]


def _listener_rows(
    made: Sequence[_Made],
    listeners: Sequence[Listener],
    labels: NDArray[np.object_] | None,
    resamples: Resamples,
    starts: int,
) -> list[Row]:
    """Where other encoders put the sounds among the classes."""
    rows: list[Row] = []
    if labels is None:
        return rows
    for listener in listeners:
        name, space = listener.encoder.name, Space.of(listener.embeddings.vectors, labels)
        first, vectors = made[0].run.aim.of, []
        if len(space.classes) < 2 or first not in space.classes:
            continue
        for one in made:
            rate = one.run.through.encoder.sample_rate
            vectors.append(embed_sound(listener.encoder, one.sound, rate))
            if one.run.aim.of in space.classes:
                rows += placing_rows(name, one.name, space, vectors[-1], one.run.aim.of, resamples)
        rows += transfer_rows(name, space, vectors[:starts], first, resamples)
        if not any(r["measure"] == "chance" for r in rows):
            rows.append(row("chance", exact(1 / len(space.classes), len(space.classes))))
    return rows


def _tag_rows(
    made: _Made, encoder: Encoder, tags: Embeddings | None, labels: NDArray[np.object_] | None, resamples: Resamples
) -> list[Row]:
    if not isinstance(encoder, Tagger):
        return []
    of_class = None if labels is None or not made.run.aim.of else labels == made.run.aim.of
    real = None if tags is None else tags.vectors
    return tag_rows(made.name, encoder.tag_names, encoder.tags(made.sound[None])[0], real, of_class, resamples)


def _penalties(descent: Descent) -> dict[str, float]:
    return {name: getattr(descent, name) for name in ("total_variation", "power", "jitter")}


def _curve(course: Course) -> dict[str, list[float]]:
    """The loss at some steps, close together where it falls fastest."""
    steps = np.unique(np.geomspace(1, course.steps, _POINTS).round().astype(int))
    return {"step": steps.tolist(), "loss": [float(f"{loss:.5g}") for loss in course.losses[steps - 1]]}
