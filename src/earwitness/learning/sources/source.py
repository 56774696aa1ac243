"""A learning source: what a network is to predict of each clip, and what its outputs mean.

Conventions: `targets` has a row a clip of the collection it was made from, in that order, and rows sum to 1. A clip
that nothing is known of has a row of NaN: it is never trained on, and never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError
from earwitness.learning.label_factors.mixtures import Mixture

Floats = NDArray[np.float64]
Form = Literal["pairs", "topics", "numbers", "classes"]


@dataclass(frozen=True)
class Number:
    """One number of a source of numbers: which outputs are its mixture, and how it is written.

    Attributes
    ----------
    name, unit
        "tempo", "BPM".
    first, last
        Its outputs are `first` to `last`, without the latter.
    logarithmic
        Whether the mixture is one of the logarithm to base 2.
    """

    name: str
    unit: str
    first: int
    last: int
    logarithmic: bool = False

    def plain(self, values: ArrayLike) -> Floats:
        """Values of the mixture as a reader knows them: octaves back to beats per minute."""
        values = np.asarray(values, float)
        return np.exp2(values) if self.logarithmic else values


@dataclass(frozen=True, eq=False)
class LabelModel:
    """What a source's outputs mean: all that is needed to put them into words and numbers again.

    Attributes
    ----------
    form
        "pairs" (two chunks of one clip, or not), "topics" (of words), "numbers" (mixtures of numbers) or "classes"
        (an output is one name).
    facts
        Whatever JSON can hold: `vocabulary`, `numbers`, `column`, how the model was fitted.
    arrays
        Topics: `terms` P(w|z) (k, words) and `word_shares` P(w) (words,). Numbers: `weights`, `means`, `deviations`
        (k,). All but pairs: `prior`, the mean target of the training clips (k,).
    """

    form: Form
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Words of topics, or names of classes; none for numbers and pairs."""
        return tuple(self.facts.get("vocabulary", ()))

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers of a source of numbers."""
        return tuple(Number(**one) for one in self.facts.get("numbers", ()))

    @property
    def terms(self) -> Floats:
        """P(w|z), (outputs, words): which words an output stands for.

        Raises
        ------
        InputError
            If the outputs have no words.
        """
        if self.form == "topics":
            return np.asarray(self.arrays["terms"], float)
        if self.form == "classes":
            return np.eye(len(self.vocabulary))
        raise InputError(f"outputs of the form {self.form!r} have no words: ask for `expected` numbers instead")

    def strongest_terms(self, count: int = 5, order: Literal["probability", "lift"] = "probability") -> list[list[str]]:
        """The words that each output stands for most, strongest first.

        Parameters
        ----------
        count
            At most so many words an output; words of no weight are left out.
        order
            "probability": by P(w|z), as in Kim (2021), Table 2.2. "lift": by P(w|z) / P(w), of the words that hold
            at least 1 % of the topic: what is particular to the topic, rather than common everywhere.

        Raises
        ------
        InputError
            If the outputs have no words.
        """
        terms = self.terms
        score = terms
        if order == "lift" and self.form == "topics":
            common = np.asarray(self.arrays["word_shares"], float)
            score = np.where(terms >= 0.01, terms / np.maximum(common, np.finfo(float).tiny), 0)
        words = self.vocabulary
        ranked = np.argsort(-score, axis=1, kind="stable")[:, :count]
        return [[words[w] for w in row if score[z, w] > 0] for z, row in enumerate(ranked)]

    def label_shares(self, outputs: ArrayLike) -> Floats:
        """A distribution over the words that the source was made from, y = z B (Kim 2021, section 2.5.5).

        Parameters
        ----------
        outputs : (n, k) array
            What a head says of n clips.

        Returns
        -------
        (n, words) array

        Raises
        ------
        InputError
            If the outputs have no words.
        """
        return np.asarray(outputs, float) @ self.terms

    def expected(self, outputs: ArrayLike) -> pd.DataFrame:
        """Numbers that outputs stand for.

        Parameters
        ----------
        outputs : (n, k) array
            What a head says of n clips.

        Returns
        -------
        DataFrame
            A row a clip and number: `row`, `number`, `unit`, `value` (expected under the mixture), `low` and `high`
            (the middle 95 % of the strongest component).

        Raises
        ------
        InputError
            If this is no source of numbers.
        """
        if self.form != "numbers":
            raise InputError(f"outputs of the form {self.form!r} are no numbers: ask for `strongest_terms` instead")
        z = np.asarray(outputs, float)
        tables = []
        for number in self.numbers:
            part = slice(number.first, number.last)
            mixture = self.mixture(number)
            low, high = mixture.intervals()
            share = z[:, part] / z[:, part].sum(axis=1, keepdims=True)
            best = share.argmax(axis=1)
            tables.append(
                pd.DataFrame(
                    {
                        "row": np.arange(len(z)),
                        "number": number.name,
                        "unit": number.unit,
                        "value": number.plain(share @ mixture.means),
                        "low": number.plain(low[best]),
                        "high": number.plain(high[best]),
                    }
                )
            )
        return pd.concat(tables, ignore_index=True).sort_values(["row", "number"], ignore_index=True)

    def mixture(self, number: Number) -> Mixture:
        """The components of one number."""
        part = slice(number.first, number.last)
        return Mixture(*(np.asarray(self.arrays[name], float)[part] for name in ("weights", "means", "deviations")))

    def descriptions(self) -> tuple[str, ...]:
        """One line an output: the three strongest words of a topic, a class, or a number and its interval."""
        if self.form == "topics":
            return tuple(", ".join(words) or "no words" for words in self.strongest_terms(3))
        if self.form == "numbers":
            return tuple(line for number in self.numbers for line in self._number_lines(number))
        return self.vocabulary

    def _number_lines(self, number: Number) -> list[str]:
        mixture = self.mixture(number)
        means, low, high = (number.plain(v) for v in (mixture.means, *mixture.intervals()))
        digits = 0 if max(abs(high).max(), abs(low).max()) >= 100 else 1
        before = f"{number.name} " if len(self.numbers) > 1 else ""
        unit = f" {number.unit}" if number.unit else ""
        return [
            f"{before}{m:.{digits}f}{unit} [{a:.{digits}f}, {b:.{digits}f}]"
            for m, a, b in zip(means, low, high, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Source:
    """What a network learns to predict, for every clip of a collection.

    Attributes
    ----------
    name
        As in the table of sources: "tags".
    kind
        "pairs": whether two chunks are of one clip, without targets. "distribution": a target a clip.
    targets : (clips, k) float32 array
        Rows sum to 1, or are NaN; (clips, 0) for pairs.
    outputs
        What each of the k outputs stands for, in a line.
    model
        What they mean in full.
    """

    name: str
    kind: Literal["pairs", "distribution"]
    targets: NDArray[np.float32]
    outputs: tuple[str, ...]
    model: LabelModel

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(clips,) which clips have a label; of pairs, which are long enough."""
        if self.kind == "pairs":
            return np.asarray(self.model.arrays["usable"], bool)
        return np.asarray(np.isfinite(self.targets).all(axis=1))

    def take(self, index: ArrayLike) -> "Source":
        """The same source for the clips at these positions, in this order."""
        places = np.asarray(index, dtype=np.intp)
        model = self.model
        if self.kind == "pairs":
            model = LabelModel(model.form, model.facts, {"usable": model.arrays["usable"][places]})
        return Source(self.name, self.kind, self.targets[places], self.outputs, model)


