"""Which intervals are asked for, and quantiles between those that a file tells."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

USUAL = (80.0, 95.0)
"""Percentages of intervals that are told where nobody asks for others."""
_SAME = 1e-9


def intervals(text: str) -> tuple[float, ...]:
    """Percentages of intervals from `80,95`, ascending.

    Raises:
        UsageError: not a number, or not between 0 and 100.
    """
    found = set()
    for word in text.split(","):
        try:
            value = float(word)
        except ValueError:
            value = -1.0
        if not 0 < value < 100:
            cause = f"'{word.strip()}' is no percentage between 0 and 100"
            raise UsageError("--levels", cause, "Write percentages of intervals, like 80,95")
        _refuse_share("--levels", value)
        found.add(value)
    return tuple(sorted(found))


def _refuse_share(subject: str, value: float) -> None:
    """Who writes 0.8 means 80 %, and would get an interval that holds next to nothing."""
    if value < 1:
        cause = f"{value:g} would be an interval of {value:g} %"
        raise UsageError(subject, cause, f"Percentages are asked for: write {100 * value:g}")


def ends(percentage: float) -> tuple[float, float]:
    """The quantiles at both ends of an interval."""
    tail = (1 - percentage / 100) / 2
    return tail, 1 - tail


def widest(levels: Sequence[float]) -> float:
    """The percentage of the widest interval with both ends among some levels; 0 if there is none."""
    return max(0.0, round(100 * (1 - 2 * max(levels[0], 1 - levels[-1])), 9))


def chosen(wanted: Sequence[float], levels: Sequence[float]) -> tuple[float, ...]:
    """Percentages of the intervals that are told: those that are wanted, else the usual ones that there are.

    Raises:
        UsageError: see `check`.
    """
    if wanted:
        check(wanted, levels)
        return tuple(wanted)
    most = widest(levels)
    return tuple(usual for usual in USUAL if usual <= most) or ((most,) if most else ())


def check(wanted: Sequence[float], levels: Sequence[float]) -> None:
    """Refuse intervals wider than what the file tells.

    Raises:
        UsageError: one of them is, or is no percentage.
    """
    most = widest(levels)
    for percentage in wanted:
        if not 0 < percentage < 100:
            cause = f"{percentage:g} is no percentage between 0 and 100"
            raise UsageError("interval", cause, "Give one like 80")
        _refuse_share("interval", percentage)
        low, high = ends(percentage)
        if low < levels[0] - _SAME or high > levels[-1] + _SAME:
            cause = f"the model tells nothing beyond intervals of {most:g} %"
            cure = f"Ask for {most:g} or less, or train with other data.levels"
            if not most:
                cause, cure = "the model tells no interval", "Train with data.levels on both sides of 0.5"
            raise UsageError(f"interval of {percentage:g} %", cause, cure)


def at(quantiles: NDArray[np.float64], levels: Sequence[float], wanted: float) -> NDArray[np.float64]:
    """One quantile of `quantiles [..., levels]`, which may lie between two that are told.

    Between levels it is linear in the quantile of a normal distribution: exact for a normal one.

    Raises:
        UsageError: it lies beyond them.
    """
    if not levels[0] - _SAME <= wanted <= levels[-1] + _SAME:
        cause = f"{wanted:g} lies beyond the levels that the model tells"
        cure = f"Ask for {levels[0]:g} to {levels[-1]:g}, or train with other data.levels"
        raise UsageError("quantile", cause, cure)
    score, scores = _normal(wanted), np.array([_normal(level) for level in levels])
    place = int(np.clip(np.searchsorted(scores, score), 1, len(scores) - 1)) if len(scores) > 1 else 0
    if len(scores) == 1:
        return quantiles[..., 0]
    share = (score - scores[place - 1]) / (scores[place] - scores[place - 1])
    share = 0.0 if abs(share) < _SAME else 1.0 if abs(share - 1) < _SAME else share
    found: NDArray[np.float64] = (1 - share) * quantiles[..., place - 1] + share * quantiles[..., place]
    return found


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(level)
