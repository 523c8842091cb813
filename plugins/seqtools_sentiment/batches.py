"""Batches of texts of like length: little padding, and no loop over rows where they are made.

Ids of all texts lie in one array. Texts are sorted by length with some noise, cut into batches, and the
batches shuffled, anew for each pass. Where segmentations are sampled they are drawn when a batch is made,
from a generator of its own, so that a resumed run sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import IntArray
from seqtools.training.batch_walk import BatchWalk

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray

_NOISE = 0.1
"""Noise on lengths when sorting, as a share of them."""


class TextBatch(NamedTuple):
    """One batch, time-major."""

    tokens: Tensor
    """ids `[time, batch]`; what stands past a row's length means nothing"""
    lengths: Tensor
    """how many of them count, at least 1, `[batch]`"""
    targets: Tensor
    """shares of the classes, `[batch, classes]`"""

    def to(self, device: torch.device) -> TextBatch:
        """The batch where the network is."""
        if device.type != "cuda":
            return self
        return TextBatch(*(part.pin_memory().to(device, non_blocking=True) for part in self))


class EncodedTexts:
    """Texts as ids, each cut to `longest`, side by side in one array.

    Args:
        texts: as they were written.
        tokenizer: makes the ids.
        longest: tokens read of a text.
        sampled: keep the texts, to draw other segmentations from.

    Attributes:
        lengths: tokens of each text, `[texts]`, 0 where there are none.
    """

    def __init__(
        self, texts: Sequence[str], tokenizer: Tokenizer, longest: int, *, sampled: bool = False
    ) -> None:
        rows = [tokenizer.encode(text)[:longest].astype(np.int32) for text in texts]
        self.lengths: IntArray = np.array([len(row) for row in rows], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]) if rows else self.lengths
        self._ids = np.concatenate([*rows, np.zeros(1, np.int32)])
        self._tokenizer, self._longest = tokenizer, longest
        self._texts = list(texts) if sampled else []

    def pad(self, which: IntArray) -> tuple[Tensor, Tensor]:
        """Those texts side by side as `[time, batch]`, and their lengths, which are above 0."""
        return _padded(self._ids, self._starts[which], self.lengths[which])

    def draw(self, which: IntArray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """As `pad`, in other segmentations where texts were kept."""
        if not self._texts:
            return self.pad(which)
        encode, longest = self._tokenizer.encode_sampled, self._longest
        rows = [encode(self._texts[index], rng)[:longest] for index in which]
        lengths = np.array([len(row) for row in rows], np.int64)
        return _padded(np.concatenate(rows), np.cumsum(lengths) - lengths, lengths)


def _padded(ids: Any, starts: IntArray, lengths: IntArray) -> tuple[Tensor, Tensor]:
    steps = np.arange(lengths.max())[:, None]
    # Past its end a row repeats its first token.
    tokens = ids[np.where(steps < lengths, starts + steps, starts)]
    return torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(lengths)


class TextBatches(BatchWalk[IntArray]):
    """An endless walk over batches of texts.

    Args:
        texts: those without tokens are left out.
        targets: shares of the classes, `[texts, classes]`.
        batch_size: texts of a batch.
        seed: of order and segmentation.
        rank, size: this process among those that train together.

    Raises:
        DataError: no text has a token.
    """

    def __init__(
        self, texts: EncodedTexts, targets: FloatArray, *, batch_size: int, seed: int,
        rank: int = 0, size: int = 1,
    ) -> None:  # fmt: skip
        self._filled: IntArray = np.flatnonzero(texts.lengths)
        if not len(self._filled):
            raise DataError("training texts", "none has a token", "Give texts with words in them")
        self._texts, self._targets = texts, torch.from_numpy(targets)
        self._batch_size = batch_size
        super().__init__(seed=seed, rank=rank, size=size)

    def next(self) -> TextBatch:
        """The next batch; a new pass begins by itself."""
        which, rng = self.take()
        return TextBatch(*self._texts.draw(which, rng), self._targets[torch.from_numpy(which)])

    def plan(self, number: int) -> list[IntArray]:
        """Which texts go together in a pass, in the order of training."""
        rng = np.random.default_rng([self.seed, number])
        lengths = self._texts.lengths[self._filled]
        blurred = lengths * (1 + _NOISE * rng.random(len(lengths))) + rng.random(len(lengths))
        order = self._filled[np.argsort(blurred, kind="stable")]
        batches = [
            order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)
        ]
        rng.shuffle(batches)
        return batches


def in_order(texts: EncodedTexts, most_tokens: int) -> Iterator[tuple[IntArray, Tensor, Tensor]]:
    """Every text with a token once, by length: which, their ids and lengths.

    Args:
        most_tokens: of a batch with padding; one text always fits.
    """
    filled = np.flatnonzero(texts.lengths)
    order = filled[np.argsort(texts.lengths[filled], kind="stable")]
    while len(order):
        # Sorted, so that the last of a batch is its longest.
        sizes = texts.lengths[order] * np.arange(1, len(order) + 1)
        count = max(1, int(np.searchsorted(sizes, most_tokens, side="right")))
        yield order[:count], *texts.pad(order[:count])
        order = order[count:]
