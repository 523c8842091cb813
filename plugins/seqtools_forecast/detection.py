"""How unexpected each value of a series was to a model that had seen what came before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.adapting import Following
from seqtools_forecast.asked_levels import at, ends, widest
from seqtools_forecast.past import Windows, actuals
from seqtools_forecast.store import SeriesStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.run import Forecaster

    Float64 = NDArray[np.float64]

AT_ONCE = 256
_USUAL = 95.0
_FLAT = 1e-6
"""Of a value: what single precision and a network's rounding cannot tell from nothing."""
_LEAST = 1e-30


@dataclass(frozen=True)
class Judged:
    """Values of one target of a series, and what was expected.

    Attributes:
        steps: of the series, `[rows]`.
        value, mean, low, high: `[rows]`; low and high are the ends of the interval that `shown` names.
        score: standard deviations of a normal distribution that the value lies from the median, negative
            below it; NaN where the value is missing, `[rows]`.
    """

    steps: IntArray
    value: Float64
    mean: Float64
    low: Float64
    high: Float64
    score: Float64


def shown(levels: Sequence[float]) -> float:
    """The percentage of the interval that is told beside a value: 95, or the widest that the model tells."""
    return min(_USUAL, widest(levels))


def judge(
    model: Forecaster, store: SeriesStore, index: int, *, stride: int = 1, first: int = 0, adapt: bool = False
) -> Iterator[list[Judged]]:
    """Judge the values of one series, some at a time; a list has one entry for each target.

    Args:
        stride: a new forecast is made after so many steps, and judges as many; at most the horizon.
        first: the first step that is judged; 0 for the earliest with a whole window of history, or with half
            of the series where that is less. Intervals are calibrated on whole windows.
        adapt: let what is expected be as wide as what came before wants it, see `adapting.Widths`.
    """
    series = store[index]
    begin = first or min(model.shape.context, max(1, len(series) // 2))
    origins = np.arange(begin, len(series), stride)
    following = Following(replace(model.shape, horizon=stride)) if adapt else None
    for start in range(0, len(origins), AT_ONCE):
        some = origins[start : start + AT_ONCE]
        seen = np.array([np.isfinite(series.values[max(0, o - model.shape.context) : o]).any() for o in some])
        some = some[seen]
        if not len(some):
            continue
        windows = Windows(np.full(len(some), index), some, np.zeros(len(some), np.int64))
        mean, quantiles, _ = model.at(store, windows.series, some)
        if following is not None:
            quantiles = following.told(windows, quantiles[:, :stride], actuals(store, windows, stride))
        steps = (some[:, None] + np.arange(stride)).reshape(-1)
        inside = steps < len(series)
        yield [
            _judged(
                series.values[:, target],
                steps[inside],
                mean[:, :stride, target].reshape(-1)[inside],
                quantiles[:, :stride, target].reshape(-1, quantiles.shape[-1])[inside],
                model.shape.levels,
            )
            for target in range(model.shape.targets)
        ]


def _judged(
    values: Float64, steps: IntArray, mean: Float64, quantiles: Float64, levels: Sequence[float]
) -> Judged:
    low, high = (at(quantiles, levels, end) for end in ends(shown(levels)))
    value = np.asarray(values[steps])
    return Judged(steps, value, mean, low, high, scores(value, quantiles, levels))


def scores(value: Float64, quantiles: Float64, levels: Sequence[float]) -> Float64:
    """Where values `[rows]` lie among quantiles `[rows, levels]`, as quantiles of a normal distribution.

    Between levels it is linear in them; beyond the outermost it goes on as steeply as from there to the
    median. Values are read as the model reads them, in single precision. Where several quantiles are one,
    their value is as odd as the least odd of them; a value that differs where all are one has an infinite
    score.
    """
    normal = np.array([NormalDist().inv_cdf(level) for level in levels])
    with np.errstate(over="ignore"):
        value = value.astype(np.float32).astype(np.float64)
    middle = at(quantiles, levels, 0.5)
    tiny = _FLAT * np.maximum(np.abs(middle), _LEAST)
    score = np.zeros(len(value))
    for side, edge in ((-1.0, 0), (1.0, len(levels) - 1)):
        gap = side * (quantiles[:, edge] - middle)
        way = side * (value - middle)
        flat = gap <= tiny
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = way / np.where(flat, 1.0, gap) * normal[edge]
        beyond = np.where(flat & (way > tiny), side * np.inf, beyond)
        score = np.where(way > np.where(flat, tiny, gap), beyond, score)
    between = (value >= quantiles[:, 0]) & (value <= quantiles[:, -1])
    for row in np.flatnonzero(between):
        equal = normal[quantiles[row] == value[row]]
        score[row] = _least_odd(equal) if len(equal) else np.interp(value[row], quantiles[row], normal)
    score[np.isnan(value)] = np.nan
    return score


def _least_odd(scores: Float64) -> float:
    """The score nearest to 0 in the range of some."""
    return float(np.clip(0.0, scores.min(), scores.max()))


def threshold(share: float) -> float:
    """The score beyond which a share of values lies, on both sides together, if the model is right."""
    return NormalDist().inv_cdf(1 - share / 2)
