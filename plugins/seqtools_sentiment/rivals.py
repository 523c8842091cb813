"""Linear models fitted on training texts that are named, scored on the texts that a file is scored on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.figures import Figures, measure
from seqtools_sentiment.probabilities import probabilities
from seqtools_sentiment.recipe import LinearConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fitted_rivals(train: Sequence[Example], test: Sequence[Example], labels: Labels) -> dict[str, Figures]:
    """Figures of each linear model by its name, with the default settings of recipes.

    Their probabilities are not calibrated: only accuracy and F1 mean something, which no temperature changes.

    Raises:
        DataError: a label of the training texts is none of the file's.
        MissingDependencyError: scikit-learn is not installed.
    """
    from seqtools_sentiment.floor import KINDS
    from seqtools_sentiment.linear_fit import fit_linear

    labels.check(train, "training texts")
    targets, texts = labels.targets(test), [example.text for example in test]
    found = {}
    for kind, name in KINDS.items():
        model = fit_linear(train, labels, LinearConfig(), kind=kind)
        found[name] = measure(probabilities(model.logits(texts), labels.objective), targets, labels)
    return found


def chance(own: Figures, other: Figures) -> float:
    """How likely a difference in accuracy like this one or a larger one is by luck alone.

    McNemar's test over the texts that only one of the two has right, with continuity correction.
    """
    only_own, only_other = _only(own.right, other.right), _only(other.right, own.right)
    both = only_own + only_other
    if not both:
        return 1.0
    distance = max(abs(only_own - only_other) - 1, 0)
    return math.erfc(distance / math.sqrt(2 * both))


def verdict(own: Figures, rivals: Mapping[str, Figures]) -> str:
    """One honest sentence on whether the file beats the linear models."""
    if not rivals:
        return "No linear model stands beside it: --train FILE fits two on the training texts."
    name, best = max(rivals.items(), key=lambda pair: pair[1].accuracy)
    points = 100 * (own.accuracy - best.accuracy)
    luck = chance(own, best)
    sure = "" if luck < 0.05 else f"; so small a difference may be luck (p = {luck:.2f})"
    if points > 0:
        return f"The model beats the best linear model, {name}, by {points:.2f} points of accuracy{sure}."
    if points == 0:
        return f"The model is as accurate as {name}, a linear model: it has not earned its place."
    return f"The linear model wins: {name} is {-points:.2f} points more accurate than the model{sure}."


def _only(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(one & ~other))
