"""Which steps of a series are trained on, which windows are chosen by, which are scored on: arithmetic only.

    |------------- training -------------|-- validation windows --|-- test windows --|
    0                              train_end                                    length

A window is told by its origin, the first step to forecast. Windows lie `stride` steps apart, the last one at
the end of its part; a window may read history from the parts before, never from those behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.runtime.arrays import IntArray
from seqtools.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WindowList:
    """Windows side by side: which series, and the step that each begins to forecast at; both `[windows]`."""

    series: IntArray
    origin: IntArray

    @classmethod
    def joined(cls, lists: Sequence[WindowList]) -> WindowList:
        """One list behind the other."""
        series, origin = (
            np.concatenate([getattr(one, name) for one in lists]) for name in ("series", "origin")
        )
        return cls(series, origin)

    @classmethod
    def none(cls) -> WindowList:
        """No window."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.series)

    def take(self, which: IntArray) -> WindowList:
        """Some of them."""
        return WindowList(self.series[which], self.origin[which])

    def thinned(self, most: int) -> WindowList:
        """At most so many, evenly chosen."""
        if len(self) <= most:
            return self
        return self.take(np.linspace(0, len(self) - 1, most).round().astype(np.int64))

    def batches(self, size: int) -> Iterator[WindowList]:
        """In order, so many at once."""
        for first in range(0, len(self), size):
            yield WindowList(self.series[first : first + size], self.origin[first : first + size])


@dataclass(frozen=True)
class Held:
    """How many windows are held out at the end of each series, and how short a history may be trained on.

    Attributes:
        valid, test: windows held out.
        stride: steps between them.
        shortest: see `Splits`.
    """

    valid: int
    test: int
    stride: int
    shortest: int = 0


