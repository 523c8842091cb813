"""Chunks of a per-line corpus: rows begin with a text, from a fresh state, whenever they can.

Such a model writes from a fresh state and a start id, so that is what training must show it. Resetting the
state at every start id inside a chunk would cost the fused kernels. Instead a row goes back, after each
chunk, to the last text that began in it and reads that one again from its start with a fresh state. A text
longer than a chunk has no start in it and is carried on, as in running text. Texts are a few times shorter
than a chunk as a rule, so part of them is seen fresh and the others after their neighbours, behind a start
id: the network learns both, and figures under carried state stay good.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.training.chunks import Chunk, Chunks

_SAMPLED = 1_000_000


class Lines(Chunks):
    """An endless walk over texts between start and end ids, read as a ring.

    Args:
        stream: ids `[tokens]`, start id, text, end id, start id, …
        rows: texts read side by side, over all processes.
        start: the start id.
        options: as for `Chunks`.
    """

    def __init__(self, stream: NDArray[Any], rows: int, *, start: int, **options: Any) -> None:
        self.start = start
        super().__init__(stream, rows, **options)
        self._places = np.zeros(rows, np.int64)
        self._restart = np.ones(rows, bool)

    @property
    def chunks_per_epoch(self) -> int:
        """Chunks in one pass, on average; what is read again is reckoned in."""
        sample = self.stream[:_SAMPLED]
        text = len(sample) / max(1, int((sample == self.start).sum()))
        mean = self.chunk * (1 - self.half / 2)
        onward = mean - text / 2 if text < mean else mean * text / (text + mean / 2)
        return max(1, round(self.length / onward))

    def next(self) -> Chunk:
        """The next chunk; `restart` marks the rows that begin with a text."""
        fresh = self._rng.random() < self.reset
        if self._pass < 0 or self._position >= self.length:
            fresh = True
            self._begin_pass()
        time = self._draw_length()
        ring = (self._places[None, :] + np.arange(time + 1)[:, None]) % len(self.stream)
        window = self.stream[ring].astype(np.int64)
        self._count(window.size)
        restart = self._restart | fresh
        self._advance(window[1:] == self.start)
        mine = window[:, self.mine]
        return Chunk(mine[:-1], mine[1:], bool(restart.all()), restart[self.mine])

    def _advance(self, starts: NDArray[np.bool_]) -> None:
        """Move each row behind its chunk, or back to the last text in it (`starts [time, rows]`)."""
        self._restart = np.asarray(starts.any(axis=0))
        to_last = len(starts) - starts[::-1].argmax(0)
        self._places = self._places + np.where(self._restart, to_last, len(starts))
        # The slowest row decides when a pass is over; the others go on into the next row's piece.
        self._position = int((self._places - self._offset - np.arange(self.rows) * self.length).min())

    def _begin_pass(self) -> None:
        """Start all rows elsewhere on the ring."""
        self._next_pass()
        self._offset, self._position = int(self._rng.integers(0, len(self.stream))), 0
        self._places = self._offset + np.arange(self.rows, dtype=np.int64) * self.length
        self._restart = np.ones(self.rows, bool)

    def state_dict(self) -> dict[str, Any]:
        """Places and generator."""
        walk = {"places": self._places.tolist(), "restart": self._restart.tolist()}
        return {**super().state_dict(), **walk}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        super().load_state_dict(state)
        self._places, self._restart = np.array(state["places"], np.int64), np.array(state["restart"], bool)
