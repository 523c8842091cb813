"""The averaged structured perceptron (Collins 2002): the usual features of words, and Viterbi. numpy only.

It reads a word, its first and last letters, its shape and its neighbours, learns from its mistakes, and
keeps the mean of all its weights on the way. Seconds to train, and hard to beat on little data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from seqtools_tag.labels import LabelSet

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray, IntArray

PASSES = 8
"""Over the training sentences; more bring nothing, as a rule."""

_FEWEST = 2
_CACHED = 1 << 17
_BORDER = "\t"
_FORBIDDEN = np.float32(-1e9)


class Perceptron:
    """Weights of features and of moves between labels.

    Args:
        labels: what it chooses from; moves that no spans have are never made.
        features: row of each feature in `weights`; row 0 is that of all others and stays zero.
        weights: `[features + 1, labels]`.
        moves: `[labels + 1, labels]`, from the label before; the last row is that of a sentence's start.
    """

    def __init__(
        self, labels: LabelSet, features: dict[str, int], weights: FloatArray, moves: FloatArray
    ) -> None:
        self.labels, self._features, self._weights, self._moves = labels, features, weights, moves
        banned, start, self._end = labels.forbidden()
        self._banned = np.where(np.vstack([banned, start]), _FORBIDDEN, np.float32(0))

    @classmethod
    def learn(
        cls,
        sentences: Sequence[tuple[Sequence[str], Sequence[str]]],
        labels: LabelSet,
        *,
        passes: int = PASSES,
        seed: int = 1,
    ) -> Perceptron:
        """From words and their labels; a sentence with a label that is not known is left out.

        Args:
            sentences: words and labels of each.
            passes: over them, each in another order.
            seed: of the order.
        """
        golds = [np.array(labels.ids(said), np.int64) for _, said in sentences]
        kept = [(words, gold) for (words, _), gold in zip(sentences, golds, strict=True) if (gold >= 0).all()]
        counts = Counter(name for words, _ in kept for names in described(words) for name in names)
        names = sorted(name for name, count in counts.items() if count >= _FEWEST)
        features = {name: row for row, name in enumerate(names, 1)}
        model = cls(
            labels,
            features,
            np.zeros((len(features) + 1, len(labels)), np.float32),
            np.zeros((len(labels) + 1, len(labels)), np.float32),
        )
        read = [(model._rows(words), gold) for words, gold in kept]
        return model._trained(read, passes, np.random.default_rng(seed))

    def _trained(
        self, read: Sequence[tuple[IntArray, IntArray]], passes: int, rng: np.random.Generator
    ) -> Perceptron:
        """Walk over sentences; what is said wrongly moves the weights. Their mean is kept.

        The mean needs no second copy of every step: a change made at step t counts from there on, so the
        sum of (change * t) is taken off at the end.
        """
        weights, moves = self._weights, self._moves
        late, late_moves = np.zeros(weights.shape, np.float64), np.zeros(moves.shape, np.float64)
        step = 0
        for _ in range(passes):
            for place in rng.permutation(len(read)):
                step += 1
                rows, gold = read[place]
                said = self._best(rows)
                wrong = said != gold
                if not wrong.any():
                    continue
                touched = rows[wrong]
                for ids, sign in ((gold, 1.0), (said, -1.0)):
                    where = touched, ids[wrong][:, None]
                    np.add.at(weights, where, sign)
                    np.add.at(late, where, sign * step)
                    steps = np.concatenate([[len(self.labels)], ids[:-1]]), ids
                    np.add.at(moves, steps, sign)
                    np.add.at(late_moves, steps, sign * step)
                weights[0] = late[0] = 0
        mean = (weights - late / max(step, 1)).astype(np.float32)
        mean_moves = (moves - late_moves / max(step, 1)).astype(np.float32)
        return Perceptron(self.labels, self._features, mean, mean_moves)

    def predict(self, words: Sequence[str]) -> list[str]:
        """The labels of a sentence, as they are reported."""
        return self.labels.reported(self._best(self._rows(words)).tolist())

    def _rows(self, words: Sequence[str]) -> IntArray:
        known = self._features
        return np.array([[known.get(name, 0) for name in names] for names in described(words)], np.int64)

    def _best(self, rows: IntArray) -> IntArray:
        """The best path (Viterbi 1967) for features `[time, features]`."""
        scores = self._weights[rows].sum(axis=1)
        moves = self._moves + self._banned
        into, columns = np.ascontiguousarray(moves[:-1].T), np.arange(len(self.labels))
        best, came = scores[0] + moves[-1], []
        for score in scores[1:]:
            through = into + best
            origin = through.argmax(axis=1)
            came.append(origin)
            best = through[columns, origin] + score
        path = [int(np.where(self._end, _FORBIDDEN, best).argmax())]
        for origin in reversed(came):
            path.append(int(origin[path[-1]]))
        return np.array(path[::-1], np.int64)


def described(words: Sequence[str]) -> Iterator[list[str]]:
    """The features of each word of a sentence: always as many, in the same order."""
    own = [_BORDER, _BORDER, *words, _BORDER, _BORDER]
    lower = [word.lower() for word in own]
    for at in range(2, len(own) - 2):
        yield [
            *_inside(own[at]),
            f"-1 {lower[at - 1]}",
            f"+1 {lower[at + 1]}",
            f"-2 {lower[at - 2]}",
            f"+2 {lower[at + 2]}",
            f"-10 {lower[at - 1]} {lower[at]}",
            f"+01 {lower[at]} {lower[at + 1]}",
            f"-s {_ending(lower[at - 1])}",
            f"+s {_ending(lower[at + 1])}",
            f"-h {shape(own[at - 1])} {shape(own[at])}",
            f"+h {shape(own[at])} {shape(own[at + 1])}",
        ]


@lru_cache(_CACHED)
def _inside(word: str) -> tuple[str, ...]:
    """Features of a word by itself."""
    lower = word.lower()
    first = (f"p{count} {lower[:count]}" for count in range(1, 5))
    last = (f"s{count} {lower[-count:]}" for count in range(1, 5))
    return ("always", f"w {word}", f"l {lower}", f"h {shape(word)}", *first, *last)


def _ending(word: str) -> str:
    return word[-3:]


@lru_cache(_CACHED)
def shape(word: str) -> str:
    """Classes of a word's characters, each run once: `Xx` for Word, `X` for UNO, `9` for 1997, `x-x`."""
    classes = (
        "X" if one.isupper() else "x" if one.isalpha() else "9" if one.isdigit() else one for one in word
    )
    return "".join(_runs(classes))


def _runs(items: Iterable[str]) -> Iterator[str]:
    before = ""
    for item in items:
        if item != before:
            yield item
        before = item