@dataclass(frozen=True)
class Splits:
    """The parts of all series.

    Attributes:
        horizon: steps ahead.
        context: steps of history that a window holds.
        lengths: steps of each series, `[series]`.
        train_end: how many of them are trained on, `[series]`.
        valid, test: windows held out.
        shortest: steps of history that a training window has at least; 0 for a full window, or half of a
            short series.
        gap: origins from the first on and before the second are not trained from, `[series, 2]`.
    """

    horizon: int
    context: int
    lengths: IntArray
    train_end: IntArray
    valid: WindowList
    test: WindowList
    shortest: int = 0
    gap: IntArray | None = None

    def first(self) -> IntArray:
        """The earliest origin to train from, `[series]`."""
        half = np.maximum(self.horizon, self.train_end // 2)
        history = np.minimum(self.context, self.shortest or half)
        first: IntArray = np.maximum(1, np.minimum(history, self.train_end - self.horizon))
        return first

    def last(self) -> IntArray:
        """The latest origin to train from, `[series]`; below the earliest where there is none.

        The targets of a series that is too short for a whole window end where the series does.
        """
        whole = self.train_end - self.horizon
        last: IntArray = np.where(whole >= 1, whole, np.minimum(1, self.train_end - 1))
        return last

    def windows(self) -> IntArray:
        """Windows of each series to train on, `[series]`."""
        begin, end = self._gap
        count: IntArray = np.maximum(0, self.last() - self.first() + 1) - (end - begin)
        return count

    def origins(self, series: IntArray, place: IntArray) -> IntArray:
        """Where the windows to train on of these numbers in their series begin, both `[windows]`."""
        begin, end = (bound[series] for bound in self._gap)
        origin = self._range[0][series] + place
        found: IntArray = np.where(origin < begin, origin, origin + end - begin)
        return found

    def trained(self, series: IntArray, origin: IntArray) -> NDArray[np.bool_]:
        """Which windows are among those to train on."""
        begin, end = (bound[series] for bound in self._gap)
        first, behind = (bound[series] for bound in self._range)
        inside = (origin >= first) & (origin < behind)
        found: NDArray[np.bool_] = inside & ((origin < begin) | (origin >= end))
        return found

    @cached_property
    def _range(self) -> tuple[IntArray, IntArray]:
        """The earliest origin to train from and the one behind the latest, each `[series]`."""
        return self.first(), self.last() + 1

    @cached_property
    def _gap(self) -> tuple[IntArray, IntArray]:
        """From where to where in that range there is none, each `[series]`."""
        first, behind = self._range
        if self.gap is None:
            return behind, behind
        begin: IntArray = np.clip(self.gap[:, 0], first, np.maximum(first, behind))
        return begin, np.clip(self.gap[:, 1], begin, np.maximum(begin, behind))

    def whole(self) -> Splits:
        """All of every series for training, nothing held out."""
        nothing = WindowList.none()
        return replace(self, train_end=self.lengths, valid=nothing, test=nothing)

    def fold(self, number: int, count: int, stride: int) -> tuple[Splits, WindowList]:
        """A block of the training part held out, all before the test windows trained on but for it.

        Args:
            number: of the block, the oldest is 0.
            count: of blocks in series that are long enough; each is a horizon long at least.
            stride: steps between windows.

        Returns:
            What to train on, whose targets lie outside the block, and the windows in it.
        """
        begin = self.first()
        steps = np.maximum(self.train_end - begin, 0)
        blocks = np.minimum(count, steps // self.horizon)
        there = number < blocks
        starts, ends = (begin + steps * part // np.maximum(blocks, 1) for part in (number, number + 1))
        windows = np.where(there, (ends - starts - self.horizon) // stride + 1, 0)
        held = _listed(ends, windows, self.horizon, stride)
        gap = np.where(there[:, None], np.stack([starts - self.horizon + 1, ends], axis=1), 0)
        nothing = WindowList.none()
        kept = replace(self, train_end=self.before_test(), valid=nothing, test=nothing, gap=gap)
        return kept, held

    def before_test(self) -> IntArray:
        """Steps of each series that lie before its test windows."""
        ends = self.lengths.copy()
        np.minimum.at(ends, self.test.series, self.test.origin)
        return ends


def split(lengths: IntArray, horizon: int, context: int, held: Held) -> Splits:
    """Hold out windows at the end of every series.

    A series that would keep less than two horizons to train on loses its test windows, then those for
    validation. Windows are dropped from the front, so that what is left is the most recent.

    Args:
        lengths: steps of each series.
        horizon: steps ahead.
        context: steps of history that a window holds.
        held: how much is held out.

    Raises:
        DataError: no series is longer than the horizon.
    """
    if not len(lengths) or int(lengths.max()) <= horizon:
        longest = int(lengths.max()) if len(lengths) else 0
        steps = counted(longest, "step")
        cause = f"the longest has {steps}, fewer than one window needs to forecast {horizon}"
        raise DataError("series", cause, "Give longer series, or a shorter --horizon")
    room = np.maximum(lengths - 2 * horizon, 0)
    valid_count = _fitting(room, held.valid, horizon, held.stride)
    valid_steps = _covered(valid_count, horizon, held.stride)
    test_count = _fitting(room - valid_steps, held.test, horizon, held.stride)
    test_steps = _covered(test_count, horizon, held.stride)
    ends = lengths - test_steps
    return Splits(
        horizon,
        context,
        lengths,
        ends - valid_steps,
        _listed(ends, valid_count, horizon, held.stride),
        _listed(lengths, test_count, horizon, held.stride),
        held.shortest,
    )


def _fitting(room: IntArray, wanted: int, horizon: int, stride: int) -> IntArray:
    """How many windows fit into so many steps."""
    count: IntArray = np.where(room >= horizon, np.minimum(wanted, (room - horizon) // stride + 1), 0)
    return count


def _covered(count: IntArray, horizon: int, stride: int) -> IntArray:
    steps: IntArray = np.where(count > 0, horizon + (count - 1) * stride, 0)
    return steps


def _listed(ends: IntArray, count: IntArray, horizon: int, stride: int) -> WindowList:
    """Windows whose last ends at `ends`, by series and time."""
    series = np.repeat(np.arange(len(ends)), count)
    before = np.cumsum(count) - count
    place = np.arange(len(series)) - before[series]
    origin = ends[series] - horizon - (count[series] - 1 - place) * stride
    return WindowList(series.astype(np.int64), origin.astype(np.int64))
