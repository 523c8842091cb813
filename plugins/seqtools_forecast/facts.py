"""What a look at the series says about how to forecast them: lengths, signs, seasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.store import SeriesStore

    Float64 = NDArray[np.float64]

_LOOKED_AT = 500
_LAST_STEPS = 5000
_MOST_SORTED = 1 << 18
"""Values of one series, evenly chosen, by which its median is told."""
_CLEAR = 0.3
"""Autocorrelation from which on a season counts as one."""
_NEARLY = 0.9
"""Share of the highest peak that a peak at a part of its lag must reach to be the season itself."""
SHORT = 16
"""Steps below which a series teaches little by itself."""
_NEAR_ZERO = 0.02
_SINGLE = float(np.finfo(np.float32).max)
"""A hundredth of the values below this share of the median: logarithms would see little else."""


@dataclass(frozen=True)
class Facts:
    """What is known of the series.

    Attributes:
        lengths: steps of each, `[series]`.
        least: smallest value of all; of which series and at which step.
        beyond: a value that single precision does not hold, told likewise; None if there is none.
        ratio: least hundredth of a series' values over its median, the tenth of a hundred series; 0 where
            values are not above zero.
        looked_at: some series for closer looks, `[time]` each, the main target's last steps.
    """

    lengths: IntArray
    least: tuple[float, str, int]
    ratio: float
    looked_at: tuple[Float64, ...]
    beyond: tuple[float, str, int] | None = None

    @property
    def usual(self) -> int:
        """The median length."""
        return int(np.median(self.lengths)) if len(self.lengths) else 0

    @property
    def longest(self) -> int:
        """The largest length."""
        return int(self.lengths.max()) if len(self.lengths) else 0

    @property
    def logarithmic(self) -> bool:
        """Whether all values lie well above zero, and are enough to say so."""
        return self.least[0] > 0 and self.ratio > _NEAR_ZERO and self.longest >= SHORT

    def seasonality(self, season: int, horizon: int) -> float:
        """How far the season before is from what comes, over how far the last value is; 1 if unknown."""
        last, before = 0.0, 0.0
        for values in self.looked_at:
            scale = float(np.abs(values - values.mean()).mean()) or 1.0
            for end in range(len(values) - horizon, season, -max(horizon, len(values) // 8)):
                came = values[end : end + horizon]
                ago = values[end - season + np.arange(horizon) % season]
                last += float(np.abs(came - values[end - 1]).mean()) / scale
                before += float(np.abs(came - ago).mean()) / scale
        return before / last if last > 0 else 1.0


def look(store: SeriesStore) -> Facts:
    """Read through a store once; some series are kept for closer looks."""
    some = np.linspace(0, len(store) - 1, min(len(store), _LOOKED_AT)).round().astype(int)
    kept = set(some.tolist())
    least, ratios, looked_at = (np.inf, "", 0), [], []
    beyond: tuple[float, str, int] | None = None
    for place, series in enumerate(store):
        low, step = _least(series.values)
        if step < 0:
            continue
        if low < least[0]:
            least = (low, series.name, step)
        if beyond is None and (found := _beyond(series.values)) is not None:
            beyond = (found[0], series.name, found[1])
        if place in kept:
            values = series.values[:: max(1, len(series) // _MOST_SORTED)]
            middle = float(np.nanmedian(values)) if (~np.isnan(values)).any() else 0.0
            ratios.append(float(np.nanquantile(values, 0.01)) / middle if middle > 0 else 0.0)
            looked_at.append(_bridged(series.values[-_LAST_STEPS:, 0]))
    ratio = float(np.quantile(ratios, 0.1)) if ratios else 0.0
    return Facts(store.lengths, least, ratio, tuple(looked_at), beyond)


def _least(values: Float64) -> tuple[float, int]:
    """The smallest value and its step, the first one; the step is -1 if there is none."""
    low, step = np.inf, -1
    for part in pieces.slices(len(values)):
        some = values[part]
        if not np.isnan(lowest := float(np.fmin.reduce(some, axis=None))) and lowest < low:
            low, step = lowest, part.start + int(np.nanargmin(some)) // some.shape[1]
    return low, step


def _beyond(values: Float64) -> tuple[float, int] | None:
    """The first value beyond single precision, and its step."""
    for part in pieces.slices(len(values)):
        some = values[part]
        if max(np.fmax.reduce(some, axis=None), -np.fmin.reduce(some, axis=None)) > _SINGLE:
            place = int(np.argmax(np.abs(np.nan_to_num(some)) > _SINGLE))
            return float(some.flat[place]), part.start + place // some.shape[1]
    return None


def _bridged(values: Float64) -> Float64:
    """Gaps filled on straight lines."""
    there = ~np.isnan(values)
    steps = np.arange(len(values))
    if not there.any():
        return np.zeros(len(values))
    bridged: Float64 = np.interp(steps, steps[there], values[there])
    return bridged


def found_season(facts: Facts) -> int:
    """The lag of the highest clear peak of the mean autocorrelation; 0 if there is none.

    Noise may lift the second or fifth repetition of a season above the first, so a peak that divides that lag
    is taken instead if it is nearly as high.
    """
    longest = max((len(values) for values in facts.looked_at), default=0)
    most = longest // 3
    if most < 3:
        return 0
    whole, count = np.zeros(most + 1), 0
    for values in facts.looked_at:
        if len(values) > 3 * 3 and len(values) // 3 >= most // 2:
            found = autocorrelation(values)[: most + 1]
            whole[: len(found)] += found
            count += 1
    mean = whole / max(count, 1)
    below = np.flatnonzero(mean < 0)  # the first hill is the series' own inertia
    if not len(below):
        return 0
    peak = int(below[0] + mean[below[0] :].argmax())
    if mean[peak] <= _CLEAR or peak >= most:
        return 0
    for repeats in range(peak // 2, 1, -1):
        lag = round(peak / repeats)
        if (
            lag > below[0]
            and mean[lag] > _NEARLY * mean[peak]
            and mean[lag] >= max(mean[lag - 1], mean[lag + 1])
        ):
            return lag
    return peak


def autocorrelation(values: Float64) -> Float64:
    """Of a series less its trend line, `[lags]` up to a third of its length."""
    steps = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(steps, values, 1), steps)
    size = 2 ** int(np.ceil(np.log2(2 * len(rest))))
    power = np.abs(np.fft.rfft(rest, size)) ** 2
    products = np.fft.irfft(power, size)[: len(rest) // 3 + 1]
    total = products[0] if products[0] > 1e-12 * max(float(np.square(values).sum()), 1e-300) else np.inf
    told: Float64 = products / total * (len(rest) / (len(rest) - np.arange(len(products))))
    return told
