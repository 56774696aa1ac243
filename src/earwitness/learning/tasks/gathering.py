"""From a collection of clips to the examples of a task: answers from the table, sound from the files, copies of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audio.perturbations import Perturbation
from earwitness.datasets import Clips
from earwitness.engine import Progress
from earwitness.errors import InputError
from earwitness.extraction import skipped_table
from earwitness.learning.splitting import split_clips
from earwitness.learning.tasks.examples import Asked, Examples, classes_asked, enough, nothing_asked, tags_asked
from earwitness.learning.tasks.mixtures import Mixer, Parts, Songs, mix, taking_part
from earwitness.learning.tasks.networks import TaskName
from earwitness.learning.tasks.sound import Sounds, keep_sounds
from earwitness.learning.tasks.spectra import SAMPLE_RATE


@dataclass(frozen=True)
class Question:
    """What is asked of the clips.

    Attributes
    ----------
    task
        Which of the four.
    label, tags, top
        Columns of classes and of tags, and how many of the most frequent tags are learnt.
    parts
        Of the separator.
    group
        Column that is never on both sides of the split; None: the usual ones, or the separator's song.
    validation
        Share of the clips to validate on.
    """

    task: TaskName
    label: str = "label"
    tags: str = "tags"
    top: int = 50
    parts: Parts | None = None
    group: str | None = None
    validation: float = 0.2


@dataclass(frozen=True)
class Gathered:
    """Examples, which clips could not be used, how they were parted, and what each was used for.

    `points` has `clip`, `sound` (a hash of its content and excerpt), `group` and `use`.
    """

    examples: Examples
    skipped: pd.DataFrame
    split: str
    points: pd.DataFrame


def gather(
    clips: Clips,
    question: Question,
    *,
    samples: int,
    perturbations: Sequence[Perturbation] = (),
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Find the answers, part the clips, decode them, and make their copies.

    Parameters
    ----------
    clips, question
        What is learnt from.
    samples
        That a network hears at a time; shorter clips are listed as skipped.
    perturbations
        Of which copies are made.
    seed, jobs, progress
        As in `keep_sounds`.

    Raises
    ------
    InputError
        If there is no answer to learn, or too few clips are left.
    """
    asked = _asked(clips, question)
    song = question.parts.song if question.parts and not question.parts.levels_db else None
    parted = split_clips(asked.clips, share=question.validation, group=question.group or song, seed=seed)
    kept, skipped = keep_sounds(asked.clips, jobs=jobs, progress=progress)
    short = {name for name, sound in kept.items() if sound.length < samples}
    names = asked.clips.table["clip"].to_numpy()
    rows = np.array([n for n, name in enumerate(names) if name in kept and name not in short], np.intp)
    skipped |= {
        name: (str(name), f"shorter than the {samples / SAMPLE_RATE:.1f} s that a network hears") for name in short
    }
    if not len(rows):
        raise InputError(_unusable(asked.clips, skipped))
    sounds = Sounds.of([kept[name] for name in names[rows]])
    examples = Examples(
        task=question.task,
        names=tuple(names[rows]),
        sounds=sounds,
        targets=asked.targets[rows],
        outputs=asked.outputs,
        training=parted.training[rows],
        validation=parted.validation[rows],
        groups=parted.groups[rows],
    )
    used, points = asked.clips.take(rows), _points(examples)
    if question.parts is not None:
        examples = _mixed(examples, used, question.parts)
    if perturbations:
        examples = _copied(examples, used, perturbations, seed, jobs, progress)
    enough(examples)
    lost = pd.concat([clips.skipped, skipped_table(asked.clips, skipped)]).drop_duplicates()
    return Gathered(examples, lost, parted.how, points)


def _points(examples: Examples) -> pd.DataFrame:
    use = np.select([examples.training, examples.validation], ["training", "validation"], "not used")
    sounds = [file.stem for file in examples.sounds.files]
    return pd.DataFrame({"clip": examples.names, "sound": sounds, "group": examples.groups, "use": use})


def _asked(clips: Clips, question: Question) -> Asked:
    match question.task:
        case "autoencoder":
            return nothing_asked(clips)
        case "tagging":
            return tags_asked(clips, question.tags, question.top)
        case "instruments":
            return classes_asked(clips, question.label)
        case _:
            if question.parts is None:
                raise InputError("separation needs to be told which clips are of the target: --target VALUE")
            return nothing_asked(taking_part(clips, question.parts))


def _mixed(examples: Examples, clips: Clips, parts: Parts) -> Examples:
    """The examples of the mixtures: one for each clip of the target."""
    mixer, targets = mix(clips, examples.sounds, parts, examples.training, examples.validation)
    sounds = examples.sounds.take(_heard(mixer, targets))
    return replace(_rows(examples, targets), mixer=mixer, sounds=sounds)


def _heard(mixer: Mixer, targets: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows of the mixtures where songs have them, else of the targets."""
    if not isinstance(mixer, Songs):
        return targets
    return np.array([t if m is None else m for t, m in zip(targets, mixer.mixtures, strict=True)], np.intp)


def _rows(examples: Examples, rows: NDArray[np.intp]) -> Examples:
    return replace(
        examples,
        names=tuple(examples.names[row] for row in rows),
        targets=examples.targets[rows],
        training=examples.training[rows],
        validation=examples.validation[rows],
        groups=examples.groups[rows],
        sounds=examples.sounds.take(rows),
    )


def _copied(
    examples: Examples,
    clips: Clips,
    perturbations: Sequence[Perturbation],
    seed: int,
    jobs: int | None,
    progress: Progress | None,
) -> Examples:
    """The same examples with their copies; without those of which a copy cannot be made."""
    if examples.mixer is not None:
        if not (isinstance(examples.mixer, Songs) and None not in examples.mixer.mixtures):
            raise InputError(
                "consistency needs mixtures that are the same at every step: give songs with a mixture of their own, "
                "or train another task"
            )
        clips = clips.take(_heard(examples.mixer, np.array(examples.mixer.targets)))
    made = [keep_sounds(clips, one, seed=seed, jobs=jobs, progress=progress)[0] for one in perturbations]
    names = clips.table["clip"].to_numpy()
    missing = [name for name in names if any(name not in kept for kept in made)]
    if missing:
        raise InputError(
            f"no copy of {missing[0]} can be made with every perturbation ({len(missing)} such clips): leave it out "
            "with --exclude, or choose milder perturbations"
        )
    return replace(examples, copies=tuple(Sounds.of([kept[name] for name in names]) for kept in made))


def _unusable(clips: Clips, skipped: dict[str, Any]) -> str:
    file, reason = next(iter(skipped.values()))
    return f"none of the {len(clips)} clips can be used; the first, {file}: {reason}"
