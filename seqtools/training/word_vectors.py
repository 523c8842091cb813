"""Word vectors from a run's own training texts, for the embedding to start from.

Which words stand near each other, as positive pointwise mutual information, factored by a truncated
singular value decomposition: what word2vec's skip-gram with negative sampling factors too (Levy & Goldberg,
"Neural Word Embedding as Implicit Matrix Factorization", 2014), in seconds and the same at every run. The
settings are those that Levy, Goldberg & Dagan (2015) recommend: smoothed contexts, near words counted more,
the square root of the singular values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools.tokens import SPECIALS

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray, IntArray

OWN = "own"
"""What a recipe says in the place of a vectors' file."""

WINDOW, SMOOTHING = 5, 0.75
_TOKENS = 2_000_000  # counted at once
_ITERATIONS = 4


def learn_vectors(rows: Iterable[IntArray], vocab: int, width: int, *, seed: int = 1) -> FloatArray:
    """Vectors of all tokens, `[vocab, width]`, with a mean length of 1; zeros for those never seen.

    Args:
        rows: ids of each text.
        vocab: number of tokens.
        width: values of a vector.
        seed: of the decomposition's random projections.

    Raises:
        DataError: the texts hold too few different words for vectors of this width.
    """
    from sklearn.utils.extmath import randomized_svd

    matrix = _mutual_information(_counts(rows, vocab))
    seen = matrix.getnnz(axis=1) > 0
    if seen.sum() <= width:
        cause = f"{seen.sum():,} words that stand near others are too few for vectors of {width} values"
        raise DataError("training texts", cause, "Give more texts, or leave network.vectors out")
    left, values, _ = randomized_svd(matrix, width, n_iter=_ITERATIONS, random_state=seed)
    vectors = left * np.sqrt(values) * seen[:, None]
    made: FloatArray = (vectors / np.linalg.norm(vectors[seen], axis=1).mean()).astype(np.float32)
    return made


def _counts(rows: Iterable[IntArray], vocab: int) -> Any:
    """How often each word stands near each, a nearer one counting more; sparse `[vocab, vocab]`."""
    from scipy.sparse import csr_matrix

    counts = csr_matrix((vocab, vocab), dtype=np.float64)
    for stream in _streams(rows):
        for apart in range(1, WINDOW + 1):
            one, other = stream[:-apart], stream[apart:]
            real = (one >= len(SPECIALS)) & (other >= len(SPECIALS))
            pairs, times = np.unique(one[real] * vocab + other[real], return_counts=True)
            weight = times * ((WINDOW + 1 - apart) / WINDOW)
            counts = counts + csr_matrix((weight, (pairs // vocab, pairs % vocab)), shape=counts.shape)
    return counts + counts.T


def _streams(rows: Iterable[IntArray]) -> Iterator[IntArray]:
    """Texts one after the other, far enough apart that no word is near one of another text."""
    gap = np.full(WINDOW, -1, np.int64)
    held: list[IntArray] = []
    size = 0
    for row in rows:
        held += [np.asarray(row, np.int64), gap]
        size += len(row) + WINDOW
        if size >= _TOKENS:
            yield _joined(held)
            held, size = [], 0
    if held:
        yield _joined(held)


def _joined(parts: Sequence[IntArray]) -> IntArray:
    whole: IntArray = np.concatenate(parts)
    return whole


def _mutual_information(counts: Any) -> Any:
    """Positive pointwise mutual information with smoothed contexts, sparse."""
    from scipy.sparse import coo_matrix

    found = coo_matrix(counts)
    seen = np.asarray(counts.sum(axis=1)).ravel()
    context = seen**SMOOTHING
    total = max(float(seen.sum()), 1.0)
    expected = seen[found.row] / total * context[found.col] / max(float(context.sum()), 1.0)
    values = np.log(found.data / total / expected)
    kept = values > 0
    where = found.row[kept], found.col[kept]
    return coo_matrix((values[kept].astype(np.float32), where), shape=found.shape).tocsr()
