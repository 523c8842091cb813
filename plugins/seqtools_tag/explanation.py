"""Why words get their labels: by what changes when a word is hidden (occlusion), or by integrated gradients.

Only the model file is asked. A label belongs to a place in the sentence, so no word is ever taken out: a word
that nobody knows stands in its place, and every other word keeps its own. All labels of a sentence are
explained by the same readings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtools.errors import ModelFileError, UsageError
from seqtools.explaining.explanation import MOST_PIECES, Explanation, Piece, check_method, runs
from seqtools.explaining.gradients import MOST_PIECES as MOST_FADED
from seqtools.explaining.gradients import integrated
from seqtools.tokens import REPLACEMENT
from seqtools.weighed_file import Knob, weighed
from seqtools_tag.reading import parts
from seqtools_tag.results import TagResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools.runtime.session import Session
    from seqtools_tag.run import Tagger

HIDDEN = "\ue000"
"""Stands where a word is hidden: a character for private use, which a network reads as an unknown word of
unknown letters and of no shape."""

_CHARACTERS_AT_ONCE = 16_384
_LEAST = 1e-12
_TOLD = 20
_WEIGHTS, _FIRST_LAYER = "word_weights", "layers.0.W"


class Subject(NamedTuple):
    """What gets a label, among the words of a sentence."""

    label: str
    """of the words together"""
    first: int
    """its first word"""
    past: int
    """the word after its last"""


def explain(
    model: Tagger, result: TagResult, words: Sequence[int | str] | None, method: str
) -> list[Explanation]:
    """See `Tagger.explain`."""
    check_method(method)
    edges = [bisect_left(result.offsets, (part.start,)) for part in parts(result.text)]
    found: list[Explanation] = []
    wanted = subjects(result, words, spanned=model.labels.spans)
    for begin, past in zip(edges, [*edges[1:], len(result.words)], strict=True):
        inside = [one for one in wanted if begin <= one.first < past]
        if inside:
            found += _Part(model, result, begin, past).explained(inside, method)
    return found


def subjects(result: TagResult, words: Sequence[int | str] | None, *, spanned: bool) -> list[Subject]:
    """What is explained: the words that are named; else the spans, or all words where labels mark none.

    Raises:
        UsageError: a word is named that is not there.
    """
    if words is not None:
        missing = [word for word in words if not result.places(word)]
        if missing:
            cure = f"Use one of: {' '.join(result.words[:_TOLD])}" if result.words else ""
            raise UsageError("words", f"{missing[0]!r} is none of the text's", cure)
        named = [place for word in words for place in result.places(word)]
        return [Subject("", place, place + 1) for place in dict.fromkeys(named)]
    if spanned:
        return [Subject(span.label, span.first, span.past) for span in result.spans]
    return [Subject("", place, place + 1) for place in range(len(result.words))]


class _Part:
    """What is read at once of a text: mostly all of it.

    Args:
        model: reads it.
        result: of the whole text.
        begin, past: its words.
    """

    def __init__(self, model: Tagger, result: TagResult, begin: int, past: int) -> None:
        self._model, self._result, self._begin = model, result, begin
        # A string ends at NUL on its way into onnxruntime.
        self._words = [word.replace("\0", REPLACEMENT) for word in result.words[begin:past]]

    def explained(self, wanted: Sequence[Subject], method: str) -> Iterator[Explanation]:
        """Explanations of what gets labels in it."""
        count, faded = len(self._words), method == "gradients"
        labels, shares = self._labelled()
        chosen = np.array([self._model.classes.index(label) for label in labels])
        spans = [slice(one.first - self._begin, min(one.past - self._begin, count)) for one in wanted]

        def weigh(shares: FloatArray) -> NDArray[np.float64]:
            odds = log_odds(shares, chosen)
            return np.stack([odds[:, span].min(axis=1) for span in spans], axis=1)

        cut = runs([(place, place + 1) for place in range(count)], MOST_FADED if faded else MOST_PIECES)
        whole = weigh(shares)[0]
        effects = self._faded(cut, weigh) if faded else whole - self._hidden(cut, weigh)
        for number, (one, span) in enumerate(zip(wanted, spans, strict=True)):
            share = shares[0, np.arange(count), chosen][span].min()
            yield Explanation(
                self._result.text,
                one.label or labels[span.start],
                float(share),
                float(whole[number]),
                tuple(self._piece(*run, effect) for run, effect in zip(cut, effects[:, number], strict=True)),
                method,
                (self._character(span.start), self._character(span.stop, end=True)),
            )

    def _piece(self, first: int, past: int, effect: float) -> Piece:
        return Piece(self._character(first), self._character(past, end=True), float(effect))

    def _character(self, word: int, *, end: bool = False) -> int:
        """Where a word begins in the text, or where the one before it ends."""
        return self._result.offsets[self._begin + word - end][end]

    def _labelled(self) -> tuple[list[str], FloatArray]:
        """Labels of the words, and probabilities of all labels, `[1, words, labels]`."""
        labels, shares = self._model.session.run(
            ["labels", "class_probabilities"], self._feeds([self._words])
        )
        return labels[0].tolist(), shares

    def _hidden(
        self, cut: Sequence[tuple[int, int]], weigh: Callable[[FloatArray], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Log-odds of the labels without each piece, `[pieces, subjects]`."""
        told = []
        for rows in self._batches(len(cut)):
            texts = [
                [*self._words[:first], *[HIDDEN] * (past - first), *self._words[past:]]
                for first, past in cut[rows]
            ]
            (shares,) = self._model.session.run(["class_probabilities"], self._feeds(texts))
            told.append(weigh(shares))
        return np.concatenate(told)

    def _faded(
        self, cut: Sequence[tuple[int, int]], weigh: Callable[[FloatArray], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Effects of the pieces by integrated gradients, `[pieces, subjects]`."""
        session = self._model.fading

        def asked(weights: FloatArray) -> NDArray[np.float64]:
            told = []
            for rows in self._batches(len(weights)):
                some = weights[rows]
                feeds = {**self._feeds([self._words] * len(some)), _WEIGHTS: some.T[:, :, None].copy()}
                told.append(weigh(session.run(["class_probabilities"], feeds)[0]))
            return np.concatenate(told)

        owners = np.repeat(np.arange(len(cut)), [past - first for first, past in cut])
        return integrated(asked, owners, len(cut))

    def _batches(self, count: int) -> Iterator[slice]:
        """Rows that are read at once: all of a sentence, some of a long text."""
        most = max(1, _CHARACTERS_AT_ONCE // (1 + sum(len(word) + 1 for word in self._words)))
        return (slice(begin, begin + most) for begin in range(0, count, most))

    def _feeds(self, rows: Sequence[Sequence[str]]) -> dict[str, NDArray[np.generic]]:
        return {"text": np.array([" ".join(row) for row in rows], object), "pretokenized": np.array([True])}


def fading(model: Tagger) -> Session:
    """The model with words that can be faded in, by the further input `word_weights [time, batch, 1]`.

    Raises:
        ModelFileError: its file is made otherwise.
    """
    data = model.file.data
    layer = f"{_FIRST_LAYER}.int8" if f"{_FIRST_LAYER}.int8".encode() in data else _FIRST_LAYER
    try:
        return model.opened(weighed(data, {layer: Knob(_WEIGHTS, ("time", "rows", 1), reads=True)}))
    except KeyError as error:
        cause = f"no part of it is called {error}, so nothing can be faded in"
        raise ModelFileError(str(model.file.path), cause, "Explain by occlusion") from error


def log_odds(shares: FloatArray, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log-odds `[rows, words]` of a label for each word from probabilities of all, `[rows, words, labels]`.

    Those of the others are summed, which is exact also where one rounds to 1.
    """
    p = shares.astype(np.float64)
    mine = np.arange(p.shape[2]) == chosen[:, None]
    own, others = (np.where(kept, p, 0).sum(axis=2) for kept in (mine, ~mine))
    odds: NDArray[np.float64] = np.log(np.maximum(own, _LEAST)) - np.log(np.maximum(others, _LEAST))
    return odds
