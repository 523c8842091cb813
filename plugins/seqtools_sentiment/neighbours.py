"""First vectors of words from the training texts alone: what a word is, its neighbours say (Firth 1957).

Counts of words that stand near each other, weighed to positive pointwise mutual information, and the best
approximation of that table by few columns (Levy & Goldberg 2014; Levy, Goldberg & Dagan 2015). A minute's
work that a network needs many passes to learn, and labels say nothing of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from seqtools.plugin import Reporter, Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

    from seqtools.plugin import FloatArray, IntArray

_SMOOTHING = 0.75
"""Power on the counts of contexts, so that rare ones do not look telling."""


@torch.no_grad()
def fill_from_neighbours(
    weight: Tensor, texts: Iterable[str], tokenizer: Tokenizer, window: int, seed: int, report: Reporter
) -> None:
    """Give the rows of `weight [vocab, width]` what their words' neighbours say; others stay as they are.

    Args:
        weight: of the embedding; the mean row keeps its length.
        texts: the training texts.
        tokenizer: cuts them.
        window: how many words away a neighbour may stand.
        seed: of the approximation.
    """
    counts = count_pairs((tokenizer.encode(text) for text in texts), len(weight), window, tokenizer.unknown)
    told = np.flatnonzero(np.asarray(counts.sum(axis=1)).ravel())
    # So few words do not make so many columns: the others stay as they were drawn.
    width = min(weight.shape[1], len(told) - 1)
    if width < 1:
        return
    table = vectors(counts, width, seed)[told]
    lengths = np.linalg.norm(table, axis=1)
    scale = float(weight[:, :width].norm(dim=1).mean()) / max(float(lengths.mean()), 1e-9)
    weight[torch.from_numpy(told), :width] = torch.from_numpy(table * scale).to(weight)
    report(f"neighbours: vectors of {len(told):,} of {len(weight):,} tokens")


def count_pairs(rows: Iterable[IntArray], vocab: int, window: int, unknown: int) -> Any:
    """How often two tokens stand within a window, near ones counting more, sparse `[vocab, vocab]`."""
    apart = np.full(window, -1)
    flat: IntArray = np.concatenate([apart, *(part for row in rows for part in (row, apart))])
    flat[flat == unknown] = -1
    counts = sparse.csr_matrix((vocab, vocab), dtype=np.float32)
    for distance in range(1, window + 1):
        left, right = flat[:-distance], flat[distance:]
        both = (left >= 0) & (right >= 0)
        pairs, times = np.unique(left[both] * vocab + right[both], return_counts=True)
        near = times.astype(np.float32) * ((window + 1 - distance) / window)
        counts = counts + sparse.csr_matrix((near, (pairs // vocab, pairs % vocab)), shape=(vocab, vocab))
    return (counts + counts.T).tocoo()


def vectors(counts: Any, width: int, seed: int) -> FloatArray:
    """Vectors `[vocab, width]` whose products come near the positive pointwise mutual information."""
    total = np.asarray(counts.sum(axis=1)).ravel()
    words, contexts = total / total.sum(), total**_SMOOTHING
    contexts /= contexts.sum()
    expected = words[counts.row] * contexts[counts.col]
    telling = np.log(counts.data / total.sum() / expected)
    kept = telling > 0
    places = counts.row[kept], counts.col[kept]
    table = sparse.csr_matrix((telling[kept].astype(np.float32), places), shape=counts.shape)
    left, strengths, _ = randomized_svd(table, width, n_iter=4, random_state=seed % 2**32)
    made: FloatArray = (left * np.sqrt(strengths)).astype(np.float32)
    return made
