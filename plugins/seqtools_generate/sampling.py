"""Choosing tokens outside the graph, in numpy float32: the host faces of `greedy` and `sample`.

Each does what its face in `graph.py` does, in the same order and precision, so that both write the same
tokens from the same noise; `Sample` can do more (min-p, typical), which the graph cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqtools.plugin import StepModel
from seqtools.runtime.arrays import FloatArray, IntArray

Adjust = Callable[[FloatArray, IntArray], FloatArray]
"""`(log_probs [rows, vocab], tokens written so far [rows, turn]) -> scores [rows, vocab]`."""

_LEAST_UNIFORM = np.float32(2**-25)
_OFF = np.float32(-np.inf)


class Greedy:
    """The likeliest token; of equals, the first."""

    def choose(self, scores: FloatArray, uniform: FloatArray) -> IntArray:
        """Tokens `[rows]` for `scores [rows, vocab]`; the noise is not used."""
        del uniform
        tokens: IntArray = scores.argmax(axis=1)
        return tokens


@dataclass(frozen=True)
class Sample:
    """Inverse-CDF sampling in vocabulary order, after temperature and truncation.

    Truncation in this order: top-k, top-p (Holtzman et al. 2020), min-p (Nguyen et al. 2024), typical
    (Meister et al. 2022, equation 5); values of 0, 1, 0, 1 switch them off. Ties stay.
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical: float = 1.0

    def choose(self, scores: FloatArray, uniform: FloatArray) -> IntArray:
        """Tokens `[rows]` for `scores [rows, vocab]` and noise `uniform [rows]` in [0, 1)."""
        probs = softmax(self.truncated(scores / np.float32(self.temperature)))
        cdf = probs.cumsum(axis=1, dtype=np.float32)
        # The largest value stands first where the cdf reaches the noise, or else comes to its end.
        tokens: IntArray = np.minimum(cdf, np.maximum(uniform, _LEAST_UNIFORM)[:, None]).argmax(axis=1)
        return tokens

    def truncated(self, scaled: FloatArray) -> FloatArray:
        """`scaled [rows, vocab]` with -inf where a token is ruled out."""
        if 0 < self.top_k < scaled.shape[1]:
            least = np.partition(scaled, -self.top_k, axis=1)[:, -self.top_k, None]
            scaled = np.where(scaled >= least, scaled, _OFF)
        if self.top_p < 1:
            scaled = _nucleus(scaled, np.float32(self.top_p))
        if self.min_p > 0:
            probs = softmax(scaled)
            kept = probs >= np.float32(self.min_p) * probs.max(axis=1, keepdims=True)
            scaled = np.where(kept, scaled, _OFF)
        if self.typical < 1:
            scaled = _typical(scaled, np.float32(self.typical))
        return scaled


def softmax(scaled: FloatArray) -> FloatArray:
    """Probabilities along the last axis, float32."""
    shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probs: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return probs


def _nucleus(scaled: FloatArray, mass: np.float32) -> FloatArray:
    """Keep the smallest set of likeliest tokens that holds `mass`."""
    probs = softmax(scaled)
    falling = -np.sort(-probs, axis=1)
    last = (falling.cumsum(axis=1, dtype=np.float32) < mass).sum(axis=1, keepdims=True)
    least = np.take_along_axis(falling, np.minimum(last, probs.shape[1] - 1), axis=1)
    return np.where(probs >= least, scaled, _OFF)


def _typical(scaled: FloatArray, mass: np.float32) -> FloatArray:
    """Keep the tokens whose surprise is closest to the expected one, until they hold `mass`."""
    probs = softmax(scaled)
    with np.errstate(divide="ignore"):
        surprise = -np.log(probs)
    expected = np.where(probs > 0, probs * surprise, np.float32(0)).sum(axis=1, keepdims=True)
    order = np.argsort(np.abs(surprise - expected), axis=1, kind="stable")
    before = np.take_along_axis(probs, order, axis=1).cumsum(axis=1, dtype=np.float32)
    kept_in_order = np.concatenate([np.ones_like(before[:, :1], bool), before[:, :-1] < mass], axis=1)
    kept = np.empty_like(kept_in_order)
    np.put_along_axis(kept, order, kept_in_order, axis=1)
    return np.where(kept, scaled, _OFF)


def decode(
    model: StepModel,
    decoder: Greedy | Sample,
    state: FloatArray,
    log_probs: FloatArray,
    noise: FloatArray,
    adjust: Adjust | None = None,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """The decoding loop of the graph, outside it: choose, note the log-probability, feed.

    Args:
        model: the network, one step at a time.
        decoder: how to choose.
        state: `[rows, S]`, after all that was read.
        log_probs: `[rows, vocab]` of the token that follows.
        noise: `[steps, rows]`.
        adjust: changes scores before the choice; the log-probabilities given back are the model's own.

    Returns:
        Tokens `[rows, steps]`, their log-probabilities `[rows, steps]`, the state after them.
    """
    steps, rows = noise.shape
    tokens, chosen = np.zeros((rows, steps), np.int64), np.zeros((rows, steps), np.float32)
    every = np.arange(rows)
    for turn, uniform in enumerate(noise):
        scores = log_probs if adjust is None else adjust(log_probs, tokens[:, :turn])
        tokens[:, turn] = decoder.choose(scores, uniform)
        chosen[:, turn] = log_probs[every, tokens[:, turn]]
        log_probs, state = model.step(tokens[:, turn], state)
    return tokens, chosen, state
