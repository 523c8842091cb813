"""What `evaluate` and `backtest` are asked for, their options, and what both do first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seqtools.errors import DataError, UsageError
from seqtools_forecast.column_options import TableRequest

if TYPE_CHECKING:
    from seqtools_forecast.past import Windows
    from seqtools_forecast.rolling import Settings
    from seqtools_forecast.run import Forecaster
    from seqtools_forecast.store import SeriesStore

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--stride", type=int, metavar="N", help="Steps between windows.  [default: those of the horizon]"
    ),
    click.option(
        "--season",
        type=int,
        metavar="N",
        help="Steps in a season, for MASE and the simple methods; 1 for none.  [default: that of the model]",
    ),
    click.option(
        "--floors/--no-floors",
        default=True,
        show_default=True,
        help="Score naive, seasonal naive, drift, Theta and ETS on the same windows.",
    ),
    click.option(
        "--adapt",
        is_flag=True,
        help="Let intervals follow how those of the windows before them held (see `forecast --adapt`).",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on one line."),
    click.option(
        "--batch-size",
        type=int,
        default=256,
        show_default=True,
        metavar="N",
        help="Windows that are forecast at once.",
    ),
)


def scoring_options(function: F) -> F:
    """Add the options that both commands have."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, kw_only=True)
class ScoringRequest(TableRequest):
    """The options that both commands have, as click gives them."""

    windows: int | None
    stride: int | None
    season: int | None
    floors: bool
    adapt: bool
    as_json: bool
    batch_size: int

    def check(self) -> None:
        """Complain before anything is read.

        Raises:
            UsageError: no file, or a value that is out of range.
        """
        if not self.files:
            raise UsageError("FILE", "there is no table to score on", "Name one, or - for stdin")
        for name in ("windows", "stride", "season", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')}", f"{value} is out of range", "Use 1 or more")

    def open(self) -> Forecaster:
        """The model."""
        from seqtools_forecast.program import open_model

        return open_model(self.model, device=self.device, threads=self.threads, deadline=self.deadline)

    def read(self, model: Forecaster, folder: Path) -> SeriesStore:
        """The series, which the model can read.

        Raises:
            DataError: there is none, or they are of another kind.
        """
        from seqtools_forecast.program import read

        store = read(self, model.about, folder)
        if not len(store):
            raise DataError(", ".join(self.files), "there is no series in it", "Give a table with values")
        model.check(store)
        return store

    def remark(self, model: Forecaster, store: SeriesStore, windows: Windows) -> None:
        """Say on stderr which windows the model may have been trained on."""
        from seqtools.output import note
        from seqtools_forecast.seen import flattery

        if told := flattery(model.about, store, windows):
            note(told)

    def settings(self, model: Forecaster) -> Settings:
        """How windows are scored."""
        from seqtools_forecast.rolling import Settings

        season = self.season or (model.shape.seasons[0] if model.shape.seasons else 1)
        return Settings(season=season, floors=self.floors, adapt=self.adapt, batch_size=self.batch_size)
