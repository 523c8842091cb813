"""`seqtools train forecast`: tables of series in, a run folder with a model file out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.recipe_options import LEARNING_FLAGS, WATCHING_FLAGS, AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, resume_option
from seqtools_forecast.recipe import ForecastRecipe

FLAGS = {
    "--horizon": "data.horizon",
    "--context": "data.context",
    "--season": "data.season",
    "--frequency": "data.frequency",
    "--id": "data.id",
    "--time": "data.time",
    "--target": "data.target",
    "--past": "data.past",
    "--future": "data.future",
    "--static": "data.static",
    "--duplicates": "data.duplicates",
    "--levels": "data.levels",
    "--non-negative": "data.non_negative",
    "--valid-windows": "data.valid_windows",
    "--test-windows": "data.test_windows",
    "--stride": "data.stride",
    "--licence": "data.licence",
    "--kind": "network.kind",
    "--cell": "network.cell",
    "--layers": "network.layers",
    "--width": "network.width",
    "--segment": "network.segment",
    "--dilations": "network.dilations",
    "--attention": "network.attention",
    "--head": "network.head",
    "--location": "network.location",
    "--scale": "network.scale",
    "--affine/--no-affine": "network.affine",
    "--transform": "network.transform",
    "--residual": "network.residual",
    "--linear/--no-linear": "network.linear",
    "--calendar/--no-calendar": "network.calendar",
    "--mixing/--no-mixing": "network.mixing",
    "--members": "network.members",
    "--dropout-input": "network.dropout_input",
    "--dropout-hidden": "network.dropout_hidden",
    "--dropout-output": "network.dropout_output",
    "--dropout-weight": "network.dropout_weight",
    "--calibration": "calibration.kind",
    "--blend/--no-blend": "calibration.blend",
    "--loss": "training.loss",
    "--weights": "training.weights",
    "--sampling": "training.sampling",
    "--missing": "training.missing",
    "--noise": "training.noise",
    "--refit/--no-refit": "training.refit",
    "--batch-size": "training.batch_size",
    **LEARNING_FLAGS,
    "--ema": "training.ema",
    **WATCHING_FLAGS,
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a forecaster on a table of series.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Run folder to write.  [default: runs/NAME, after the first file]",
)
@click.option("--auto", is_flag=True, help="Try several networks and take the one that forecasts best.")
@click.option(
    "--auto-time",
    metavar="TIME",
    help="Time for those trials together (`5m`); implies --auto.  [default: 5m]",
)
@resume_option
@floor_option("Score simple methods beside it.")
@export_option
@asks_recipe(FLAGS, ForecastRecipe)
def command(
    files: tuple[str, ...],
    output: Path | None,
    auto: bool,
    auto_time: str | None,
    resume: bool,
    floor: bool,
    export: bool,
    asked: AskedRecipe,
) -> None:
    """Train a forecaster on FILE...: long tables (`unique_id, ds, y` and what else there is) in CSV or
    Parquet, a column a series, M4's CSV, gluonts' JSON Lines, or `.tsf`. All may be gzipped; columns and
    frequency are found by themselves, or named.

    What is not said is chosen by the series: horizon, window, seasons, network, steps. The last windows of
    each series choose the network and calibrate its intervals; the very last ones are only scored, beside
    naive, seasonal naive, drift, Theta and ETS. Where the network does not win, the file blends in a simple
    method or falls back on it, and that is said. Then all is trained once more on everything. Ctrl-C or a
    kill loses little: the same command again goes on.

    \b
      seqtools train forecast sales.csv --horizon 28
      seqtools train forecast sales.csv shops.csv -o runs/sales
      seqtools train forecast load.parquet -o runs/load --future temperature --auto
      seqtools train forecast Hourly-train.csv -o runs/m4 --preset hourly
    """
    recipe, said = asked.settle(resume=resume, others=bool(auto or auto_time))
    _check(said)
    if not (files or output or resume):
        raise UsageError("FILE", "there are no series to train on", "Name one file or more")
    output = output or _folder(files)
    if auto or auto_time:
        from seqtools.training.beginning import tidied
        from seqtools_forecast.auto import train_auto

        budget = auto_time or "5m"
        with tidied(output.parent):
            train_auto(files, output, recipe, said, budget=budget, floor=floor, export=export, report=note)
        return
    from seqtools_forecast.train_run import train_forecast

    train_forecast(files, output, recipe, floor=floor, export=export, report=note)


def _check(said: dict[str, Any]) -> None:
    """What 0 stands for is chosen by the series; whoever writes it may mean something else.

    Raises:
        UsageError: a horizon of no steps.
    """
    if said.get("data.horizon", 1) < 1:
        raise UsageError("--horizon", "0 steps ahead is no forecast", "Give 1 or more, or leave it out")


def _folder(files: Sequence[str]) -> Path:
    """Where a run goes that nobody says it of: beside the others, under the name of its table.

    Raises:
        UsageError: no table has a name.
    """
    name = Path(files[0]).name.partition(".")[0] if files else ""
    if not name.strip("-"):
        raise UsageError("-o", "nothing says where the run goes", "Name its folder: -o runs/NAME")
    folder = Path("runs") / name
    note(f"run folder: {folder}")
    return folder
