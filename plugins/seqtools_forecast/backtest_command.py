"""`seqtools forecast backtest`: options; what it does is in `backtest`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools.run_options import run_options
from seqtools_forecast.column_options import column_options
from seqtools_forecast.scoring_request import scoring_options


@click.command("backtest")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="Model file, made by `seqtools train forecast`.")
@click.option(
    "--windows",
    type=int,
    default=3,
    show_default=True,
    metavar="N",
    help="Forecast the last N windows of each series.",
)
@click.option(
    "--refit", is_flag=True, help="Train again before each window, on nothing but what comes before it."
)
@click.option(
    "--recipe",
    metavar="FILE",
    help="Train by this recipe.  [default: resolved.toml beside the model, which a run folder has]",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write each forecast there beside what came; - is stdout."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="Of that table.  [default: by the ending of -o, else csv]",
)
@click.option(
    "--levels",
    metavar="P,...",
    help="Percentages of the intervals in that table.  [default: 80,95, as far as the model tells them]",
)
@scoring_options
@column_options
@run_options
def command(**options: Any) -> None:
    """Forecast the past of each series in FILE... window by window, with nothing seen of what comes after the
    cutoff, and compare: over all windows, and cutoff by cutoff, with simple methods beside.

    A model that was trained on the steps it is scored on flatters itself: --refit trains anew for each
    cutoff, which takes as long as that many trainings.

    \b
    seqtools forecast backtest -m runs/sales/model.onnx sales.csv --windows 6
    seqtools forecast backtest -m runs/sales/model.onnx sales.csv --windows 6 -o cutoffs.csv
    seqtools forecast backtest -m runs/sales/model.onnx sales.csv --windows 3 --refit --json
    """
    from seqtools_forecast.backtest import BacktestRequest, backtest

    try:
        backtest(BacktestRequest(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
