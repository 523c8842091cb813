"""Word vectors from training texts: words used alike lie alike."""

from __future__ import annotations

import numpy as np
import pytest

from seqtools.errors import DataError

pytest.importorskip("sklearn")

from seqtools.training.word_vectors import WINDOW, _counts, learn_vectors

VOCAB = 40


def rows(count: int = 400) -> list[np.ndarray]:
    """Even words stand among even ones, odd among odd; 3 and 4 are used by either kind alike."""
    rng = np.random.default_rng(3)
    kinds = [np.arange(5, VOCAB - 1, 2), np.arange(6, VOCAB - 1, 2)]
    return [rng.choice(kinds[number % 2], 12) for number in range(count)]


def test_words_used_alike_lie_alike() -> None:
    vectors = learn_vectors(rows(), VOCAB, 6)
    assert vectors.shape == (VOCAB, 6) and vectors.dtype == np.float32
    assert np.array_equal(vectors, learn_vectors(rows(), VOCAB, 6))
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[lengths > 0].mean() == pytest.approx(1.0, rel=1e-5)
    assert not vectors[:5].any() and not vectors[VOCAB - 1].any()  # never seen
    odd, even = vectors[5 : VOCAB - 1 : 2], vectors[6 : VOCAB - 1 : 2]
    assert (odd @ odd.T).mean() > 0.05 > abs(float((odd @ even.T).mean())) * 3


def test_counts_by_hand_do_not_cross_texts() -> None:
    counts = _counts([np.array([3, 4, 5]), np.array([6, 3])], 7).toarray()
    near = 1.0, (WINDOW - 1) / WINDOW
    assert counts[3, 4] == counts[4, 3] == near[0] and counts[3, 5] == near[1]
    assert counts[5, 6] == 0 and counts[6, 3] == near[0]


def test_special_tokens_are_no_words() -> None:
    counts = _counts([np.array([0, 3, 1, 4])], 5).toarray()
    assert counts[0].sum() == counts[1].sum() == 0 and counts[3, 4] == (WINDOW - 1) / WINDOW


def test_too_few_words_are_told() -> None:
    with pytest.raises(DataError, match="too few for vectors of 50 values"):
        learn_vectors([np.array([3, 4, 5, 3])], VOCAB, 50)
    with pytest.raises(DataError, match="too few"):
        learn_vectors([], VOCAB, 2)
