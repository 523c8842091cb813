"""`seqtools demo forecast`: the whole way once, from three hundred years of sunspots to the next eleven."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from seqtools import config
from seqtools.demo_options import demo_options, demo_settings
from seqtools.output import note
from seqtools_forecast.column_options import NAMES
from seqtools_forecast.recipe import ForecastRecipe, SeriesDataConfig

SAMPLE = Path(__file__).with_name("samples") / "yearly-sunspots.csv"
SETTINGS: dict[str, Any] = {
    "data.horizon": 11,
    "data.season": "11",
    "data.test_windows": 33,
    "data.licence": "public domain; SIDC, by way of statsmodels",
    "network.width": 32,
    "network.dropout_output": 0.3,
    "training.steps": 200,
}
"""A cycle of the sun ahead, and a narrow network: there are less than 200 windows to learn from."""
INTERVALS = (80.0, 95.0)


@click.command(short_help="Train on sunspots, backtest, draw.")
@demo_options("seqtools-demo-forecast", time="100s", told="Time to train for, at most.")
def command(output: Path, budget: str, threads: int, seed: int) -> None:
    """Train a network on the yearly sunspots since 1700, compare it with simple methods on years that it has
    not seen, make one ONNX file of it, backtest that, and forecast and draw the next cycle.
    """
    # torch first: without the [train] extra nothing is written.
    from seqtools_forecast.train_run import train_forecast

    flags = demo_settings(budget, threads, seed)
    recipe = config.build(config.Layer("demo", {**SETTINGS, **flags}), kind=ForecastRecipe)
    note(f"1. Training on {SAMPLE.name} (SIDC by way of statsmodels, public domain) for {budget} at most.")
    train_forecast((str(SAMPLE),), output, recipe, report=note)
    model = output / "model.onnx"
    note(f"\n2. {model} is the model: years in, quantiles out, with scaling and calibration inside.")
    note("   It was run against the network it came from before it got its name.")
    note("\n3. A backtest: trained anew before each of three cycles, on nothing but what came before it.\n")
    _backtest(model, threads)
    note("\n4. The next eleven years:\n")
    picture = output / "forecast.svg"
    click.echo("\n".join(_forecast(model, picture)))
    note(f"\n   {picture} shows them, too.")
    quoted, sample = shlex.quote(str(model)), shlex.quote(str(SAMPLE))
    note("\nWhat to try next:")
    note(f"  seqtools forecast -m {quoted} {sample} --levels 50,90 --plot sunspots.html")
    note(f"  seqtools forecast detect -m {quoted} {sample}")
    note(f"  seqtools evaluate -m {quoted} {sample} --windows 5")
    note("  seqtools forecast inspect SERIES.csv")
    note("  seqtools train forecast SERIES.csv -o runs/mine --auto")


def _backtest(model: Path, threads: int) -> None:
    """Forecasts from years of the past, beside simple methods."""
    from seqtools_forecast.backtest import BacktestRequest, backtest

    columns: dict[str, Any] = {f"{name}_column": None for name in NAMES}
    backtest(
        BacktestRequest(
            files=(str(SAMPLE),), model=str(model), windows=3, stride=None, season=None, floors=True,
            as_json=False, batch_size=64, device="cpu", threads=threads, deadline=300.0, refit=True,
            recipe=None, output=None, form=None, levels=None, adapt=False, **columns,
        )
    )  # fmt: skip


def _forecast(model: Path, picture: Path) -> list[str]:
    """Draw what comes next; lines that tell it."""
    from seqtools_forecast.drawing import collect
    from seqtools_forecast.plotting import TERMINAL, plot
    from seqtools_forecast.program import open_model
    from seqtools_forecast.reading import read_series

    forecaster = open_model(str(model))
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        store = read_series([SAMPLE], SeriesDataConfig(), Path(folder), known=forecaster.about.known())
        found = forecaster.predict(store)
        panels = collect(found, 0, store, INTERVALS)
    for target in (str(picture), TERMINAL):
        plot(target, panels)
    sides = [found.interval(share) for share in INTERVALS]
    lines = [f"{'year':<6}{'mean':>7}" + "".join(f"{f'{share:g} %':>18}" for share in INTERVALS)]
    for step, year in enumerate(found.stamps(0)):
        ends = [f"{low[0, step, 0]:.1f} to {high[0, step, 0]:.1f}" for low, high in sides]
        lines.append(f"{year:<6}{found.mean[0, step, 0]:>7.1f}" + "".join(f"{text:>18}" for text in ends))
    return lines
