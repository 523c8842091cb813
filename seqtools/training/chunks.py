"""Truncated back-propagation through time: a long stream as chunks whose state is carried on.

The stream is cut into `rows` equal pieces that are read side by side (Mikolov 2012, Zaremba et al. 2014).
A chunk is `time` steps of all rows; the next chunk goes on where it ended, so the carried state is right.
Where the pieces begin moves from epoch to epoch. Chunk lengths vary as in AWD-LSTM (Merity et al. 2017,
section 4.1), so that no token always stands first, where the gradient cannot reach back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools.training.token_stream import forget

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

SHORTEST = 5
_KEPT = 16_000_000
"""Tokens read before the pages of a mapped stream are given back."""


@dataclass(frozen=True)
class Chunk:
    """One step's worth of data.

    Attributes:
        tokens: inputs `[time, rows]`, int64.
        targets: what follows each, `[time, rows]`.
        fresh: start all rows from a fresh state instead of the carried one.
        restart: which rows do so, `[rows]`, where they differ (per-line corpora).
    """

    tokens: IntArray
    targets: IntArray
    fresh: bool
    restart: NDArray[np.bool_] | None = None


class Chunks:
    """An endless walk over a token stream; exact after `load_state_dict`.

    Args:
        stream: ids `[tokens]`, memory-mapped or not.
        rows: pieces read side by side, over all processes.
        mine: the slice of rows that this process reads.
        chunk, jitter, half: mean length, its standard deviation, and the probability of half of it.
        reset: probability that a chunk starts afresh.
        seed: seed of lengths, offsets and resets; the same on all processes.
        renew: makes the stream of a pass, given the number of the pass (sub-words drawn afresh); None reads
            the same stream every time.

    Raises:
        DataError: the stream is too short for that many rows.
    """

    def __init__(
        self,
        stream: NDArray[Any],
        rows: int,
        *,
        chunk: int,
        jitter: float = 0.0,
        half: float = 0.0,
        reset: float = 0.0,
        seed: int = 0,
        mine: slice = slice(None),
        renew: Callable[[int], NDArray[Any]] | None = None,
    ) -> None:
        self.rows, self.mine, self._renew = rows, mine, renew
        self.chunk, self.jitter, self.half, self.reset = chunk, jitter, half, reset
        self._rng = np.random.default_rng(seed)
        self._read(stream)
        self._pass, self._position, self._offset = -1, self.length, 0
        self._since = 0

    def _read(self, stream: NDArray[Any]) -> None:
        self.stream, self.length = stream, (len(stream) - 1) // self.rows
        if self.length < 2:
            raise DataError(
                "training text",
                f"{len(stream)} tokens are too few for {self.rows} streams",
                "Give more text, or a smaller --batch-size",
            )

    @property
    def chunks_per_epoch(self) -> int:
        """Chunks in one pass, on average."""
        mean = self.chunk * (1 - self.half / 2)
        return max(1, round(self.length / min(mean, self.length)))

    def next(self) -> Chunk:
        """The next chunk; a new pass begins by itself, with a fresh state and another offset."""
        fresh = self._rng.random() < self.reset
        if self.length - self._position < min(SHORTEST, self.length):
            fresh = True
            self._begin_pass()
        time = min(self._draw_length(), self.length - self._position)
        starts = np.arange(self.rows)[self.mine] * self.length + self._offset + self._position
        window = self.stream[starts[None, :] + np.arange(time + 1)[:, None]].astype(np.int64)
        self._count(window.size)
        self._position += time
        return Chunk(window[:-1], window[1:], fresh)

    def _begin_pass(self) -> None:
        """Start all rows a little later than last time, so that chunks are cut elsewhere."""
        self._next_pass()
        spare = len(self.stream) - 1 - self.length * self.rows
        self._offset = int(self._rng.integers(0, spare + 1))
        self._position = int(self._rng.integers(0, max(1, min(self.chunk, self.length // 4))))

    def _next_pass(self) -> None:
        self._pass += 1
        if self._renew:
            self._read(self._renew(self._pass))

    def _count(self, tokens: int) -> None:
        self._since += tokens
        if self._since > _KEPT:
            forget(self.stream)
            self._since = 0

    def _draw_length(self) -> int:
        mean = self.chunk / 2 if self._rng.random() < self.half else self.chunk
        if not self.jitter:
            return max(1, int(mean))
        drawn = int(self._rng.normal(mean, self.jitter))
        return min(max(SHORTEST, drawn), 2 * self.chunk)

    def state_dict(self) -> dict[str, Any]:
        """Position and generator."""
        place = {"pass": self._pass, "position": self._position, "offset": self._offset}
        return {**place, "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self._pass, self._position, self._offset = state["pass"], state["position"], state["offset"]
        if self._renew and self._pass >= 0:
            self._read(self._renew(self._pass))
        self._rng.bit_generator.state = state["rng"]
