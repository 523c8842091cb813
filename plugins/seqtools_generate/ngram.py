"""Interpolated modified Kneser-Ney n-gram model, in numpy alone (Chen & Goodman 1999, eq. 26-28).

    p_k(w | h) = max(c(h w) - D(c), 0) / c(h .)  +  gamma(h) p_{k-1}(w | h without its first token)
    gamma(h)   = (D1 N1(h .) + D2 N2(h .) + D3 N3+(h .)) / c(h .)

c is the plain count at the highest order and, below it, the number of different tokens seen before
the gram. The recursion ends in the uniform distribution. A context never seen falls through.

An n-gram is named by a number: the rank of its first n-1 tokens among all (n-1)-grams, times the
vocabulary, plus its last token. So names are exact at any order and vocabulary, and one sort and one
binary search per order do all the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """One order's share of the interpolation.

    Attributes:
        above: discounted count of each gram, `[grams]`.
        total: c(h .) of each context, `[contexts]`; 0 where nothing followed.
        rest: mass taken by the discounts from each context, `[contexts]`.
    """

    above: Floats
    total: Floats
    rest: Floats


@dataclass(frozen=True)
class Level:
    """All grams of one order: sorted `names`, plain and continuation counts, number of contexts."""

    names: IntArray
    plain: IntArray
    continuation: IntArray
    contexts: int
    vocab: int

    @cached_property
    def top(self) -> Estimate:
        """The estimate when this is the highest order."""
        return self._estimate(self.plain)

    @cached_property
    def inner(self) -> Estimate:
        """The estimate when a higher order stands on this one."""
        return self._estimate(self.continuation)

    def _estimate(self, counts: IntArray) -> Estimate:
        discount = discounts(counts)[np.minimum(counts, 3)]
        context = self.names // self.vocab
        total = np.bincount(context, counts, self.contexts).astype(np.float64)
        rest = np.bincount(context, discount, self.contexts).astype(np.float64)
        return Estimate(counts - discount, total, rest)

    def find(self, names: IntArray) -> IntArray:
        """Rank of each name, -1 where it is unknown."""
        if not len(self.names):
            return np.full(names.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, at, -1)


def discounts(counts: IntArray) -> Floats:
    """`[0, D1, D2, D3+]` from the counts of counts (Chen & Goodman 1999, eq. 26).

    Where too few grams were seen once to four times for the formula, half a count is taken.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == times)) for times in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    raw = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.array([0.0, *(min(max(value, 0.0), times) for times, value in enumerate(raw, 1))])


class NGram:
    """A trained model; every order from 1 to `order` can be scored with."""

    def __init__(self, levels: list[Level], vocab: int) -> None:
        self.levels, self.vocab = levels, vocab

    @property
    def order(self) -> int:
        """The highest order that was counted."""
        return len(self.levels)

    @classmethod
    def train(cls, ids: IntArray, vocab: int, order: int) -> NGram:
        """Count `ids [time]`, all of them in `0..vocab-1`, up to `order`."""
        ids = np.asarray(ids, np.int64)
        order = min(order, len(ids))
        counted: list[tuple[IntArray, IntArray]] = []
        continuation: list[IntArray] = []
        contexts = [1]
        rank = np.zeros(len(ids) + 1, np.int64)  # rank of the (k-1)-gram before each token
        for k in range(1, order + 1):
            names = rank[: len(ids) - k + 1] * vocab + ids[k - 1 :]
            unique, first, this_rank, count = np.unique(
                names, return_index=True, return_inverse=True, return_counts=True
            )
            if k > 1:  # a gram's last k-1 tokens are the gram that ends where it ends
                continuation.append(np.bincount(rank[1:][first], minlength=contexts[-1]))
            counted.append((unique, count))
            contexts.append(len(unique))
            rank = this_rank
        continuation.append(counted[-1][1])
        parts = zip(counted, continuation, contexts[:-1], strict=True)
        return cls([Level(names, plain, cont, n, vocab) for (names, plain), cont, n in parts], vocab)

    def log_probs(self, ids: IntArray, order: int | None = None) -> Floats:
        """Natural log p of each of `ids [time]` given those before it, with at most `order` - 1 of them."""
        ids = np.asarray(ids, np.int64)
        order = self.order if order is None else order
        probability = np.full(len(ids), 1.0 / self.vocab)
        before = np.zeros(len(ids), np.int64)  # rank of the context of each token, -1 if unknown
        for k, level in enumerate(self.levels[:order], 1):
            estimate = level.top if k == order else level.inner
            known = before >= 0
            gram = np.where(known, level.find(before * self.vocab + ids), -1)
            total = np.where(known, estimate.total[before], 0.0)
            above = np.where(gram >= 0, estimate.above[gram], 0.0)
            seen = total > 0
            probability[seen] = (above + estimate.rest[before] * probability)[seen] / total[seen]
            before = np.concatenate(([-1], gram[:-1]))
        logs: Floats = np.log(probability)
        return logs
