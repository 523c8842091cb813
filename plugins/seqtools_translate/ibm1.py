"""IBM model 1: which target word a source word becomes, learnt from sentence pairs alone (Brown et al. 1993).

All links of a corpus lie in flat arrays, so that a round of EM is a handful of numpy calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Ids = Sequence[int] | IntArray

MAX_LINKS = 8_000_000
"""Links held at most (about 0.5 GB); of a larger corpus every second, fourth, … pair is taken."""

LONGEST = 120
"""Tokens of a sentence that are linked; what comes after them says little about single words."""

ITERATIONS = 5


@dataclass(frozen=True)
class Bitext:
    """Sentence pairs as ids, one sentence after the other.

    Attributes:
        source, target: `[tokens]` of each side.
        source_lengths, target_lengths: `[pairs]`.
    """

    source: IntArray
    target: IntArray
    source_lengths: IntArray
    target_lengths: IntArray

    @classmethod
    def collect(cls, pairs: Iterable[tuple[Ids, Ids]], *, max_links: int = MAX_LINKS) -> Bitext:
        """Take pairs, evenly spread over the corpus if it has more links than may be held.

        Files are often sorted by length, so the first pairs alone would show short sentences only.
        """
        kept: list[tuple[IntArray, IntArray]] = []
        every, links = 1, 0
        for number, (source, target) in enumerate(pairs):
            if number % every:
                continue
            pair = _ids(source), _ids(target)
            kept.append(pair)
            links += _links(pair)
            while links > max_links and len(kept) > 1:
                kept, every = kept[::2], every * 2
                links = sum(map(_links, kept))
        sides = [_flat([pair[side] for pair in kept]) for side in (0, 1)]
        return cls(sides[0][0], sides[1][0], sides[0][1], sides[1][1])

    def turned(self) -> Bitext:
        """The same pairs from the target to the source."""
        return Bitext(self.target, self.source, self.target_lengths, self.source_lengths)


@dataclass(frozen=True)
class Table:
    """p(target | source) of all ids seen together, sorted by source and then by target.

    Attributes:
        source, target: `[entries]`; the empty word's source id is the size of the source vocabulary.
        probability: `[entries]`; sums to one over the entries of a source id.
    """

    source: IntArray
    target: IntArray
    probability: FloatArray


def train(bitext: Bitext, source_vocab: int, target_vocab: int, *, iterations: int = ITERATIONS) -> Table:
    """EM from a uniform start; each target token comes from one source token of its sentence, or from none.

    Args:
        source_vocab, target_vocab: number of ids on each side.
        iterations: rounds; the likelihood is concave in the table, so few are enough.
    """
    source, target, positions = _linked(bitext, null=source_vocab)
    keys, entry = np.unique(source * target_vocab + target, return_inverse=True)
    rows, columns = keys // target_vocab, keys % target_vocab
    begins = np.cumsum(positions) - positions
    probability = np.ones(len(keys))
    for _ in range(iterations if len(keys) else 0):
        share = probability[entry]
        share /= np.repeat(np.add.reduceat(share, begins), positions)
        counts = np.bincount(entry, share, minlength=len(keys))
        probability = counts / np.bincount(rows, counts, minlength=source_vocab + 1)[rows]
    return Table(rows, columns, probability)


def _linked(bitext: Bitext, null: int) -> tuple[IntArray, IntArray, IntArray]:
    """Source and target id of each link, `[links]`, and the links of each target position, `[positions]`."""
    lengths = bitext.source_lengths + 1  # each sentence begins with the empty word
    begins = np.cumsum(lengths) - lengths
    source = np.full(int(lengths.sum()), null, np.int64)
    is_word = np.ones(len(source), bool)
    is_word[begins] = False
    source[is_word] = bitext.source
    positions = np.repeat(lengths, bitext.target_lengths)
    # Link n of a position stands at its sentence's begin + n.
    within = np.arange(int(positions.sum())) - np.repeat(np.cumsum(positions) - positions, positions)
    place = np.repeat(np.repeat(begins, bitext.target_lengths), positions) + within
    return source[place], np.repeat(bitext.target, positions), positions


def _ids(ids: Ids) -> IntArray:
    array: IntArray = np.asarray(ids, np.int64)[:LONGEST]
    return array


def _links(pair: tuple[IntArray, IntArray]) -> int:
    return (len(pair[0]) + 1) * len(pair[1])


def _flat(sentences: list[IntArray]) -> tuple[IntArray, IntArray]:
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    return (np.concatenate(sentences) if sentences else np.zeros(0, np.int64)), lengths
