"""Offsets that make intervals hold what they promise, from windows that were not trained on.

A score is taken of every window and step ahead: for `conformal` how far the value lies above a level's
quantile, for `cqr` how far it lies outside an interval (Romano, Patterson & Candès 2019). Offsets are order
statistics of the scores, `ceil((n + 1) p)` of n as split conformal prediction has it (Vovk et al. 2005).
Steps ahead have offsets of their own; where windows are few, neighbouring steps lend theirs, and targets
share them. Where they overlap or are few, order statistics know too little of the tails: intervals are made
wider, as Student's t is wider than a normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray, IntArray

ENOUGH = 150
"""Scores behind an offset that are worth having: below that, neighbours lend theirs."""
DOUBT = 5.0
"""Of so many independent windows, half of what would narrow an interval is believed."""
TOLD = 4.0
"""Degrees of freedom that a window without an overlap is worth, as its steps ahead are not all one. With
this, intervals for 185 single series of the M1 competition held about what they promise."""


def offsets(
    quantiles: FloatArray,
    target: FloatArray,
    levels: Sequence[float],
    kind: str,
    independent: float = math.inf,
) -> FloatArray:
    """What to add to quantiles so that they cover as they should.

    Args:
        quantiles: `[windows, horizon, targets, levels]`, ascending along the levels.
        target: what came, `[windows, horizon, targets]`, NaN where missing.
        levels: of the quantiles.
        kind: none, conformal (each level by itself) or cqr (pairs of levels; the median stays).
        independent: how many windows without an overlap these are worth. Intervals widen at once, and narrow
            the less the fewer there are; they end up the wider for it, see `caution`.

    Returns:
        float32 `[horizon, targets, levels]`.
    """
    windows, horizon, targets, _ = quantiles.shape
    found = np.zeros((horizon, targets, len(levels)), np.float32)
    if kind == "none" or not windows:
        return found
    above = target[..., None] - quantiles
    pairs = intervals(levels) if kind == "cqr" else {}
    for low, high in pairs.items():
        outside = np.maximum(-above[..., low], above[..., high])
        reach = _order_statistics(outside, levels[high] - levels[low], upwards=True)
        found[..., low], found[..., high] = -reach, reach
    paired = {*pairs, *pairs.values()}
    for place, level in enumerate(levels):
        if place not in paired and not (kind == "cqr" and level == 0.5):
            found[..., place] = _order_statistics(above[..., place], level, upwards=level > 0.5)
    outwards = np.sign(np.array(levels, np.float32) - 0.5)
    worth = 1.0 if math.isinf(independent) else independent / (independent + DOUBT)
    kept = np.where(found * outwards < 0, np.float32(worth) * found, found)
    return kept + _wider(quantiles, kept, levels, independent)


def _wider(
    quantiles: FloatArray, added: FloatArray, levels: Sequence[float], independent: float
) -> FloatArray:
    """What caution adds to quantiles that have their offsets, `[horizon, targets, levels]`."""
    factors = np.array([caution(level, independent) for level in levels], np.float32)
    usual = np.asarray(quantiles.mean(axis=0) + added, np.float32)
    middle = usual[..., [list(levels).index(0.5)]] if 0.5 in levels else usual.mean(axis=-1, keepdims=True)
    wider: FloatArray = (factors - 1) * (usual - middle)
    return wider


def caution(level: float, independent: float) -> float:
    """How much further out a quantile lies for being known from so many independent windows.

    The quantile of Student's t with `TOLD` degrees of freedom for each over that of a normal distribution,
    times `sqrt(1 + 1 / n)` for the next draw: the prediction interval of a normal sample. t is expanded
    around the normal quantile (Cornish & Fisher; Abramowitz & Stegun 26.7.5).
    """
    if math.isinf(independent) or level == 0.5:
        return 1.0
    count, z = max(TOLD * independent, 2.0), NormalDist().inv_cdf(level)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    sample: float = math.sqrt(1 + 1 / count)
    return sample * (1 + (first / count + second / count**2 + third / count**3) / z)


def intervals(levels: Sequence[float]) -> dict[int, int]:
    """Places of levels that make a central interval, the lower one's to the upper one's."""
    places = {round(level, 9): place for place, level in enumerate(levels)}
    pairs = {place: places.get(round(1 - level, 9)) for place, level in enumerate(levels) if level < 0.5}
    return {low: high for low, high in pairs.items() if high is not None}


def _order_statistics(scores: FloatArray, share: float, *, upwards: bool) -> FloatArray:
    """The score that `share` of them do not exceed, `[horizon, targets]` of `[windows, horizon, targets]`."""
    windows, horizon, targets = scores.shape
    if windows < ENOUGH:  # targets share theirs
        pooled = scores.transpose(0, 2, 1).reshape(-1, horizon)
        return np.repeat(_of_steps(pooled, share, upwards)[:, None], targets, axis=1)
    each = [_of_steps(scores[..., target], share, upwards) for target in range(targets)]
    return np.stack(each, axis=1)


def _of_steps(scores: FloatArray, share: float, upwards: bool) -> FloatArray:
    """The same for each step ahead, `[horizon]` of `[windows, horizon]`."""
    windows, horizon = scores.shape
    if windows >= ENOUGH and not np.isnan(scores).any() and share != 0.5:
        place = _place(windows, share, upwards)
        whole: FloatArray = np.partition(scores, place, axis=0)[place]
        return whole
    wide = min(horizon, math.ceil(ENOUGH / windows))
    found = np.zeros(horizon, np.float32)
    for step in range(horizon):
        first = min(max(step - wide // 2, 0), horizon - wide)
        near = scores[:, first : first + wide]
        found[step] = order_statistic(near[~np.isnan(near)], share, upwards)
    return found


def order_statistic(scores: FloatArray, share: float, upwards: bool) -> float:
    """The score of rank `(n + 1) share`, rounded to the cautious side; the median at the middle."""
    count = len(scores)
    if not count:
        return 0.0
    if share == 0.5:
        return float(np.median(scores))
    place = _place(count, share, upwards)
    return float(np.partition(scores, place)[place])


def _place(count: int, share: float, upwards: bool) -> int:
    rank = round((count + 1) * share, 9)
    return min(max(math.ceil(rank) if upwards else math.floor(rank), 1), count) - 1


def coverage(quantiles: FloatArray, target: FloatArray, levels: Sequence[float]) -> dict[str, float]:
    """Share of values inside each central interval, by its percentage; shapes as for `offsets`."""
    there = ~np.isnan(target)
    found = {}
    for low, high in intervals(levels).items():
        inside = (target >= quantiles[..., low]) & (target <= quantiles[..., high])
        if there.any():
            found[f"{100 * (levels[high] - levels[low]):g}"] = float(inside[there].mean())
    return found


def told_by_others(
    quantiles: FloatArray,
    target: FloatArray,
    levels: Sequence[float],
    kind: str,
    independent: float = math.inf,
    block: IntArray | None = None,
) -> FloatArray:
    """What to add to each window's quantiles if other windows say so: each block is calibrated by the others.

    Args:
        quantiles, target, levels, kind, independent: see `offsets`.
        block: of each window, `[windows]`. None makes two halves, of runs of windows, as neighbours overlap;
            of several, as series alike may lie together.

    Returns:
        float32, of the shape of the quantiles.
    """
    windows = len(quantiles)
    added = np.zeros(quantiles.shape, np.float32)
    if windows < 2:
        return added + offsets(quantiles, target, levels, kind, independent)
    if block is None:
        runs = min(max(windows // 20, 2), 20)
        block = np.arange(windows) * runs // windows % 2
    for number in np.unique(block):
        own = block == number
        worth = independent * float(1 - own.mean())
        added[own] = offsets(quantiles[~own], target[~own], levels, kind, worth)
    return added
