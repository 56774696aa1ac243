"""What a learned encoder hears in a clip, in the words of its learning sources (Kim 2021, section 2.5.5).

Each block of a network of several sources is given to the head that was trained with it; the softmax of what the head
says, averaged over the chunks of a clip, is a distribution over the source's topics:

    z = mean over chunks of softmax(head(block)),        y = z B

with B = P(word | topic). The strongest topics are told in their words, y is a distribution over the words that the
source was made from, and numbers are expected values. The heads hold for the frozen network only: after a network is
trained further on something else they say nothing.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clip, Clips
from earwitness.encoders import Encoder
from earwitness.errors import ClipError, EncoderError
from earwitness.extraction import resolve
from earwitness.learning.sources import Source

Floats = NDArray[np.float64]
STRONGEST = 3
_PARTITION = 8


@dataclass(frozen=True, eq=False)
class Answers:
    """What the heads of an encoder say of clips.

    Attributes
    ----------
    encoder, revision, dataset
        Names of the encoder and of the collection.
    clips
        Table of those that could be heard.
    vectors : (n, d) float32 array
        Their embeddings.
    shares : dict of (n, k) arrays
        By source, z: the share of each output.
    sources
        With what outputs mean.
    learnt
        By source: how well its head does on validation clips, as the model's card has it.
    skipped
        `file`, `reason` of the others.
    """

    encoder: str
    revision: str
    dataset: str
    clips: pd.DataFrame
    vectors: NDArray[np.float32]
    shares: dict[str, Floats]
    sources: tuple[Source, ...]
    learnt: dict[str, dict[str, Any]]
    skipped: pd.DataFrame

    def strongest(self, count: int = STRONGEST) -> pd.DataFrame:
        """The strongest outputs of each source: clip, source, rank (from 1), output, share."""
        frames = []
        for source in self.told:
            z = self.shares[source.name]
            order = np.argsort(-z, axis=1, kind="stable")[:, :count]
            words = np.array(source.outputs, dtype=object)
            for rank, column in enumerate(order.T, start=1):
                frames.append(
                    pd.DataFrame(
                        {
                            "clip": self.clips["clip"].to_numpy(),
                            "source": source.name,
                            "rank": rank,
                            "output": words[column],
                            "share": z[np.arange(len(z)), column],
                        }
                    )
                )
        found = pd.concat(frames, ignore_index=True)
        return found.sort_values(["clip", "source", "rank"], ignore_index=True)

    def labels(self, count: int = 5) -> pd.DataFrame:
        """The most probable words of each source under y = z B: clip, source, rank, word, probability."""
        frames = []
        for source in self.told:
            if source.model.form not in ("topics", "classes"):
                continue
            y = source.model.label_shares(self.shares[source.name])
            words = np.array(source.model.vocabulary, dtype=object)
            for rank, column in enumerate(np.argsort(-y, axis=1, kind="stable")[:, :count].T, start=1):
                rows = {"clip": self.clips["clip"].to_numpy(), "source": source.name, "rank": rank}
                rows |= {"word": words[column], "probability": y[np.arange(len(y)), column]}
                frames.append(pd.DataFrame(rows))
        columns = ["clip", "source", "rank", "word", "probability"]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    def numbers(self) -> pd.DataFrame:
        """Expected numbers: clip, source, number, unit, value, low, high (the middle of the strongest component)."""
        frames = []
        for source in self.told:
            if source.model.form == "numbers":
                found = source.model.expected(self.shares[source.name])
                clip = self.clips["clip"].to_numpy()[found["row"]]
                frames.append(found.drop(columns="row").assign(clip=clip, source=source.name))
        columns = ["clip", "source", "number", "unit", "value", "low", "high"]
        return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)

    @property
    def told(self) -> tuple[Source, ...]:
        """The sources that have topics: not those of pairs."""
        return tuple(source for source in self.sources if source.kind == "distribution")


def head_answers(
    clips: Clips,
    encoder: str | Encoder,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> Answers:
    """What the heads of a learned encoder say of clips.

    Parameters
    ----------
    clips
        Any; not only those it was trained on.
    encoder
        `learned:<folder>`, or the encoder that it is.
    jobs, cluster, progress
        As in `engine.map`. A clip's answers depend on that clip alone.

    Raises
    ------
    EncoderError
        If the encoder has no heads.
    InputError
        If no clip can be heard.
    """
    heard = with_heads(encoder)
    parts = [tuple(clips[start : start + _PARTITION]) for start in range(0, len(clips), _PARTITION)]
    stage = f"topics of {len(clips)} clips"
    found = engine.map(partial(_answered, encoder), parts, jobs=jobs, cluster=cluster, progress=progress, stage=stage)
    rows = [row for part in found for row in part]
    good = [row for row in rows if isinstance(row, _Row)]
    bad = [row for row in rows if not isinstance(row, _Row)]
    skipped = pd.concat([clips.skipped, pd.DataFrame(bad, columns=["file", "reason"])], ignore_index=True)
    if not good:
        raise EncoderError(f"none of the {len(clips)} clips can be heard; the first, {bad[0][0]}: {bad[0][1]}")
    names = {row.clip for row in good}
    table = clips.table[clips.table["clip"].isin(names)].reset_index(drop=True)
    facts = heard.model.facts
    return Answers(
        encoder=heard.name,
        revision=heard.revision,
        dataset=clips.name,
        clips=table,
        vectors=np.stack([row.vector for row in good]),
        shares={name: np.stack([row.shares[name] for row in good]) for name in good[0].shares},
        sources=tuple(heard.sources),
        learnt={str(row["source"]): dict(row) for row in facts.get("learnt", ())},
        skipped=skipped,
    )


@dataclass(frozen=True)
class _Row:
    clip: str
    vector: NDArray[np.float32]
    shares: dict[str, Floats]


def with_heads(encoder: str | Encoder) -> Any:
    """The encoder, if it has heads that tell topics.

    Raises
    ------
    EncoderError
        If it has none.
    """
    loaded: Any = resolve(encoder)
    if not hasattr(loaded, "network") or not hasattr(loaded, "sources"):
        raise EncoderError(
            f"{loaded.name} has no heads of learning sources: give `learned:<folder>` of an encoder that "
            "`earwitness learn` made"
        )
    if not any(source.kind == "distribution" for source in loaded.sources):
        raise EncoderError(
            f"{loaded.name} learnt from {', '.join(source.name for source in loaded.sources)} alone, which has no "
            "topics: learn from a further source, such as genre or tempo"
        )
    return loaded


def _answered(encoder: str | Encoder, clips: tuple[Clip, ...]) -> list[_Row | tuple[str, str]]:
    loaded = with_heads(encoder)
    found: list[_Row | tuple[str, str]] = []
    with engine.one_thread():
        for clip in clips:
            try:
                sound = clip.load(loaded.sample_rate)
            except ClipError as error:
                found.append((error.path, error.reason))
                continue
            features = loaded.answers(sound)
            vector = np.concatenate([features.mean(0), features.std(0)]).astype(np.float32)
            shares = {s.name: output_shares(loaded, s.name, features) for s in loaded.sources if s.kind != "pairs"}
            found.append(_Row(clip.clip, vector, shares))
    return found


def output_shares(encoder: Any, source: str, features: Floats) -> Floats:
    """(k,) mean over chunks of the softmax of a source's head; features are those of the chunks, (chunks, d)."""
    import torch

    with torch.no_grad():
        place = next(encoder.network.parameters()).device
        logits = encoder.network.answers(source, torch.from_numpy(features).float().to(place))
        shares: Floats = logits.double().softmax(1).mean(0).cpu().numpy()
    return shares


def same_clip_probability(encoder: str | Encoder, first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """How probably two sounds are of one clip, after an encoder that learnt from the source `self`.

    Parameters
    ----------
    encoder
        Learned.
    first, second : (samples,) float32 arrays
        At the encoder's sample rate.

    Returns
    -------
    float
        The mean over all pairs of a chunk of the first and one of the second.

    Raises
    ------
    EncoderError
        If it did not learn from pairs.
    """
    import torch

    loaded: Any = resolve(encoder)
    own = next((source.name for source in getattr(loaded, "sources", ()) if source.kind == "pairs"), None)
    if own is None:
        raise EncoderError(f"{loaded.name} did not learn from the source self, so it cannot tell pairs")
    a, b = (torch.from_numpy(loaded.answers(sound)).float() for sound in (first, second))
    pairs = torch.cat([a.repeat_interleave(len(b), 0), b.repeat(len(a), 1)], dim=1)
    with torch.no_grad():
        place = next(loaded.network.parameters()).device
        logits = loaded.network.answers(own, pairs.to(place))
    return float(logits.double().softmax(1)[:, 1].mean())
