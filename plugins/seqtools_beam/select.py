"""Picking the candidates of a turn: exact top-k over `width * vocab` sums.

Equal sums are ordered by row, then by the score of the token, then by the token. (Sums of one row can be
equal though its scores are not, by rounding; the face inside the graph sorts each row's scores first.)

A pass over the maxima of blocks finds where the best candidates are; only those blocks are looked at. The
k best elements lie in the k blocks with the largest maxima, if ties go to the block that comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchRows
from seqtools_beam.beam import DEAD

BLOCK = 64
_FEW, _SMALL = 24, 1024


@dataclass(frozen=True)
class Turn:
    """What a selection chooses from.

    Attributes:
        width: rows of a sentence.
        scores: of the next token of each row, adjusted, `[rows, vocab]`; an ended row has its end token only.
        rows: the hypotheses; their sums are `rows.scores`.
        index: number of the turn, from 0.
    """

    width: int
    scores: FloatArray
    rows: SearchRows
    index: int

    @property
    def active(self) -> int:
        """Sentences left."""
        return len(self.scores) // self.width


@dataclass(frozen=True)
class Choice:
    """Rows that go on: `size` for each sentence, the best first.

    Attributes:
        parents: rows that they continue, `[active, size]`.
        tokens: with which token, `[active, size]`.
        scores: sums then; -inf where there were too few candidates, `[active, size]`.
        ended: parents `[n]` and sums `[n]` of hypotheses that end now and leave the beam, or None.
    """

    parents: IntArray
    tokens: IntArray
    scores: FloatArray
    ended: tuple[IntArray, FloatArray] | None = None


class Selector(Protocol):
    """A way to choose."""

    def __call__(self, turn: Turn, size: int) -> Choice:
        """The `size` rows of each sentence that go on."""


def select(turn: Turn, size: int) -> Choice:
    """Plain beam search: the highest sums."""
    return best(turn.scores, turn.rows.scores, turn.width, size)


def best(scores: FloatArray, sums: FloatArray, width: int, size: int) -> Choice:
    """The `size` best candidates of each sentence by `sums[row] + scores[row, token]`, best first.

    Args:
        scores: `[rows, vocab]`.
        sums: `[rows]`.
        width: rows of a sentence.
        size: candidates; those beyond what there is are dead copies of the first row.
    """
    active, vocab = len(sums) // width, scores.shape[1]
    if width * vocab <= _SMALL:
        columns = np.broadcast_to(np.arange(width * vocab), (active, width * vocab))
        totals = (scores + sums[:, None]).reshape(active, -1)
    else:
        columns, totals = _promising(scores, sums, width, size + 1)
    places, found = top(totals, min(size + 1, totals.shape[1]))
    flat = np.take_along_axis(columns, places, axis=1)
    if places.shape[1] > size:
        _settle_ties(flat, found, scores, sums, width)
    flat, found = flat[:, :size], found[:, :size]
    first = np.arange(active)[:, None] * width
    parents, tokens = first + flat // vocab, flat % vocab
    dead = found == DEAD
    parents, tokens = np.where(dead, first, parents), np.where(dead, 0, tokens)
    return padded(Choice(parents, tokens, found), first, size)


def _settle_ties(flat: IntArray, found: FloatArray, scores: FloatArray, sums: FloatArray, width: int) -> None:
    """Put the candidates of sentences with equal sums among the best in their order, in place.

    Args:
        flat, found: places and sums of the best ones and one more, `[active, size + 1]`.
        scores, sums, width: as in `best`.
    """
    equal = ((found[:, 1:] == found[:, :-1]) & (found[:, 1:] > DEAD)).any(axis=1)
    for sentence in np.flatnonzero(equal):
        mine = slice(sentence * width, (sentence + 1) * width)
        totals = scores[mine] + sums[mine, None]
        rows, tokens = np.nonzero((totals >= found[sentence, -1]) & (totals > DEAD))
        order = np.lexsort((tokens, -scores[mine][rows, tokens], rows, -totals[rows, tokens]))
        order = order[: flat.shape[1]]
        flat[sentence, : len(order)] = rows[order] * scores.shape[1] + tokens[order]


def padded(choice: Choice, first: IntArray, size: int) -> Choice:
    """The same with `size` columns, the new ones dead; `first [active, 1]` is a row of each sentence."""
    missing = size - choice.tokens.shape[1]
    if missing <= 0:
        return choice
    active = len(first)
    return Choice(
        np.concatenate([choice.parents, np.repeat(first, missing, axis=1)], axis=1),
        np.concatenate([choice.tokens, np.zeros((active, missing), np.int64)], axis=1),
        np.concatenate([choice.scores, np.full((active, missing), DEAD)], axis=1),
    )


def top(values: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Places and values of the `count` largest of each row of `values [n, m]`, ties to the first place."""
    if count > _FEW:
        places = np.argsort(-values, axis=1, kind="stable")[:, :count]
        return places, np.take_along_axis(values, places, axis=1)
    left, every = values.copy(), np.arange(len(values))
    places = np.empty((len(values), count), np.int64)
    found = np.empty((len(values), count), np.float32)
    for turn in range(count):
        places[:, turn] = left.argmax(axis=1)
        found[:, turn] = left[every, places[:, turn]]
        left[every, places[:, turn]] = DEAD
    return places, found


def _promising(scores: FloatArray, sums: FloatArray, width: int, size: int) -> tuple[IntArray, FloatArray]:
    """Flat places, in order, and sums `[active, size * BLOCK]` of candidates that hold all the best ones."""
    rows, vocab = scores.shape
    active, whole = rows // width, vocab // BLOCK * BLOCK
    peaks = scores[:, :whole].reshape(rows, -1, BLOCK).max(axis=2)
    if whole < vocab:
        peaks = np.concatenate([peaks, scores[:, whole:].max(axis=1, keepdims=True)], axis=1)
    blocks = peaks.shape[1]
    peaks = (peaks + sums[:, None]).reshape(active, -1)
    chosen = np.sort(top(peaks, min(size, peaks.shape[1]))[0], axis=1)
    again = np.zeros_like(chosen, dtype=np.bool_)  # a sentence with few candidates picks dead blocks twice
    again[:, 1:] = chosen[:, 1:] == chosen[:, :-1]
    tokens = (chosen % blocks)[:, :, None] * BLOCK + np.arange(BLOCK)
    parents = chosen // blocks
    row = np.arange(active)[:, None] * width + parents
    inside = np.minimum(tokens, vocab - 1)
    totals = scores[row[:, :, None], inside] + sums[row][:, :, None]
    totals[again[:, :, None] | (tokens >= vocab)] = DEAD
    flat = parents[:, :, None] * vocab + inside
    return flat.reshape(active, -1), totals.reshape(active, -1)
