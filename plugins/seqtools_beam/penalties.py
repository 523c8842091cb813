"""Scorers of our own: length, coverage, repetition, and a beginning that is wished for."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchRows, SearchScorer, SearchSetup

_LEAST_COVERED = 1e-10


class Length(SearchScorer):
    """Divides the sum by a length that counts the end token, after a reward for every other token.

    `average` divides by the length, `power` by length^alpha, `wu` by ((5 + length) / 6)^alpha (Wu et al.
    2016, equation 14), `none` by nothing. A hypothesis that was cut is measured as if it had ended there.
    """

    def __init__(self, kind: str = "power", alpha: float = 1.0, word_reward: float = 0.0) -> None:
        self._kind = kind
        self._alpha = np.float32(1.0 if kind == "average" else alpha)
        self._reward = np.float32(word_reward)

    def rank(self, scores: FloatArray, rows: SearchRows) -> FloatArray:
        """Sums `[rows]` over lengths."""
        length = rows.lengths.astype(np.float32)
        scores = scores + self._reward * length
        if self._kind == "none":
            return scores
        if self._kind == "wu":
            ranked: FloatArray = scores / np.power((length + np.float32(6)) / np.float32(6), self._alpha)
        else:
            ranked = scores / np.power(length + np.float32(1), self._alpha)
        return ranked


class Coverage(SearchScorer):
    """What the summed attention `c` of each source position costs.

    `wu` adds beta * sum(log(min(c, 1))) (Wu et al. 2016, equation 15). `summary` takes away
    beta * sum(max(c, 1) - 1), for texts that should not say a thing twice (Gehrmann et al. 2018). Columns
    that no row can look at are padding and cost nothing.
    """

    needs_coverage = True

    def __init__(self, kind: str = "wu", beta: float = 0.2) -> None:
        self._kind, self._beta = kind, beta

    def rank(self, scores: FloatArray, rows: SearchRows) -> FloatArray:
        """Scores `[rows]` with the cost of their coverage."""
        if rows.coverage is None:
            return scores
        # Sums in double precision: padding must not change their last digit.
        covered = rows.coverage.astype(np.float64)
        if self._kind == "wu":
            looked_at = np.clip(covered, _LEAST_COVERED, 1)
            cost = np.where(covered > 0, np.log(looked_at), 0).sum(axis=1)
        else:
            cost = -np.maximum(covered - 1, 0).sum(axis=1)
        ranked: FloatArray = scores + (self._beta * cost).astype(np.float32)
        return ranked


class Repetition(SearchScorer):
    """Multiplies the log-probabilities of tokens that a row holds (after Keskar et al. 2019, section 4.1)."""

    def __init__(self, penalty: float) -> None:
        self._penalty = np.float32(penalty)

    def adjust(self, log_probs: FloatArray, rows: SearchRows) -> FloatArray:
        """Scores `[rows, vocab]`; a token that is there twice pays once."""
        old = np.take_along_axis(log_probs, rows.tokens, axis=1)
        new = np.where(old < 0, old * self._penalty, old / self._penalty)
        np.put_along_axis(log_probs, rows.tokens, new, axis=1)
        return log_probs


class PrefixBias(SearchScorer):
    """Mixes the next token of a wished beginning into the distribution, until a row leaves it.

    p' = (1 - strength) p + strength [token is the wished one] (Arivazhagan et al. 2020, section 3.2;
    CTranslate2 calls it `prefix_bias_beta`). Inputs: the beginning of each sentence, a list of tokens.
    """

    def __init__(self, strength: float) -> None:
        self._strength = np.float32(strength)
        self._wished: list[IntArray] = []

    def start(self, setup: SearchSetup) -> Any:
        """For the beginnings of one run; None if no sentence has one."""
        if setup.inputs is None or not any(len(wished) for wished in setup.inputs):
            return None
        run = PrefixBias(float(self._strength))
        run._wished = [np.asarray(wished, np.int64) for wished in setup.inputs]
        return run

    def adjust(self, log_probs: FloatArray, rows: SearchRows) -> FloatArray:
        """Scores `[rows, vocab]`, changed for the rows that still follow."""
        time = rows.tokens.shape[1]
        for row, (sentence, start) in enumerate(zip(rows.sentences, rows.starts, strict=True)):
            wished, written = self._wished[sentence], time - start
            follows = 0 <= written < len(wished) and not rows.finished[row]
            if follows and (rows.tokens[row, start:] == wished[:written]).all():
                log_probs[row] = self._mixed(log_probs[row], int(wished[written]))
        return log_probs

    def _mixed(self, log_probs: FloatArray, token: int) -> FloatArray:
        with np.errstate(divide="ignore"):
            mixed: FloatArray = log_probs + np.log(np.float32(1) - self._strength)
            mixed[token] = np.logaddexp(mixed[token], np.log(self._strength))
        return mixed
