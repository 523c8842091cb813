"""The figures of a method over many windows: overall, by step ahead, by series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast.metrics import (
    INTERVALS,
    absolute,
    inside,
    interval_score,
    percentage,
    pinball,
    squared,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.prediction import Float64, Prediction

    Figures = dict[str, float]

SCALED = ("mase", "sql", "msis")
"""Figures in units of the series' own seasonal steps; what has no such unit is left out of them."""


class Tally:
    """Adds up errors chunk by chunk, so that windows need not fit memory at once.

    A row's figure is the mean over its observed steps, a method's the mean over rows, as M4 has it; RMSE is
    the root of the mean over all values.

    Args:
        levels: of the quantiles, ascending. Distances are measured from the median where 0.5 is among them
            (MAE, sMAPE, MASE), squares and the bias from the mean.
        horizon: steps ahead.
    """

    def __init__(self, levels: Sequence[float], horizon: int) -> None:
        self.levels, self.horizon = tuple(levels), horizon
        self._sums: dict[str, Float64] = {}
        self._counts: dict[str, Float64] = {}
        self._rows: dict[str, list[Float64]] = {}
        self._groups: dict[str, list[NDArray[np.int64]]] = {}

    def add(self, actual: Float64, told: Prediction, scale: Float64, **groups: NDArray[np.int64]) -> None:
        """Count some rows.

        Args:
            actual: what came, `[rows, horizon]`, NaN where nothing was observed.
            told: what was forecast.
            scale: `naive_scale` of each row's history, `[rows]`.
            groups: for `by`: what each row is of, `[rows]`, like `series=` or `turn=`.
        """
        for group, ids in groups.items():
            self._groups.setdefault(group, []).append(ids)
        for name, errors in self._errors(actual, told, scale[:, None]).items():
            there = ~np.isnan(errors)
            errors = np.where(there, errors, 0)
            count = there.sum(axis=1)
            rows = np.where(count > 0, errors.sum(axis=1) / np.maximum(count, 1), np.nan)
            self._rows.setdefault(name, []).append(rows)
            self._sums[name] = self._sums.get(name, 0) + errors.sum(axis=0)
            self._counts[name] = self._counts.get(name, 0) + there.sum(axis=0)

    def _errors(self, actual: Float64, told: Prediction, scale: Float64) -> dict[str, Float64]:
        middle = self._level(told, 0.5)
        point = told.mean if middle is None else middle
        near, loss = absolute(actual, point), 2 * pinball(actual, told.quantiles, self.levels).mean(axis=2)
        found = {
            "mae": near,
            "mse": squared(actual, told.mean),
            "smape": percentage(actual, point),
            "mase": near / scale,
            "bias": told.mean - actual,
            "crps": loss,
            "sql": loss / scale,
            "size": np.abs(actual),
        }
        for share, ends in INTERVALS.items():
            low, high = (self._level(told, end) for end in ends)
            if low is None or high is None:
                continue
            found[f"coverage_{share}"] = inside(actual, low, high)
            found[f"width_{share}"] = np.where(np.isnan(actual), np.nan, high - low)
            if share == 95:
                found["msis"] = interval_score(actual, low, high, 0.95) / scale
        return found

    def _level(self, told: Prediction, level: float) -> Float64 | None:
        """The quantile of one level; None if the method does not tell it."""
        for place, one in enumerate(self.levels):
            if math.isclose(one, level, abs_tol=1e-6):
                return told.quantiles[..., place]
        return None

    def scores(self) -> Figures:
        """Over all that was added, JSON-safe; a figure that nothing has a value of is absent."""
        rows = {name: np.concatenate(parts) for name, parts in self._rows.items()}
        told = {name: float(np.nanmean(one)) for name, one in rows.items() if not np.isnan(one).all()}
        return _finished(told, {name: float(one.sum()) for name, one in self._sums.items()}, self._counts)

    def steps(self) -> list[Figures]:
        """The same for each step ahead, the first first."""
        found = []
        for step in range(self.horizon):
            sums = {name: float(one[step]) for name, one in self._sums.items()}
            counts = {name: float(one[step]) for name, one in self._counts.items()}
            told = {name: sums[name] / counts[name] for name in sums if counts[name]}
            found.append(_finished(told, sums, counts))
        return found

    def by(self, group: str) -> dict[int, Figures]:
        """Figures of each group of rows, all means of rows, and `windows`, how many they are."""
        if group not in self._groups:
            return {}
        ids, place = np.unique(np.concatenate(self._groups[group]), return_inverse=True)
        rows = {name: np.concatenate(parts) for name, parts in self._rows.items() if name != "size"}
        means = {name: _mean_of(one, place, len(ids)) for name, one in rows.items()}
        means["rmse"] = np.sqrt(means["mse"])
        windows = np.bincount(place, minlength=len(ids))
        return {
            one: {"windows": int(windows[at])}
            | {
                name: float(means[name][at])
                for name in KEYS
                if name in means and not np.isnan(means[name][at])
            }
            for at, one in enumerate(ids.tolist())
        }

    def worst(self, most: int, by: str = "mase", group: str = "series") -> list[dict[str, Any]]:
        """The series with the greatest errors: `series`, `windows` and figures, the worst first.

        By their MAE where no series has a figure of that name.
        """
        found = self.by(group)
        by = by if any(by in figures for figures in found.values()) else "mae"
        order = sorted(found, key=lambda one: -found[one].get(by, -math.inf))[:most]
        return [{group: one, **found[one]} for one in order]


def score(actual: Float64, told: Prediction, levels: Sequence[float], scale: Float64) -> Figures:
    """`Tally.scores` of windows that are all there at once; see `Tally.add`."""
    tally = Tally(levels, actual.shape[1])
    tally.add(actual, told, scale)
    return tally.scores()


def owa(told: Mapping[str, float], naive2: Mapping[str, float]) -> float:
    """M4's overall weighted average: sMAPE and MASE over those of Naive2, averaged (M4 guide 2018).

    NaN where either has none, or Naive2 is without error.
    """
    shares = [
        told[name] / naive2[name] if naive2.get(name) and name in told else math.nan
        for name in ("smape", "mase")
    ]
    return sum(shares) / 2


def _finished(told: Figures, sums: Mapping[str, float], counts: Mapping[str, Any]) -> Figures:
    """With what is no mean of rows: RMSE over all values, and quantile loss weighed by their size."""
    size = told.pop("size", 0.0)
    if "mse" in told:
        told["mse"] = sums["mse"] / float(np.sum(counts["mse"]))
        told["rmse"] = math.sqrt(told["mse"])
    if size > 0:
        told["wql"] = sums["crps"] / sums["size"]
    return {name: told[name] for name in KEYS if name in told}


KEYS = (
    *("mae", "mse", "rmse", "smape", "mase", "crps", "wql", "sql", "msis", "bias"),
    *(f"{kind}_{share}" for kind in ("coverage", "width") for share in INTERVALS),
)
"""Figures by the names they have in JSON, in their order."""


def _mean_of(rows: Float64, place: NDArray[np.int64], many: int) -> Float64:
    """Mean of each series' rows, without those that have no value."""
    there = ~np.isnan(rows)
    count = np.bincount(place[there], minlength=many)
    sums = np.bincount(place[there], rows[there], minlength=many)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
