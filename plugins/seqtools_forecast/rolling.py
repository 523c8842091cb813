"""Forecasting from steps of the past, and scoring what is said, with simple methods beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.adapting import Following
from seqtools_forecast.evaluation import Evaluation
from seqtools_forecast.floors import FLOORS, floor_forecasts, most_time
from seqtools_forecast.past import Windows, actuals, histories, scales
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.scoring import Tally, owa

if TYPE_CHECKING:
    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import IntArray
    from seqtools_forecast.prediction import Float64
    from seqtools_forecast.scoring import Figures
    from seqtools_forecast.store import SeriesStore
    from seqtools_forecast.truth import Truth

OWN = "model"
"""What the forecaster is called among the simple methods."""
_LONGEST = 4096  # steps of history that simple methods look at


class Teller(Protocol):
    """What forecasts from any step of any series; `run.Forecaster` does."""

    @property
    def shape(self) -> ForecastShape:
        """Horizon, window and levels."""

    def at(
        self, store: SeriesStore, series: IntArray, origin: IntArray
    ) -> tuple[Float64, Float64, Float64 | None]:
        """Mean `[rows, horizon, targets]`, quantiles `[rows, horizon, targets, levels]`, and paths."""


class Part(NamedTuple):
    """Some windows, what was said of them, and what came; shapes as in `Teller.at`."""

    windows: Windows
    mean: Float64
    quantiles: Float64
    actual: Float64


@dataclass(frozen=True)
class Settings:
    """How windows are scored.

    Attributes:
        season: of MASE and of the simple methods, in steps.
        floors: whether simple methods are scored, too.
        adapt: whether intervals follow how those of the windows before held.
        batch_size: windows at once.
    """

    season: int
    floors: bool = True
    adapt: bool = False
    batch_size: int = 256


class Rolling:
    """Scores forecasts of windows, some at a time, so that memory is bounded.

    Args:
        store: the series.
        windows: that are forecast. Those without a value to read, or without one to compare with, are left
            out.
        shape: of the forecaster.
        truth: what came; from the store itself if not given.

    Attributes:
        windows: those that are scored.
        dropped: how many are left out.

    Raises:
        DataError: none is left.
    """

    def __init__(
        self,
        store: SeriesStore,
        windows: Windows,
        shape: ForecastShape,
        settings: Settings,
        truth: Truth | None = None,
    ) -> None:
        self._store, self._shape, self._settings = store, shape, settings
        self._truth: Truth = truth or partial(actuals, store, horizon=shape.horizon)
        usable = self._usable(windows)
        self.windows, self.dropped = windows.only(usable), int((~usable).sum())
        if not len(self.windows):
            cause = "no window has values both to read and to compare with"
            raise DataError("series", cause, "Give series with more values")
        self._tallies: dict[str, Tally] = {}
        self._following = Following(shape) if settings.adapt else None

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return self._shape.horizon

    def _usable(self, windows: Windows) -> Any:
        found = []
        for few in self._batches(windows):
            read = ~np.isnan(histories(self._store, few, self._shape.context)).all(axis=(1, 2))
            found.append(read & ~np.isnan(self._truth(few)).all(axis=(1, 2)))
        return np.concatenate(found) if found else np.zeros(0, np.bool_)

    def _batches(self, windows: Windows) -> Iterator[Windows]:
        size = max(1, self._settings.batch_size // self._shape.targets)
        return (windows.only(slice(row, row + size)) for row in range(0, len(windows), size))

    def run(self, model: Teller, turn: int | None = None) -> Iterator[Part]:
        """Forecast and count windows; nothing is done but what is iterated over.

        Args:
            model: what forecasts.
            turn: only windows with so many behind them; None for all.
        """
        chosen = self.windows if turn is None else self.windows.only(self.windows.turn == turn)
        for few in self._batches(chosen):
            mean, quantiles, _ = model.at(self._store, few.series, few.origin)
            actual = self._truth(few)
            if self._following is not None:
                quantiles = self._following.told(few, quantiles, actual)
            part = Part(few, mean, quantiles, actual)
            self._count(part)
            yield part

    def _count(self, part: Part) -> None:
        targets = self._shape.targets
        actual, mean = _rows(part.actual), _rows(part.mean)
        told = {OWN: Prediction(mean, np.moveaxis(part.quantiles, 2, 1).reshape(*mean.shape, -1))}
        told |= self._floors(part.windows)
        scale = scales(self._store, part.windows, self._settings.season).reshape(-1)
        series = (part.windows.series[:, None] * targets + np.arange(targets)).reshape(-1)
        turns = np.repeat(part.windows.turn, targets)
        for name, prediction in told.items():
            tally = self._tallies.setdefault(name, Tally(self._shape.levels, self._shape.horizon))
            tally.add(actual, prediction, scale, series=series, turn=turns)

    def _floors(self, windows: Windows) -> dict[str, Prediction]:
        season = self._settings.season
        names = (*FLOORS, "naive2") if self._settings.floors else ("naive2",)
        limit = min(most_time(len(self.windows) * self._shape.targets, season), _LONGEST)
        return floor_forecasts(
            _rows(histories(self._store, windows, limit)),
            self._shape.horizon,
            (season,),
            self._shape.levels,
            names=names,
            non_negative=self._shape.non_negative,
        )

    def evaluation(self, worst: int = 0) -> Evaluation:
        """All that is known so far.

        Args:
            worst: series with the greatest errors that are told.
        """
        by_turn = {name: tally.by("turn") for name, tally in self._tallies.items()}
        names, targets = self._store.names, self._store.targets
        return Evaluation(
            scores=_with_owa({name: tally.scores() for name, tally in self._tallies.items()}),
            steps=self._tallies[OWN].steps(),
            worst=[
                {**one, "series": _named(names, targets, one["series"])}
                for one in self._tallies[OWN].worst(worst)
            ],
            cutoffs=[
                self._cutoff(turn, {name: found[turn] for name, found in by_turn.items()})
                for turn in sorted(by_turn[OWN], reverse=True)
            ],
            windows=len(self.windows),
            series=len(np.unique(self.windows.series)),
            dropped=self.dropped,
            horizon=self._shape.horizon,
            season=self._settings.season,
        )

    def _cutoff(self, turn: int, scores: dict[str, Figures]) -> dict[str, Any]:
        """The windows of one turn: the first and the last stamp before them, and figures by method."""
        few = self.windows.only(self.windows.turn == turn)
        last = self._store.starts[few.series] + few.origin - 1
        first, latest = self._store.frequency.text(np.array([last.min(), last.max()]))
        for figures in scores.values():
            figures.pop("windows")
        return {"from": first, "to": latest, "windows": len(few), "scores": _with_owa(scores)}


def _with_owa(scores: dict[str, Figures]) -> dict[str, Figures]:
    """Figures by method, each with its OWA where Naive2 has an error to be measured by."""
    for figures in scores.values():
        told = owa(figures, scores["naive2"])
        if np.isfinite(told):
            figures["owa"] = told
    return scores


def _rows(values: Float64) -> Float64:
    """`[windows, time, targets]` as rows `[windows * targets, time]`."""
    return np.moveaxis(values, 2, 1).reshape(-1, values.shape[1])


def _named(names: Sequence[str], targets: Sequence[str], row: int) -> str:
    series, target = divmod(row, len(targets))
    return names[series] if len(targets) == 1 else f"{names[series]}/{targets[target]}"
