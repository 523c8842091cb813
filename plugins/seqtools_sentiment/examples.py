"""A labelled text, and what its labels mean to a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray, IntArray

_SHOWN = 10


@dataclass(frozen=True)
class Example:
    """A text and what it is labelled with.

    Attributes:
        text: as read.
        labels: one; any number where labels do not exclude each other.
        shares: how much of the text's label each of `labels` is, summing to 1 (several annotators, a
            teacher's probabilities); () where labels are certain.
        where: file and line, as errors name them; two examples that differ in it alone are equal.
    """

    text: str
    labels: tuple[str, ...]
    shares: tuple[float, ...] = ()
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Labels:
    """The classes of a model.

    Attributes:
        names: of the classes; from the lowest to the highest where they are ordered.
        objective: `softmax` (one class each), `ordinal` (one of ordered classes) or `sigmoid` (any number).
        ordered: there is a lowest and a highest class, so that a text has a score between them.
    """

    names: tuple[str, ...]
    objective: str = "softmax"
    ordered: bool = False

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def outputs(self) -> int:
        """Logits of a network: one less than classes where each says "higher than this class"."""
        return self.classes - (self.objective == "ordinal")

    def index(self, name: str) -> int:
        """Number of a class.

        Raises:
            DataError: it is none of them.
        """
        if name not in self.names:
            known = _listed(self.names)
            raise DataError(f"label '{name}'", f"it is not in the training data ({known})", "Mend the label")
        return self.names.index(name)

    def target(self, example: Example) -> FloatArray:
        """What a network should say, `[classes]`: shares that sum to 1, or a 1 for each label (sigmoid)."""
        target: FloatArray = np.zeros(self.classes, np.float32)
        shares = example.shares or (1.0,) * len(example.labels)
        for label, share in zip(example.labels, shares, strict=True):
            target[self.index(label)] = share
        return target

    def targets(self, examples: Sequence[Example]) -> FloatArray:
        """`target` of each, `[examples, classes]`."""
        rows: FloatArray = np.zeros((len(examples), self.classes), np.float32)
        for row, example in zip(rows, examples, strict=True):
            row[:] = self.target(example)
        return rows

    def golds(self, examples: Sequence[Example]) -> IntArray:
        """The class of each, of several the one with the largest share, int64 `[examples]`."""
        golds: IntArray = self.targets(examples).argmax(1).astype(np.int64)
        return golds

    def shares(self, examples: Sequence[Example]) -> FloatArray:
        """Share of each class among texts, `[classes]`: the answer where a text says nothing."""
        shares: FloatArray = self.targets(examples).mean(0, dtype=np.float64).astype(np.float32)
        return shares

    def check(self, examples: Iterable[Example], subject: str) -> None:
        """See that every label is known.

        Args:
            examples: other than those the labels were learned from.
            subject: what they are, for the error.

        Raises:
            DataError: some are not; it names them and where the first one stands.
        """
        foreign: Counter[str] = Counter()
        first = ""
        for example in examples:
            new = [label for label in example.labels if label not in self.names]
            first = first or (example.where if new else "")
            foreign.update(new)
        if foreign:
            told = _listed([f"'{name}' ({count:,}x)" for name, count in foreign.most_common()])
            where = f", first in {first}" if first else ""
            cause = f"the training data have no label {told}{where}; they have {_listed(self.names)}"
            raise DataError(subject, cause, "Name the labels alike, or train on these texts too")

    def payload(self) -> dict[str, Any]:
        """As JSON."""
        return {"names": list(self.names), "objective": self.objective, "ordered": self.ordered}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Labels:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        try:
            names, objective = tuple(map(str, payload["names"])), str(payload["objective"])
            return cls(names, objective, bool(payload["ordered"]))
        except (KeyError, TypeError) as error:
            cure = "Take the model file or the run folder from its source again"
            raise DataError("labels", f"their stored description is damaged ({error!r})", cure) from error


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
