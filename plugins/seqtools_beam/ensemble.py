"""Several models as one: their distributions averaged at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from seqtools.errors import UsageError
from seqtools.plugin import StepModel
from seqtools.runtime.arrays import FloatArray, IntArray

AVERAGES = ("probability", "log_probability")


class Ensemble:
    """A `StepModel` over several with one target vocabulary; sources may be read by different tokenizers.

    Args:
        models: they answer in the order given.
        weights: one a model; they are scaled to a sum of 1. None is equal ones.
        average: `probability` (a mixture) or `log_probability` (a product of experts, made to sum to 1).

    Raises:
        UsageError: no model, weights that do not fit, an unknown average.
    """

    def __init__(
        self,
        models: Sequence[StepModel],
        weights: Sequence[float] | None = None,
        average: str = "probability",
    ) -> None:
        if not models:
            raise UsageError("ensemble", "it has no model", "Give at least one")
        if average not in AVERAGES:
            raise UsageError("ensemble", f"there is no average '{average}'", f"Known: {', '.join(AVERAGES)}")
        self._models, self._mixes = list(models), average == "probability"
        self._weights = _scaled(weights, len(self._models))

    def start(self, batch: int) -> list[Any]:
        """A fresh state of each model."""
        return [model.start(batch) for model in self._models]

    def first(self, batch: int) -> tuple[FloatArray, list[Any]]:
        """Log-probabilities `[batch, vocab]` of the first token."""
        return self._joined([model.first(batch) for model in self._models])

    def step(self, tokens: IntArray, state: list[Any]) -> tuple[FloatArray, list[Any]]:
        """Feed `tokens [rows]` to every model."""
        pairs = zip(self._models, state, strict=True)
        return self._joined([model.step(tokens, part) for model, part in pairs])

    def reorder(self, state: list[Any], rows: IntArray) -> list[Any]:
        """State of the given rows."""
        return [model.reorder(part, rows) for model, part in zip(self._models, state, strict=True)]

    def _joined(self, told: Sequence[tuple[FloatArray, Any]]) -> tuple[FloatArray, list[Any]]:
        log_probs, states = [part[0] for part in told], [part[1] for part in told]
        sizes = [part.shape[-1] for part in log_probs]
        if len(set(sizes)) > 1:
            cause = f"its models have different vocabularies ({', '.join(map(str, sizes))} tokens)"
            raise UsageError("ensemble", cause, "Use models that were trained with one tokenizer")
        return (self._mixture(log_probs) if self._mixes else self._product(log_probs)), states

    def _mixture(self, log_probs: list[FloatArray]) -> FloatArray:
        """log of the weighted mean of probabilities."""
        weighted = [part + np.log(weight) for part, weight in self._weighted(log_probs)]
        return reduce(np.logaddexp, weighted)

    def _product(self, log_probs: list[FloatArray]) -> FloatArray:
        """The weighted mean of log-probabilities, normalised."""
        mean: FloatArray = sum(part * weight for part, weight in self._weighted(log_probs))  # type: ignore[assignment]
        highest = mean.max(axis=1, keepdims=True)
        shifted = mean - highest
        total = np.exp(shifted).sum(axis=1, keepdims=True)
        normal: FloatArray = shifted - np.log(total)
        return normal

    def _weighted(self, values: list[FloatArray]) -> list[tuple[FloatArray, np.float32]]:
        """Values with their weights; those that count nothing are left out."""
        return [(part, weight) for part, weight in zip(values, self._weights, strict=True) if weight > 0]


class AttentiveEnsemble(Ensemble):
    """One whose models all tell where they look, over sources of one length."""

    def attention(self, state: list[Any]) -> FloatArray:
        """The weighted mean of attentions `[rows, source]`.

        Raises:
            UsageError: the models cut their sources differently.
        """
        asked: list[Callable[[Any], FloatArray]] = [model.attention for model in self._models]  # type: ignore[attr-defined]
        maps = [attention(part) for attention, part in zip(asked, state, strict=True)]
        if len({part.shape for part in maps}) > 1:
            cause = "its models cut the source into different tokens, so there is no common attention"
            raise UsageError("ensemble", cause, "Use models with one source tokenizer, or ask for none")
        mean: FloatArray = sum(part * weight for part, weight in self._weighted(maps))  # type: ignore[assignment]
        return mean


def ensemble(
    models: Sequence[StepModel], weights: Sequence[float] | None = None, average: str = "probability"
) -> Ensemble:
    """An ensemble, with attention where all models have it."""
    attentive = all(hasattr(model, "attention") for model in models)
    return (AttentiveEnsemble if attentive else Ensemble)(models, weights, average)


def _scaled(weights: Sequence[float] | None, count: int) -> list[np.float32]:
    told = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if len(told) != count:
        cause = f"{len(told)} weights for {count} models"
        raise UsageError("ensemble", cause, "Give one weight for each model")
    if not (np.isfinite(told).all() and (told >= 0).all() and told.sum() > 0):
        cause = "weights are numbers of 0 or more, and not all 0"
        raise UsageError("ensemble", cause, "Give such weights, for example 1 1 0.5")
    return [np.float32(weight) for weight in told / told.sum()]
