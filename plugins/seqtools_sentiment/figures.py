"""How good answers are: accuracy, F1, the confusion of classes, and whether probabilities can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray, IntArray
    from seqtools_sentiment.examples import Labels

BINS = 15
"""Of the expected calibration error."""
_TINY = 1e-12


@dataclass(frozen=True)
class Figures:
    """Figures of some texts' probabilities.

    Attributes:
        names: of the classes.
        objective: softmax, ordinal or sigmoid; in the last a text may have any number of labels, and is
            answered those whose probability is a half or more.
        probabilities: `[texts, classes]`.
        targets: what is right, `[texts, classes]`, 0 to 1; of soft labels the greatest counts.
    """

    names: tuple[str, ...]
    objective: str
    probabilities: FloatArray
    targets: FloatArray

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        """The labels that are answered, `[texts, classes]`."""
        if self.objective == "sigmoid":
            sure: NDArray[np.bool_] = self.probabilities >= 0.5
            return sure
        return _one(self.probabilities)

    @cached_property
    def gold(self) -> NDArray[np.bool_]:
        """The labels that are right, `[texts, classes]`."""
        if self.objective == "sigmoid":
            right: NDArray[np.bool_] = self.targets >= 0.5
            return right
        return _one(self.targets)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """The texts all of whose labels are right, `[texts]`."""
        right: NDArray[np.bool_] = (self.predicted == self.gold).all(axis=1)
        return right

    @property
    def accuracy(self) -> float:
        """Share of texts that are answered right; of several labels, all of them (subset accuracy)."""
        return _mean(self.right)

    @cached_property
    def _counts(self) -> tuple[IntArray, IntArray, IntArray]:
        """True positives, answered, right: `[classes]` each."""
        both = self.predicted & self.gold
        return both.sum(axis=0), self.predicted.sum(axis=0), self.gold.sum(axis=0)

    @cached_property
    def per_class(self) -> list[dict[str, Any]]:
        """Of each class its `label`, `precision`, `recall`, `f1` and `support` (texts that have it).

        What would divide by nothing is 0, as in scikit-learn.
        """
        return [
            {
                "label": name,
                "precision": _ratio(hit, answered),
                "recall": _ratio(hit, support),
                "f1": _ratio(2 * hit, answered + support),
                "support": support,
            }
            for name, hit, answered, support in zip(
                self.names, *(counts.tolist() for counts in self._counts), strict=True
            )
        ]

    @property
    def macro_f1(self) -> float:
        """Mean of the classes' F1, without classes that are neither answered nor right."""
        hit, answered, support = self._counts
        there = answered + support > 0
        return _mean(2 * hit[there] / (answered + support)[there])

    @property
    def micro_f1(self) -> float:
        """F1 of all decisions together; the accuracy where a text has one class."""
        hit, answered, support = (int(counts.sum()) for counts in self._counts)
        return _ratio(2 * hit, answered + support)

    @property
    def nll(self) -> float:
        """Negative log-likelihood in nats: of a text, or of one decision about a label (sigmoid)."""
        p = np.clip(self.probabilities.astype(np.float64), _TINY, 1)
        told = self.targets * np.log(p)
        if self.objective != "sigmoid":
            return -_mean(told.sum(axis=1))
        against = np.clip(1 - self.probabilities.astype(np.float64), _TINY, 1)
        return -_mean(told + (1 - self.targets) * np.log(against))

    @property
    def ece(self) -> float:
        """Expected calibration error (Guo et al. 2017), 15 bins of equal width.

        The mean distance, weighed by texts, between how sure the answers of a bin are and how many of them
        are right. With several labels every yes and no is an answer by itself.
        """
        if self.objective == "sigmoid":
            sure = np.maximum(self.probabilities, 1 - self.probabilities).ravel()
            return calibration_error(sure, (self.predicted == self.gold).ravel())
        return calibration_error(self.probabilities.max(axis=1), self.right)

    @property
    def confusion(self) -> IntArray | None:
        """Texts by right and answered class, int64 `[classes, classes]`; None with several labels."""
        if self.objective == "sigmoid":
            return None
        return self.gold.T.astype(np.int64) @ self.predicted.astype(np.int64)

    @property
    def mae(self) -> float:
        """Mean distance of the answered class from the right one, in places; for ordered classes."""
        return _mean(np.abs(self.predicted.argmax(axis=1) - self.gold.argmax(axis=1)))

    def summary(self) -> dict[str, float]:
        """The figures in one line, JSON-safe: as far as the objective has them."""
        told = {name: getattr(self, name) for name in ("accuracy", "macro_f1", "micro_f1", "nll", "ece")}
        if self.objective == "ordinal":
            told["mae"] = self.mae
        return told


def measure(probabilities: FloatArray, targets: FloatArray, labels: Labels) -> Figures:
    """Figures of probabilities `[texts, classes]` against `labels.targets(examples)`."""
    return Figures(labels.names, labels.objective, probabilities, targets)


def calibration_error(sure: FloatArray, right: NDArray[np.bool_]) -> float:
    """See `Figures.ece`; `sure` and `right` are `[answers]`."""
    if not len(sure):
        return 0.0
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(place, right.astype(np.float64) - sure, minlength=BINS)
    return float(np.abs(apart).sum() / len(sure))


def _one(values: FloatArray) -> NDArray[np.bool_]:
    """True at the greatest of each row, the first of equals."""
    chosen: NDArray[np.bool_] = values.argmax(axis=1)[:, None] == np.arange(values.shape[1])
    return chosen


def _mean(values: Any) -> float:
    return float(np.mean(values)) if np.size(values) else 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