def information(targets: NDArray[Any]) -> float:
    """Mean Kullback-Leibler divergence of the rows to their mean, in nat: 0 where all clips have one target."""
    z = np.asarray(targets, float)
    mean = z.mean(axis=0)
    ratio = np.log(np.where(z > 0, z, 1)) - np.log(np.where(mean > 0, mean, 1))
    return float((z * ratio).sum(axis=1).mean())


def source_to_files(source: Source) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What JSON holds of a source, and the arrays that a safetensors or npz file holds."""
    facts = {
        "name": source.name,
        "kind": source.kind,
        "outputs": list(source.outputs),
        "form": source.model.form,
        "facts": dict(source.model.facts),
    }
    arrays = {"targets": source.targets} | {f"model.{name}": array for name, array in source.model.arrays.items()}
    return facts, arrays


def source_from_files(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Source:
    """The source that `source_to_files` took apart.

    Raises
    ------
    InputError
        If something of it is missing.
    """
    try:
        own = {name.removeprefix("model."): array for name, array in arrays.items() if name.startswith("model.")}
        model = LabelModel(facts["form"], dict(facts["facts"]), own)
        return Source(facts["name"], facts["kind"], arrays["targets"], tuple(facts["outputs"]), model)
    except KeyError as error:
        raise InputError(f"the record of a learning source lacks {error}: learn the model anew") from error
