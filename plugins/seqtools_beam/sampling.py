"""Samples instead of a search: every row draws for itself, from noise that is an input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.runtime.noise import uniforms
from seqtools_beam.beam import DEAD
from seqtools_beam.select import Choice, Turn

_COLDEST = 1e-6


def noise(seed: int, numbers: Sequence[int] | IntArray, beam: int, turns: int) -> FloatArray:
    """Uniforms `[turns, batch, beam]` of the sentences with these numbers, the same in any batch.

    Args:
        seed: 0 to 2^64 - 1.
        numbers: of each sentence in the whole input, below 2^32.
        beam: samples of a sentence.
        turns: tokens of a sample, its end token included.
    """
    samples = (np.asarray(numbers, np.uint64)[:, None] << np.uint64(32)) + np.arange(beam, dtype=np.uint64)
    drawn: FloatArray = uniforms(seed, samples.reshape(-1), 0, turns)
    return drawn.reshape(turns, len(samples), beam)


class SampleSelect:
    """Inverse-CDF sampling in vocabulary order after temperature, top-k and top-p (Holtzman et al. 2020).

    Args:
        drawn: noise `[turns, batch, beam]` in [0, 1).
    """

    def __init__(self, drawn: FloatArray, temperature: float, top_k: int, top_p: float) -> None:
        self._drawn, self._temperature = drawn, np.float32(max(temperature, _COLDEST))
        self._top_k, self._top_p = top_k, np.float32(top_p)

    def __call__(self, turn: Turn, size: int) -> Choice:
        """Each row goes on with a token of its own; the first turn opens the beam."""
        sentences = turn.rows.sentences[:: turn.width]
        every = np.arange(turn.active * turn.width).reshape(turn.active, turn.width)
        parents = np.repeat(every, size, axis=1) if turn.width == 1 else every
        rows = parents.reshape(-1)
        written = turn.index - turn.rows.starts[rows]
        sample = np.tile(np.arange(size), turn.active)
        drawn = self._drawn[np.maximum(written, 0), np.repeat(sentences, size), sample]
        tokens = self._draw(turn.scores[rows], drawn)
        scores = turn.rows.scores[rows] + turn.scores[rows, tokens]
        return Choice(parents, tokens.reshape(parents.shape), scores.reshape(parents.shape))

    def _draw(self, scores: FloatArray, drawn: FloatArray) -> IntArray:
        """Tokens `[rows]`; a row without any allowed token gets a dead one."""
        scaled = self._truncated(scores / self._temperature)
        cdf = _weights(scaled).cumsum(axis=1, dtype=np.float32)
        total = cdf[:, -1:]
        reached = np.minimum(drawn[:, None] * total, np.nextafter(total, np.float32(0)))
        tokens: IntArray = np.minimum((cdf <= reached).sum(axis=1, dtype=np.int64), scores.shape[1] - 1)
        return tokens

    def _truncated(self, scaled: FloatArray) -> FloatArray:
        """`scaled [rows, vocab]` with -inf where a token is ruled out; ties stay."""
        if 0 < self._top_k < scaled.shape[1]:
            least = np.partition(scaled, -self._top_k, axis=1)[:, -self._top_k, None]
            scaled = np.where(scaled >= least, scaled, DEAD)
        if self._top_p < 1:
            weights = _weights(scaled)
            falling = -np.sort(-weights, axis=1)
            mass = self._top_p * weights.sum(axis=1, keepdims=True)
            last = (falling.cumsum(axis=1, dtype=np.float32) < mass).sum(axis=1, keepdims=True)
            least = np.take_along_axis(falling, np.minimum(last, weights.shape[1] - 1), axis=1)
            scaled = np.where(weights >= least, scaled, DEAD)
        return scaled


def _weights(scaled: FloatArray) -> FloatArray:
    """exp of scores shifted to a maximum of 0 along the last axis; all 0 where nothing is allowed."""
    highest = scaled.max(axis=1, keepdims=True)
    weights: FloatArray = np.exp(scaled - np.where(highest > DEAD, highest, np.float32(0)))
    return weights
