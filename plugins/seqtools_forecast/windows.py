"""Windows of a store as tensors: gathered in one go, whatever series they lie in."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqtools.nn.forecasting.window import Window
from seqtools.runtime.arrays import IntArray
from seqtools_forecast.splits import WindowList
from seqtools_forecast.store import SeriesStore


class WindowSource:
    """Cuts windows out of a store.

    Args:
        store: the series.
        horizon, context: steps of a window's target and history.
    """

    def __init__(self, store: SeriesStore, horizon: int, context: int) -> None:
        self.store, self.horizon, self.context = store, horizon, context

    def gather(self, windows: WindowList, ends: IntArray | None = None) -> tuple[Window, Tensor]:
        """Those windows, NaN before a series begins and where a value is missing.

        Args:
            windows: series and origins.
            ends: steps of each window's series that may be seen, `[windows]`; all if None.

        Returns:
            The windows, and what came after each, float32 `[windows, horizon, targets]`.
        """
        store, context, horizon = self.store, self.context, self.horizon
        series, origin = windows.series, windows.origin
        ends = store.lengths[series] if ends is None else ends
        both = np.arange(-context, horizon) + origin[:, None]
        values = _cut(store.values, store.offsets[series], both, ends)
        past = _cut(store.past_rows, store.offsets[series], both[:, :context], ends)
        known = store.lengths[series] + store.aheads[series]
        future = _cut(store.future_rows, store.future_offsets[series], both, known)
        window = Window(
            history=torch.from_numpy(values[:, :context]),
            position=torch.from_numpy(store.starts[series] + origin),
            past=torch.from_numpy(past),
            future=torch.from_numpy(future),
            numbers=torch.from_numpy(store.static_numbers[series].astype(np.float32)),
            # 0 is what training never met.
            categories=torch.from_numpy(store.static_codes[series] + 1),
        )
        return window, torch.from_numpy(values[:, context:])


def _cut(
    rows: NDArray[np.float64], offsets: IntArray, steps: IntArray, ends: IntArray
) -> NDArray[np.float32]:
    """Steps of series as float32 `[windows, time, width]`; NaN where there are none."""
    if not rows.shape[1]:
        return np.zeros((*steps.shape, 0), np.float32)
    there = (steps >= 0) & (steps < ends[:, None])
    found = rows[np.where(there, offsets[:, None] + steps, 0)].astype(np.float32)
    found[~there] = np.nan
    return found


def to_device(window: Window, device: torch.device) -> Window:
    """The windows where the network is."""
    if device.type != "cuda":
        return window
    return Window(*(part.pin_memory().to(device, non_blocking=True) for part in window))
