"""`seqtools evaluate` for forecasters: figures overall, by step ahead, by series, beside simple methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from seqtools.run_options import run_options
from seqtools.wording import counted
from seqtools_forecast.column_options import column_options
from seqtools_forecast.scoring_request import ScoringRequest, scoring_options

if TYPE_CHECKING:
    from pathlib import Path

    from seqtools_forecast.past import Windows
    from seqtools_forecast.run import Forecaster
    from seqtools_forecast.store import SeriesStore
    from seqtools_forecast.truth import Truth


@click.command("evaluate")
@click.option("-m", "--model", required=True, metavar="MODEL", help="Model file.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--actual",
    multiple=True,
    metavar="FILE",
    help="What came after the end of FILE, as the test files of M4 have it (repeatable).",
)
@click.option(
    "--windows", type=int, metavar="N", help="Score the last N windows of each series.  [default: 1]"
)
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="Series with the greatest errors to show.",
)
@scoring_options
@column_options
@run_options
def command(**options: Any) -> None:
    """Forecast the last steps of each series in FILE... from what comes before them, and compare.

    With --actual all of FILE is history, and what is compared with comes from there; rows are matched by
    their stamps, or in tables without stamps by their order. MAE, sMAPE and MASE are measured from the
    median, RMSE from the mean; CRPS is the quantile loss over all levels; `relative` is that loss, in units
    of each series' seasonal steps, over the seasonal naive's; the percentages say how many values came to lie
    within the intervals of 80, 90 and 95 %.

    \b
    seqtools evaluate -m runs/sales/model.onnx sales.csv --windows 4
    seqtools evaluate -m m4.onnx Hourly-train.csv --actual Hourly-test.csv --json
    """
    _evaluate(EvaluationRequest(**options))


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest(ScoringRequest):
    """The options, as click gives them."""

    actual: tuple[str, ...]
    worst: int

    def check(self) -> None:
        """Complain before anything is read.

        Raises:
            UsageError: a value is out of range, or options contradict each other.
        """
        from seqtools.errors import UsageError

        super().check()
        if self.actual and (self.windows or self.stride):
            cause = "windows lie in FILE, and --actual tells of the steps after it"
            raise UsageError("--windows", cause, "Leave one of them out")
        if self.actual and self.adapt:
            cause = "with --actual each series has one window, which no other comes before"
            raise UsageError("--adapt", cause, "Leave it out, or give one table and --windows")


def _evaluate(asked: EvaluationRequest) -> None:
    import json
    import tempfile
    import time
    from itertools import chain
    from pathlib import Path

    from seqtools.output import detail
    from seqtools_forecast.rolling import Rolling
    from seqtools_forecast.watching import watched

    asked.check()
    model = asked.open()
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        store = asked.read(model, Path(folder))
        windows, truth = _windows(asked, model, store, Path(folder))
        rolling = Rolling(store, windows, model.shape, asked.settings(model), truth)
        asked.remark(model, store, rolling.windows)
        began = time.perf_counter()
        for _ in watched(rolling.run(model), len(rolling.windows)):
            pass
        seconds = time.perf_counter() - began
        result = rolling.evaluation(asked.worst)
    detail(f"{counted(result.windows, 'window')} in {seconds:.1f} s")
    if asked.as_json:
        head = {"model": asked.model, "files": list(asked.files), "actual": list(asked.actual)}
        told = {**head, "adapt": asked.adapt, "seconds": round(seconds, 3), **result.as_json()}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(f"{Path(asked.model or '').name} on {', '.join((*asked.files, *asked.actual))}")
    for line in chain(result.summary(), [""], result.by_step()):
        click.echo(line)
    for line in chain([""], result.by_series()) if asked.worst else ():
        click.echo(line)


def _windows(
    asked: EvaluationRequest, model: Forecaster, store: SeriesStore, folder: Path
) -> tuple[Windows, Truth | None]:
    """What is forecast, and where what came stands if not in the series themselves."""
    from dataclasses import replace

    from seqtools.output import note
    from seqtools_forecast.past import ends, last_windows
    from seqtools_forecast.program import columns
    from seqtools_forecast.reading import read_series
    from seqtools_forecast.truth import after

    horizon = model.shape.horizon
    if not asked.actual:
        stride = asked.stride or horizon
        return last_windows(store.lengths, horizon, asked.windows or 1, stride), None
    store.require_ahead(horizon)
    data = replace(columns(asked, model.about), past="", future="", static="")
    test = read_series(list(asked.actual), data, folder / "actual", note)
    return ends(store.lengths), after(store, test, horizon)
