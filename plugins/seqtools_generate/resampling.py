"""Sub-words drawn afresh for every pass over the text (Kudo 2018; Provilkov et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.plugin import Tokenizer
from seqtools.texts import whole_words
from seqtools.training.run_folder import RunFolder
from seqtools.training.token_stream import open_stream, write_stream

_BLOCK = 1 << 18


class Resampler:
    """Makes the stream of a pass: the text, taken back from the plain stream, segmented by chance.

    The draw depends on the seed and the number of the pass alone, so that a resumed run sees the same.
    """

    def __init__(
        self, run: RunFolder, tokenizer: Tokenizer, seed: int, rank: int = 0, *, per_line: bool = False
    ) -> None:
        self.run, self.tokenizer, self.seed, self.per_line = run, tokenizer, seed, per_line
        # Each process writes its own copy: they hold the same, and none has to wait for another.
        # The first pass is drawn when training runs, so the folder is a run by then.
        self.path = run.path / "data" / f"sampled-{rank}.bin"

    def __call__(self, number: int) -> NDArray[Any]:
        """Ids of pass `number`, memory-mapped."""
        rng = np.random.default_rng([self.seed, number])
        write_stream(
            self.path,
            self._lines() if self.per_line else whole_words(self._texts()),
            self.tokenizer,
            per_line=self.per_line,
            encode=lambda text: self.tokenizer.encode_sampled(text, rng),
        )
        return open_stream(self.path)

    def _texts(self) -> Iterator[str]:
        plain, stream = self.run.stream("train"), self.tokenizer.stream()
        for begin in range(0, len(plain), _BLOCK):
            yield "".join(map(stream.push, plain[begin : begin + _BLOCK].tolist()))
        yield stream.flush()

    def _lines(self) -> Iterator[str]:
        """The texts between start and end ids."""
        plain, held = self.run.stream("train"), np.zeros(0, np.int64)
        for begin in range(0, len(plain), _BLOCK):
            held = np.concatenate([held, plain[begin : begin + _BLOCK].astype(np.int64)])
            *whole, held = np.split(held, np.flatnonzero(held == self.tokenizer.eos) + 1)
            yield from map(self.tokenizer.decode, whole)
