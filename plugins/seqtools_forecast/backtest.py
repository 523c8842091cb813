"""What `seqtools forecast backtest` does with its options."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.wording import counted
from seqtools_forecast.asked_levels import chosen, intervals
from seqtools_forecast.forecasts import Forecasts
from seqtools_forecast.past import last_windows
from seqtools_forecast.rolling import Part, Rolling
from seqtools_forecast.scoring_request import ScoringRequest
from seqtools_forecast.tables_out import kind_of, write_rows
from seqtools_forecast.watching import watched

if TYPE_CHECKING:
    from seqtools_forecast.evaluation import Evaluation
    from seqtools_forecast.recipe import ForecastRecipe
    from seqtools_forecast.run import Forecaster
    from seqtools_forecast.store import SeriesStore


@dataclass(frozen=True, kw_only=True)
class BacktestRequest(ScoringRequest):
    """The options, as click gives them."""

    refit: bool
    recipe: str | None
    output: str | None
    form: str | None
    levels: str | None

    @property
    def wanted(self) -> tuple[float, ...]:
        """Percentages of the intervals in the table; none for the usual ones."""
        return () if self.levels is None else intervals(self.levels)

    def check(self) -> None:
        """Complain before anything is read.

        Raises:
            UsageError: a value is out of range, or options contradict each other.
        """
        super().check()
        _ = self.wanted
        kind_of(self.output, self.form or "")
        if self.recipe and not self.refit:
            raise UsageError("--recipe", "nothing is trained without --refit", "Add --refit, or leave it out")
        if self.as_json and self.output == "-":
            raise UsageError("--json", "stdout has the forecasts already", "Name a file with -o")


def backtest(asked: BacktestRequest) -> None:
    """Forecast the past as it is asked for, and say how well."""
    asked.check()
    model = asked.open()
    wanted = chosen(asked.wanted, model.shape.levels)
    recipe = _recipe(asked, model) if asked.refit else None
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        store = asked.read(model, Path(folder))
        stride = asked.stride or model.shape.horizon
        windows = last_windows(store.lengths, model.shape.horizon, asked.windows or 1, stride)
        _say_fewer(asked.windows or 1, int(windows.turn.max()) + 1)
        rolling = Rolling(store, windows, model.shape, asked.settings(model))
        parts = rolling.run(model)
        if recipe is None:
            asked.remark(model, store, rolling.windows)
        else:
            from seqtools_forecast.refitting import refitted

            parts = refitted(rolling, store, recipe, stride, Path(folder), asked.threads)
        parts = watched(parts, len(rolling.windows))
        if asked.output is None:
            for _ in parts:
                pass
        else:
            _write(asked, wanted, model, store, parts)
        _say(asked, rolling.evaluation(), stride)


def _say_fewer(wanted: int, most: int) -> None:
    """That no series has room for as many windows."""
    if most < wanted:
        note(f"{counted(wanted, 'window')} were asked for, and no series has room for more than {most:,}")


def _recipe(asked: BacktestRequest, model: Forecaster) -> ForecastRecipe:
    """The recipe to train by: where it is named, else that of the run whose folder the model lies in.

    Raises:
        UsageError: there is none, or it is for something else.
    """
    from seqtools_forecast.refitting import read_recipe

    beside = Path(asked.model or "").parent / "resolved.toml"
    path = Path(asked.recipe) if asked.recipe else beside
    if not path.is_file():
        cure = "Name one with --recipe, or the model.onnx in its run folder with -m"
        raise UsageError("--refit", f"there is no recipe to train by ({path} is not there)", cure)
    return read_recipe(path, model.shape)


def _write(
    asked: BacktestRequest, wanted: Sequence[float], model: Forecaster, store: SeriesStore,
    parts: Iterator[Part],
) -> None:  # fmt: skip
    """A row for each window, series and step: `unique_id, ds, cutoff, y, mean, lo-95, …`."""
    first = next(parts)
    columns = told(first, model, store).columns(wanted)
    columns[2:2] = ["cutoff", *store.targets]
    rows = (row for part in _chained(first, parts) for row in _rows(part, model, store, wanted))
    write_rows(asked.output, kind_of(asked.output, asked.form or ""), columns, rows)


def _rows(part: Part, model: Forecaster, store: SeriesStore, wanted: Sequence[float]) -> Iterator[list[Any]]:
    """Columns of the rows of each window."""
    said = told(part, model, store)
    cutoffs = store.frequency.text(said.first - 1)
    for columns, cutoff, actual in zip(said.rows(wanted), cutoffs, part.actual, strict=True):
        columns[2:2] = [[cutoff] * len(actual), *actual.T]
        yield columns


def told(part: Part, model: Forecaster, store: SeriesStore) -> Forecasts:
    """Windows as forecasts, each with the name of its series."""
    series, origin = part.windows.series, part.windows.origin
    return Forecasts(
        [store.names[index] for index in series],
        store.starts[series] + origin,
        part.mean,
        part.quantiles,
        model.shape.levels,
        store.targets,
        store.frequency,
        store.id_name or "unique_id",
        store.time_name or "ds",
    )


def _say(asked: BacktestRequest, result: Evaluation, stride: int) -> None:
    """The figures: on stdout, unless the forecasts are there."""
    if asked.as_json:
        head = {"model": asked.model, "files": list(asked.files), "stride": stride}
        head |= {"refit": asked.refit, "adapt": asked.adapt}
        click.echo(json.dumps({**head, **result.as_json()}, ensure_ascii=False))
        return
    say = note if asked.output == "-" else click.echo
    for part in (result.summary(), [""], result.by_cutoff()):
        for line in part:
            say(line)


def _chained(first: Part, others: Iterator[Part]) -> Iterator[Part]:
    yield first
    yield from others
