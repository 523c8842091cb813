"""Runs of one to n words as features: which of them a text holds, in numpy.

The runs form a tree. Node 0 is no run at all; node w is the word w by itself; the children of a node are its
run with one word more. Children have consecutive numbers and are sorted by that last word, so the tree is
two arrays: where each node's children begin, and the last word of each node. That is some four bytes a run in
the file, and finding a run is a binary search among the children of its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtools.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray


class Found(NamedTuple):
    """The distinct runs of each text: text and node of each, int64 `[found]`, sorted by both."""

    rows: IntArray
    nodes: IntArray


@dataclass(frozen=True)
class NGrams:
    """The tree of runs.

    Attributes:
        sizes: nodes of each level: words, pairs, runs of three, …
        first: children of node p are `first[p]` to `first[p + 1] - 1`; int32, for the nodes that may have
            some (0 and all but the last level's) and one more.
        last: the last word of each node beyond the words.
    """

    sizes: tuple[int, ...]
    first: NDArray[np.int32]
    last: NDArray[np.int32]

    def __post_init__(self) -> None:
        inner = 1 + sum(self.sizes[:-1])
        words, ends = self.words, (int(self.first[0]), int(self.first[-1])) if len(self.first) else (0, 0)
        whole = (
            len(self.first) == inner + 1
            and ends == (words + 1, self.nodes)
            and bool((np.diff(self.first) >= 0).all())
            and len(self.last) == self.nodes - words - 1
            and bool(((self.last >= 1) & (self.last <= words)).all())
            and bool((np.diff(self._keys) > 0).all())
        )
        if not whole:
            raise DataError("runs of words", "their tree is damaged", "Fit the linear model again")

    @property
    def words(self) -> int:
        """How many words there are, numbered from 1."""
        return self.sizes[0]

    @property
    def nodes(self) -> int:
        """All nodes, the one that is no run among them."""
        return 1 + sum(self.sizes)

    @cached_property
    def parents(self) -> IntArray:
        """The node of each run without its last word, int64, for those beyond the words."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    @cached_property
    def _keys(self) -> IntArray:
        return self.parents * (self.words + 1) + self.last

    @classmethod
    def grow(
        cls, texts: Sequence[IntArray], words: int, longest: int, min_count: int
    ) -> tuple[NGrams, Found]:
        """The tree of all runs in some texts, and what each of those holds.

        Args:
            texts: words of each, by number from 1; 0 belongs to no run.
            words: how many different ones.
            longest: most words in a run.
            min_count: texts that a run of several words occurs in at least.
        """
        row, word = _flat(texts)
        node, found = word, [_distinct(row, word, words + 1)]
        sizes, first, last = [words], [np.array([words + 1])], [np.zeros(0, np.int64)]
        begin = 1
        for length in range(2, longest + 1):
            base = 1 + sum(sizes)
            runs, which = np.unique(_keys(node, word, length, words), return_inverse=True)
            held = _distinct(row, which + 1, len(runs) + 1)
            often = np.bincount(held.nodes - 1, minlength=len(runs)) >= min_count
            kept = often & (runs > 0)
            number = np.where(kept, base + np.cumsum(kept) - 1, 0)
            node, runs = number[which], runs[kept]
            nodes = number[held.nodes - 1]
            found.append(Found(held.rows[nodes > 0], nodes[nodes > 0]))
            first.append(base + np.searchsorted(runs // (words + 1), np.arange(begin, base)))
            last.append(runs % (words + 1))
            sizes.append(len(runs))
            begin = base
        starts = np.concatenate([*first, [1 + sum(sizes)]])
        tree = cls(tuple(sizes), starts.astype(np.int32), np.concatenate(last).astype(np.int32))
        return tree, _together(found)

    def find(self, texts: Sequence[IntArray]) -> Found:
        """The runs that each text holds; a number beyond the words, or 0, belongs to none."""
        row, word = _flat(texts)
        word = np.where(word <= self.words, word, 0)
        node, found = word, [_distinct(row, word, self.nodes)]
        for length in range(2, len(self.sizes) + 1):
            keys = _keys(node, word, length, self.words)
            place = np.searchsorted(self._keys, keys)
            there = np.append(self._keys, -1)[place] == keys
            node = np.where(there, self.words + 1 + place, 0)
            found.append(_distinct(row, node, self.nodes))
        return _together(found)

    def heaviest(self, weight: NDArray[np.float64], count: int) -> tuple[NGrams, IntArray]:
        """The tree with the runs of greatest weight only, and the nodes of this one that it has.

        A run counts as heavy as the heaviest that begins with it, and a word as the heaviest run that ends
        with it, so that whatever is needed to find a run is kept with it. Words stay in their order.

        Args:
            weight: of each node, `[nodes]`, none below zero.
            count: most runs to keep, words among them.
        """
        weight = weight.copy()
        weight[0] = np.inf
        parents = np.concatenate([np.zeros(self.words + 1, np.int64), self.parents])
        levels = np.cumsum([1, *self.sizes])
        for begin, end in reversed([*pairwise(levels)][1:]):  # the longest first, so that it goes all the way
            heavy, lasts = weight[begin:end], self.last[begin - self.words - 1 : end - self.words - 1]
            np.maximum.at(weight, parents[begin:end], heavy)
            np.maximum.at(weight, lasts, heavy)
        # Of equally heavy ones the first, which is the shorter.
        kept = np.sort(np.argsort(-weight, kind="stable")[: count + 1])
        new = np.zeros(self.nodes, np.int64)
        new[kept] = np.arange(len(kept))
        sizes = tuple(np.diff(np.searchsorted(kept, levels)).tolist())
        beyond = kept[1 + sizes[0] :]
        above, last = new[parents[beyond]], new[self.last[beyond - self.words - 1]]
        starts = 1 + sizes[0] + np.searchsorted(above, np.arange(2 + sum(sizes[:-1])))
        return NGrams(sizes, starts.astype(np.int32), last.astype(np.int32)), kept


def _flat(texts: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """The words of all texts in one row, a 0 after each text, and the text of each word; int64."""
    lengths = np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts))
    gap = np.zeros(1, np.int64)
    words = [part for text in texts for part in (text, gap)]
    return np.repeat(np.arange(len(texts)), lengths), np.concatenate([gap[:0], *words])


def _keys(node: IntArray, word: IntArray, length: int, words: int) -> IntArray:
    """A number for each run of `length` words, by where it begins; 0 where none does.

    Args:
        node: the run of one word less that begins there.
        word: the words.
    """
    following = np.zeros_like(word)
    following[: 1 - length] = word[length - 1 :]
    return np.where((node > 0) & (following > 0), node * (words + 1) + following, 0)


def _distinct(row: IntArray, node: IntArray, nodes: int) -> Found:
    """Each node once a text; 0 is none."""
    there = node > 0
    rows, kept = np.divmod(np.unique(row[there] * nodes + node[there]), nodes)
    return Found(rows, kept)


def _together(found: Sequence[Found]) -> Found:
    """What was found of all lengths, by text."""
    rows, nodes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((nodes, rows))
    return Found(rows[order], nodes[order])
