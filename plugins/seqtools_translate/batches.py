"""Batches of sentence pairs of like length: little padding, as many rows as fit a number of tokens.

Pairs are sorted by length with some noise, cut into batches, and the batches shuffled, anew for each pass.
Lengths are those of the plain segmentation; BPE-dropout is drawn when a batch is made, from a generator of
its own, so that a resumed run sees the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import IntArray
from seqtools.training.batch_walk import BatchWalk

IGNORED = -100
"""Target of a padded position, which no loss counts."""

_NOISE = 2.0
"""Tokens of noise on lengths when sorting."""


class PairBatch(NamedTuple):
    """One batch, time-major, on the CPU."""

    source: Tensor
    """ids `[source, batch]`, each row ended by the end id"""
    lengths: Tensor
    """how many of them count, `[batch]`"""
    fed: Tensor
    """what the decoder is fed, `[time, batch]`, the start id first"""
    wanted: Tensor
    """what it should say, `[time, batch]`, the end id last, then IGNORED"""

    @property
    def targets(self) -> int:
        """Targets that count."""
        return int((self.wanted != IGNORED).sum())


class Sentences:
    """One side of a corpus with its tokenizer: texts, and the lengths of their plain segmentations.

    Args:
        texts: sentences.
        tokenizer: of this side.
        sampled: draw segmentations in training.
    """

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer, *, sampled: bool = False) -> None:
        self.texts, self.tokenizer, self.sampled = texts, tokenizer, sampled
        plain = [tokenizer.encode(text) for text in texts]
        self.lengths: IntArray = np.array([len(ids) for ids in plain], np.int64)
        # Kept only where they are used again.
        self._plain = [] if sampled else [ids.astype(np.int32) for ids in plain]

    def ids(self, index: int, rng: np.random.Generator | None) -> IntArray:
        """Tokens of a sentence, without start and end; drawn with `rng` where the side is sampled."""
        if not self.sampled:
            return self._plain[index].astype(np.int64)
        text = self.texts[index]
        return self.tokenizer.encode(text) if rng is None else self.tokenizer.encode_sampled(text, rng)


class PairBatches(BatchWalk[IntArray]):
    """An endless walk over batches of pairs.

    Args:
        source, target: both sides, as many sentences.
        batch_tokens: tokens of a batch, both sides with padding.
        seed: of order and segmentation.
        rank, size: this process among those that train together.

    Raises:
        DataError: there are no pairs.
    """

    def __init__(
        self,
        source: Sentences,
        target: Sentences,
        *,
        batch_tokens: int,
        seed: int,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        if not len(source.texts):
            raise DataError("training pairs", "there are none", "Give more pairs")
        self.source, self.target, self.batch_tokens = source, target, batch_tokens
        super().__init__(seed=seed, rank=rank, size=size)

    def next(self) -> PairBatch:
        """The next batch; a new pass begins by itself."""
        which, rng = self.take()
        return make_batch(
            [self.source.ids(index, rng) for index in which],
            [self.target.ids(index, rng) for index in which],
            self.source.tokenizer.eos,
            (self.target.tokenizer.bos, self.target.tokenizer.eos),
        )

    def plan(self, number: int) -> list[IntArray]:
        """Which pairs go together in a pass, in the order of training."""
        rng = np.random.default_rng([self.seed, number])
        lengths = np.maximum(self.source.lengths, self.target.lengths)
        order = np.argsort(lengths + rng.uniform(0, _NOISE, len(lengths)), kind="stable")
        batches = _cut(order, self.source.lengths + 1, self.target.lengths + 1, self.batch_tokens)
        rng.shuffle(batches)
        return batches


def _cut(order: IntArray, source: IntArray, target: IntArray, most: int) -> list[Any]:
    """Runs of `order` whose padded tokens stay within `most`; a longer pair is a batch of its own."""
    batches, start, widest, tallest = [], 0, 0, 0
    for end, index in enumerate(order):
        wide, tall = max(widest, int(source[index])), max(tallest, int(target[index]))
        if end > start and (end + 1 - start) * (wide + tall) > most:
            batches.append(order[start:end])
            start, wide, tall = end, int(source[index]), int(target[index])
        widest, tallest = wide, tall
    batches.append(order[start:])
    return batches


def make_batch(
    sources: Sequence[IntArray], targets: Sequence[IntArray], source_end: int, target_ends: tuple[int, int]
) -> PairBatch:
    """Pad ids of both sides to one batch.

    Args:
        sources, targets: ids without start and end.
        source_end: the source's end id.
        target_ends: the target's start and end ids.
    """
    source, lengths = pad([np.append(ids, source_end) for ids in sources], source_end)
    start, end = target_ends
    fed, _ = pad([np.concatenate([[start], ids]) for ids in targets], end)
    wanted, _ = pad([np.append(ids, end) for ids in targets], IGNORED)
    return PairBatch(source, lengths, fed, wanted)


def pad(rows: Sequence[IntArray], filler: int) -> tuple[Tensor, Tensor]:
    """Rows side by side as `[time, batch]`, and their lengths."""
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.full((int(lengths.max()), len(rows)), filler, np.int64)
    for column, row in enumerate(rows):
        ids[: len(row), column] = row
    return torch.from_numpy(ids), torch.from_numpy(lengths)
