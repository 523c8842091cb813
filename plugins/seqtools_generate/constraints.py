"""What changes scores before a token is chosen: bias, repetition penalty, banned n-grams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqtools.errors import UsageError
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools_generate.settings import Settings

_OFF = np.float32(-np.inf)


class Constraints:
    """All constraints of a run, in the order of Hugging Face's processors: bias, penalty, n-grams.

    They work on log-probabilities. A log-probability is never above 0, so the penalty of Keskar et al.
    (2019, section 4.1) always multiplies; a score that a bias has made positive is divided.
    """

    def __init__(self, settings: Settings, bias: FloatArray | None) -> None:
        self._bias, self._window = bias, settings.repeat_last_n
        self._penalty, self._size = np.float32(settings.repetition_penalty), settings.no_repeat_ngram

    def __call__(self, log_probs: FloatArray, histories: Sequence[IntArray]) -> FloatArray:
        """Scores `[rows, vocab]`; `histories` are each row's last tokens, oldest first."""
        scores = log_probs.copy() if self._bias is None else log_probs + self._bias
        for row, history in enumerate(histories):
            recent = history[-self._window :]
            if self._penalty != 1:
                old = scores[row, recent]  # a token may be there twice; it gets the same value twice
                scores[row, recent] = np.where(old < 0, old * self._penalty, old / self._penalty)
            if self._size:
                scores[row] = _without(scores[row], _completing(recent, self._size))
        return scores


def _completing(recent: IntArray, size: int) -> IntArray:
    """Tokens that would make the last `size` tokens an n-gram that `recent` holds already."""
    if len(recent) < size:
        return recent[:0]
    grams = np.lib.stride_tricks.sliding_window_view(recent, size)
    start = recent[len(recent) - size + 1 :]
    found: IntArray = grams[(grams[:, :-1] == start).all(axis=1), -1]
    return found


def _without(scores: FloatArray, banned: IntArray) -> FloatArray:
    """Scores with the banned ones at -inf; where nothing would be left, the ban is lifted."""
    left = scores.copy()
    left[banned] = _OFF
    return left if np.isfinite(left).any() else scores


def bias_vector(bias: Mapping[int | str, float], tokenizer: Tokenizer) -> FloatArray | None:
    """Biases by token, `[vocab]`; None for none.

    Raises:
        UsageError: a text is not exactly one token, an id is out of range, or every token is forbidden.
    """
    if not bias:
        return None
    vector = np.zeros(tokenizer.vocab_size, np.float32)
    for key, value in bias.items():
        vector[_token(key, tokenizer)] += np.float32(value)
    if not np.isfinite(vector).any():
        raise UsageError("logit-bias", "it forbids every token", "Leave at least one")
    return vector


def _token(key: int | str, tokenizer: Tokenizer) -> int:
    if isinstance(key, str):
        ids = tokenizer.encode(key)
        if len(ids) != 1:
            cause = f"{key!r} is {len(ids)} tokens of this model, not one"
            raise UsageError("logit-bias", cause, "Name a single token, by its text or as #ID")
        return int(ids[0])
    if not 0 <= key < tokenizer.vocab_size:
        cause = f"there is no token {key}"
        raise UsageError("logit-bias", cause, f"This model's ids are 0 to {tokenizer.vocab_size - 1}")
    return key
