"""`seqtools forecast`: options, and the commands below it; what they do is imported when they run."""

from __future__ import annotations

import importlib
from typing import Any

import click

from seqtools.run_options import run_options
from seqtools_forecast.column_options import column_options

_BELOW = {
    "inspect": ("seqtools_forecast.inspect_command", "Say what a table of series holds."),
    "backtest": ("seqtools_forecast.backtest_command", "Forecast the past and compare, window by window."),
    "detect": ("seqtools_forecast.detect_command", "Find values that the model did not expect."),
}
_SERIES = "series"


class _Unnamed(click.Context):
    """The context of a command that nobody names: messages call it as its group is called."""

    @property
    def command_path(self) -> str:
        """As people wrote it."""
        return self.parent.command_path if self.parent else super().command_path


class ForecastGroup(click.Group):
    """A command that takes files and has commands below it: what names none of those is a file.

    Attributes:
        default: what runs then.
    """

    default = _SERIES

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands below."""
        return sorted(_BELOW)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command below."""
        if cmd_name == self.default:
            return series
        if cmd_name not in _BELOW:
            return None
        found: click.Command = importlib.import_module(_BELOW[cmd_name][0]).command
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command that forecasts in front where the arguments name no other."""
        helps = bool(args) and args[0] in ctx.help_option_names
        if not helps and (not args or args[0] not in _BELOW):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The usage of both ways."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] FILE...")
        formatter.write_usage(ctx.command_path, f"{'|'.join(sorted(_BELOW))} ...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of forecasting, then the commands below."""
        series.format_options(click.Context(series, parent=ctx), formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(_BELOW.items())])


@click.command(_SERIES, hidden=True, add_help_option=True)
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="Model file, made by `seqtools train forecast`.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="Of the output.  [default: by the ending of -o, else csv]",
)
@click.option("--horizon", type=int, metavar="N", help="Steps ahead.  [default: those of the model]")
@click.option(
    "--levels",
    metavar="P,...",
    help="Percentages of the intervals.  [default: 80,95, as far as the model tells them]",
)
@click.option(
    "--samples", type=int, metavar="N", help="Write N sample paths instead (models of kind deepar)."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of sample paths.")
@click.option(
    "--adapt",
    default="",
    metavar="N|new",
    help="Let intervals follow how those of the last N steps would have held; new: of all that came after "
    "the training of the model.",
)
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw history and forecast, too: .png, .svg or .html; term is the terminal.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Forecast this series only (repeatable).")
@click.option(
    "--batch-size", type=int, default=64, show_default=True, metavar="N", help="Series that are read at once."
)
@column_options
@run_options
def series(**options: Any) -> None:
    """Forecast what comes after the end of each series in FILE... (- is stdin)."""
    from seqtools_forecast.program import forecast
    from seqtools_forecast.request import Request

    try:
        forecast(Request(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error


series.context_class = _Unnamed


@click.group("forecast", cls=ForecastGroup)
def command() -> None:
    """Forecast what comes after the end of each series in FILE... (- is stdin): a table with the columns
    `unique_id, ds, y` or the like, as CSV (.gz), TSV, Parquet, JSON Lines of GluonTS,
    `.tsf` of the Monash archive, or a wide table of M4.
    A row comes out for each series and step ahead, with a mean and both ends of each interval.

    Without -m the model of yearly sunspots that comes along is used.

    \b
    seqtools forecast -m runs/sales/model.onnx sales.csv
    seqtools forecast -m runs/sales/model.onnx sales.csv --horizon 14 --levels 50,90 -o next.parquet
    seqtools forecast -m runs/sales/model.onnx sales.csv --plot sales.png
    seqtools forecast inspect sales.csv
    """
