"""An inversion from clips to files: embed the clips, ask the audit, and write what it made as sound.

    sounds/<run>.flac                  24 bits, at the encoder's sample rate: what was measured
    checkpoints/<run>.safetensors      from which a second run goes on

`Clips` of the sounds come back with the result, so that a report can play them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import audits
from earwitness.audits import Descent, Listener
from earwitness.audits._inversion_runs import hearing, samples_of
from earwitness.datasets import Clips
from earwitness.embeddings import Embeddings
from earwitness.encoders import Encoder, Tagger
from earwitness.engine import cores
from earwitness.errors import InputError
from earwitness.extraction import embed_all, resolve
from earwitness.pipeline import Workers
from earwitness.results import AuditResult
from earwitness.store import ArrayFiles, whole_file

LISTENERS = ("musicnn-mtt-vgg", "mfcc")
"""Who else hears the sounds: another network trained on other music, and statistics that know no music."""

_OURS = re.compile(r"(class|clip|other)(-\d+)?|thresholded|regularised|untrained")

SECONDS = 3.0
"""Length of the sound where the encoder has no window."""


@dataclass(frozen=True)
class Wish:
    """What to invert, and how.

    Attributes
    ----------
    target
        A value of the label, or the id of a clip.
    label, group
        Columns: of classes, if any; of what intervals resample.
    seconds
        Length of the sound, and of the excerpt from the middle of each clip; None: the encoder's window, or 3.
    descent
        How the sound is sought.
    penalties
        Weights for the regularised run (`total_variation`, `power`, `jitter`) in the place of the usual ones.
    starts, controls, below_db
        As in `audits.inversion`.
    listeners
        Specs of the encoders that hear the sounds; none without controls.
    seed
        Of noise, jitter and resamples.
    """

    target: str
    label: str | None = None
    group: str | None = None
    seconds: float | None = None
    descent: Descent = Descent()
    penalties: Mapping[str, float] = field(default_factory=dict)
    starts: int = 3
    controls: bool = True
    below_db: float | None = 40.0
    listeners: tuple[str, ...] = LISTENERS
    seed: int = 0


class _Tags:
    """A tagger whose vectors are its tags, so that clips can be tagged as they are embedded."""

    kind = "network"

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self.name, self.revision = f"{tagger.name},tags", tagger.revision
        self.sample_rate, self.window = tagger.sample_rate, tagger.window
        self.embedding_size = len(tagger.tag_names)

    def encode(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """The tags of each sound."""
        return self.tagger.tags(audio)


def invert(
    clips: Clips, encoder: str | Encoder, wish: Wish, out: Path, workers: Workers = Workers()
) -> tuple[AuditResult, Clips]:
    """Invert an encoder, and write the sounds.

    Parameters
    ----------
    clips
        Real ones, of any length above the sound's.
    encoder
        A spec for `load_encoder`, or an encoder; a network of torch.
    wish
        What to invert, and how.
    out
        Folder for sounds and checkpoints. A second run goes on from these.
    workers
        Where the clips are embedded, and how many descents run side by side.

    Returns
    -------
    AuditResult, Clips
        Of `audits.inversion`; and the clips it was measured with, those that were made behind them.

    Raises
    ------
    InputError
        If no clip is as long as the sound, or as `audits.inversion`.
    EncoderError
        If the encoder has no gradients.
    """
    inverted = resolve(encoder)
    hearing(inverted)
    seconds = _seconds(inverted, wish.seconds)
    heard = _as_long(clips, seconds)
    others, names = _others(inverted, wish)
    found = [
        row[0]
        for row in embed_all(
            heard, [encoder, *others.values()], jobs=workers.jobs, cluster=workers.cluster, progress=workers.progress
        )
    ]
    embedded = dict(zip(others, found[1:], strict=True))
    sounds: dict[str, NDArray[np.float32]] = {}
    twin = _listener(others, embedded, "untrained")
    result = audits.inversion(
        found[0],
        inverted,
        wish.target,
        seconds=seconds,
        label=wish.label,
        group=wish.group,
        descent=wish.descent,
        penalties=wish.descent.regularised(**wish.penalties),
        starts=wish.starts,
        controls=wish.controls,
        untrained=twin,
        listeners=[one for name in names if (one := _listener(others, embedded, name)) is not None],
        tags=embedded.get("tags"),
        below_db=wish.below_db,
        kept=ArrayFiles(out / "checkpoints"),
        sounds=sounds,
        jobs=workers.jobs or cores(),
        progress=workers.progress,
        seed=wish.seed,
    )
    return result, heard.joined(_written(sounds, result, twin, inverted, out))


def _seconds(encoder: Encoder, asked: float | None) -> float:
    seconds = (encoder.window or SECONDS) if asked is None else asked
    if not 0 < seconds < float("inf"):
        raise InputError(f"a sound of {seconds:g} s cannot be made: give a length above 0")
    return samples_of(encoder, seconds) / encoder.sample_rate


def _as_long(clips: Clips, seconds: float) -> Clips:
    """Excerpts as long as the sound; shorter clips are left out, and listed."""
    long = clips.lasting(seconds, f"shorter than the sound of {seconds:g} s that it would be compared with")
    if not len(long):
        longest = clips.table["duration"].max()
        raise InputError(
            f"none of the {len(clips)} clips lasts {seconds:g} s, as long as the sound shall be (the longest "
            f"{longest:.2f} s): make a shorter sound with --seconds, or give longer clips"
        )
    return long.excerpt(seconds)


def _others(encoder: Encoder, wish: Wish) -> tuple[dict[str, Any], list[str]]:
    """Every other encoder that must embed the clips, by its part; and which parts are listeners."""
    others: dict[str, Any] = {}
    if isinstance(encoder, Tagger):
        others["tags"] = _Tags(encoder)
    if not wish.controls:
        return others, []
    twin = getattr(encoder, "untrained", None)
    others["untrained"] = twin(wish.seed) if twin is not None else resolve("random")
    listeners = {spec: resolve(spec) for spec in wish.listeners}
    others |= {f"listener {spec}": spec for spec, found in listeners.items() if found.name != encoder.name}
    return others, [part for part in others if part.startswith("listener ")]


def _listener(others: dict[str, Any], embedded: dict[str, Embeddings], part: str) -> Listener | None:
    return Listener(resolve(others[part]), embedded[part]) if part in others else None


def _written(
    sounds: dict[str, NDArray[np.float32]], result: AuditResult, twin: Listener | None, encoder: Encoder, out: Path
) -> Clips:
    """The sounds as files, and as clips of these names."""
    import soundfile

    for earlier in (out / "sounds").glob("*.flac"):  # of another run into this folder
        if earlier.stem not in sounds and _OURS.fullmatch(earlier.stem):
            earlier.unlink()
    rows = []
    for name, sound in sounds.items():
        rate = twin.encoder.sample_rate if name == "untrained" and twin is not None else encoder.sample_rate
        file = out / "sounds" / f"{name}.flac"
        with whole_file(file) as draft:
            # As integers, which are kept bit for bit; numbers would be scaled by 2²³ - 1 and lose their last bit.
            soundfile.write(draft, np.round(sound * 2.0**23).astype(np.int32) << 8, rate, "PCM_24", format="FLAC")
        rows.append({"clip": result.details["titles"][name], "path": str(file)})
    return Clips(pd.DataFrame(rows), name=result.dataset)
