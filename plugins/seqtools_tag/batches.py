"""Batches of labelled sentences: of like length, each different word spelled once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqtools.errors import DataError
from seqtools.nn.tagger import Words
from seqtools.runtime.arrays import IntArray
from seqtools.training.batch_walk import BatchWalk
from seqtools_tag.labels import LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import MOST_CHARACTERS, NOTHING, Spelling

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray

_NOISE = 1.0
"""Words of noise on lengths when sorting."""


class TagBatch(NamedTuple):
    """One batch, time-major, on the CPU."""

    words: Words
    """the sentences"""
    labels: Tensor
    """int64 `[time, batch]`; past a row's length 0"""


class Types:
    """The different words of some sentences and how each is read.

    Args:
        lookup, spelling: of the run.
    """

    def __init__(self, lookup: WordLookup, spelling: Spelling) -> None:
        self._lookup, self._spelling = lookup, spelling
        self._numbers: dict[str, int] = {}
        self._rows: list[tuple[int, int, list[int]]] = []
        self._table: tuple[IntArray, IntArray, IntArray, IntArray] | None = None

    def numbers(self, words: Sequence[str]) -> IntArray:
        """Number of each word among the different ones."""
        known = self._numbers
        return np.array([known[word] if word in known else self._add(word) for word in words], np.int64)

    def _add(self, word: str) -> int:
        self._table = None
        spelling = self._spelling
        self._rows.append((self._lookup.ids_of([word])[0], spelling.shape(word), spelling.ids(word)))
        self._numbers[word] = len(self._rows) - 1
        return len(self._rows) - 1

    def table(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Of every word: its id, its shape, the ids of its characters `[types, most]`, how many these are."""
        if self._table is None:
            lengths = np.array([len(characters) for _, _, characters in self._rows], np.int64)
            spelled = np.full((len(self._rows), MOST_CHARACTERS), NOTHING, np.int64)
            for row, (_, _, characters) in zip(spelled, self._rows, strict=True):
                row[: len(characters)] = characters
            ids, shapes = (np.array([row[part] for row in self._rows], np.int64) for part in (0, 1))
            self._table = ids, shapes, spelled, lengths
        return self._table


class Read(NamedTuple):
    """One sentence as numbers."""

    types: IntArray
    """of its words among the different ones"""
    labels: IntArray
    """`UNSEEN` where training has not met one"""


class Missing(NamedTuple):
    """Which words of a batch are read as unknown, so that unknown words are learned."""

    rates: FloatArray
    """probability of each word of the vocabulary"""
    rng: np.random.Generator
    """what draws"""


class TaggedSentences:
    """Sentences that batches are made of.

    Args:
        sentences: with labels in any scheme.
        lookup, spelling, labels: of the run.

    Raises:
        DataError: there are none.
    """

    def __init__(
        self, sentences: Sequence[Sentence], lookup: WordLookup, spelling: Spelling, labels: LabelSet
    ) -> None:
        if not sentences:
            raise DataError("sentences", "there are none", "Give more")
        self.types = Types(lookup, spelling)
        self.unknown = lookup.unknown
        self.rows = [
            Read(self.types.numbers(one.words), np.array(labels.ids(one.labels), np.int64))
            for one in sentences
        ]
        self.lengths: IntArray = np.array([len(row.types) for row in self.rows], np.int64)

    def batch(self, indices: Sequence[int] | IntArray, missing: Missing | None = None) -> TagBatch:
        """Some sentences side by side; words that are `missing` are read as unknown, though spelled."""
        rows = [self.rows[int(index)] for index in indices]
        lengths = self.lengths[np.asarray(indices)]
        shape = int(lengths.max()), len(rows)
        types, labels = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        types[:] = rows[0].types[0]
        for column, row in enumerate(rows):
            types[: len(row.types), column] = row.types
            labels[: len(row.types), column] = row.labels
        all_ids, all_shapes, all_spelled, all_lengths = self.types.table()
        different, spelled = np.unique(types, return_inverse=True)
        longest = max(1, int(all_lengths[different].max()))
        ids = all_ids[types]
        if missing is not None:
            ids = np.where(missing.rng.random(shape) < missing.rates[ids], self.unknown, ids)
        words = Words(
            torch.from_numpy(ids),
            torch.from_numpy(lengths),
            torch.from_numpy(all_spelled[different, :longest]),
            torch.from_numpy(spelled.reshape(shape)),
            torch.from_numpy(all_shapes[types]),
        )
        return TagBatch(words, torch.from_numpy(labels))


class SentenceBatches(BatchWalk[IntArray]):
    """An endless walk over batches of sentences.

    Args:
        sentences: all labels are known.
        batch_size: sentences of a batch.
        seed: of order and missing words.
        missing: with which probability each word of the vocabulary is read as unknown; None for never.
        rank, size: this process among those that train together.
    """

    def __init__(
        self,
        sentences: TaggedSentences,
        *,
        batch_size: int,
        seed: int,
        missing: FloatArray | None = None,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        self.sentences, self.batch_size = sentences, batch_size
        self._rates = missing
        super().__init__(seed=seed, rank=rank, size=size)
        self.mean_words = float(sentences.lengths.sum()) / len(self._batches)

    def next(self) -> TagBatch:
        """The next batch; a new pass begins by itself."""
        which, rng = self.take()
        return self.sentences.batch(which, None if self._rates is None else Missing(self._rates, rng))

    def plan(self, number: int) -> list[IntArray]:
        """Which sentences go together in a pass, in the order of training."""
        rng = np.random.default_rng([self.seed, number])
        lengths = self.sentences.lengths
        order = np.argsort(lengths + rng.uniform(0, _NOISE, len(lengths)), kind="stable")
        batches = [order[first : first + self.batch_size] for first in range(0, len(order), self.batch_size)]
        return [batches[place] for place in rng.permutation(len(batches))]
