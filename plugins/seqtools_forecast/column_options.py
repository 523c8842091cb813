"""The options of every command that reads a table of series: which columns are what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

NAMES = ("id", "time", "target", "past", "future", "static", "frequency")
"""What the options are called, here and in the recipe's table `data`."""

_HELP = {
    "id": "Column that names the series; none for one series.",
    "time": "Column of time stamps; none counts the rows.",
    "target": "Column to forecast; several with commas for a model that tells them together.",
    "past": "Covariates known up to now, with commas; none for none.",
    "future": "Covariates known ahead, with commas; none for none.",
    "static": "Columns that say one thing of a whole series, with commas; none for none.",
    "frequency": "Step between rows: 15min, h, D, B, W, MS, QS, YS, int.",
}


@dataclass(frozen=True, kw_only=True)
class TableRequest:
    """What every command is asked that runs a model on tables: the files, the columns, and where it runs."""

    files: tuple[str, ...]
    model: str | None
    id_column: str | None
    time_column: str | None
    target_column: str | None
    past_column: str | None
    future_column: str | None
    static_column: str | None
    frequency_column: str | None
    device: str
    threads: int
    deadline: float


def column_options(function: F) -> F:
    """Add `--id`, `--time`, `--target` and the like; they arrive as `id_column` and so on."""
    for name in reversed(NAMES):
        usual = "those of the model; none without one" if name in ("past", "future", "static") else "found"
        option = click.option(
            f"--{name}", f"{name}_column", metavar="NAME", help=f"{_HELP[name]}  [default: {usual}]"
        )
        function = option(function)
    return function
