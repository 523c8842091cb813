"""Token sequences that must appear: how far each hypothesis has got with each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchConstraint, SearchRows, SearchSetup
from seqtools_beam.sequences import checked

_OFF = np.float32(-np.inf)
Places = tuple[int, ...]
"""Tokens of each phrase that a row has just written; the whole length once the phrase is there."""


class Phrase:
    """A sequence and its failure function: where a mismatch leaves one (Knuth, Morris and Pratt 1977)."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens
        self._fallback = [0] * len(tokens)
        for i in range(1, len(tokens)):
            self._fallback[i] = self._advance(self._fallback[i - 1], tokens[i])

    def after(self, place: int, token: int) -> int:
        """The place after a token; a phrase that is complete stays so."""
        return place if place == len(self.tokens) else self._advance(place, token)

    def _advance(self, place: int, token: int) -> int:
        while place and self.tokens[place] != token:
            place = self._fallback[place - 1]
        return place + (self.tokens[place] == token)


class Phrases(SearchConstraint):
    """Asks for sequences and keeps the end token away until all are there.

    A sentence's phrases may overlap in the text. Those that cannot fit into its length, in order, are not
    asked for, and told as unmet. Inputs: for each sentence the list of its sequences.
    """

    def __init__(self) -> None:
        self._phrases: list[list[Phrase]] = []
        self._hopeless: list[list[list[int]]] = []
        self._eos = -1
        self._sentence: list[int] = []
        self._places: list[Places] = []

    def start(self, setup: SearchSetup) -> Any:
        """For the phrases of one run; None if there are none."""
        if setup.inputs is None or not any(len(told) for told in setup.inputs):
            return None
        run = Phrases()
        run._eos = setup.eos
        for told, room in zip(setup.inputs, setup.max_lengths.tolist(), strict=True):
            asked, hopeless = _fitting(checked(told, setup, "a phrase"), room)
            run._phrases.append([Phrase(sequence) for sequence in asked])
            run._hopeless.append(hopeless)
        run._sentence = list(range(setup.batch))
        run._places = [(0,) * len(phrases) for phrases in run._phrases]
        return run

    def reorder(self, rows: IntArray) -> None:
        """Follow the rows."""
        self._sentence = [self._sentence[row] for row in rows]
        self._places = [self._places[row] for row in rows]

    def push(self, tokens: IntArray) -> None:
        """Take one token a row."""
        self._places = [self._after(row, token) for row, token in enumerate(tokens.tolist())]

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """No end before all phrases are there."""
        if self._eos >= 0:
            scores[[row for row in range(len(self._places)) if self._open(row)], self._eos] = _OFF

    def needed(self) -> IntArray:
        """Tokens of all phrases of each sentence, `[batch]`."""
        return np.array([sum(len(phrase.tokens) for phrase in phrases) for phrases in self._phrases])

    def wanted(self, row: int) -> list[int]:
        """The next token of each open phrase."""
        return [phrase.tokens[place] for place, phrase in self._of(row) if place < len(phrase.tokens)]

    def progress(self, rows: IntArray, tokens: IntArray) -> IntArray:
        """Tokens of phrases held after one more token, `[n]`."""
        pairs = zip(rows.tolist(), tokens.tolist(), strict=True)
        return np.array([sum(self._after(row, token)) for row, token in pairs], np.int64)

    def unmet(self, row: int) -> list[list[int]]:
        """Phrases that a row lacks, those that never fitted included."""
        lacking = [phrase.tokens for place, phrase in self._of(row) if place < len(phrase.tokens)]
        return lacking + self._hopeless[self._sentence[row]]

    def _of(self, row: int) -> Sequence[tuple[int, Phrase]]:
        return list(zip(self._places[row], self._phrases[self._sentence[row]], strict=True))

    def _open(self, row: int) -> bool:
        return any(place < len(phrase.tokens) for place, phrase in self._of(row))

    def _after(self, row: int, token: int) -> Places:
        return tuple(phrase.after(place, token) for place, phrase in self._of(row))


def _fitting(sequences: list[list[int]], room: int) -> tuple[list[list[int]], list[list[int]]]:
    """Sequences that fit into a length one after the other, and those that do not."""
    asked, hopeless = [], []
    for sequence in sequences:
        if len(sequence) <= room:
            asked.append(sequence)
            room -= len(sequence)
        else:
            hopeless.append(sequence)
    return asked, hopeless
