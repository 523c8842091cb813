"""The options of every command that runs a model file: where, on how many threads, for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where the model runs.",
    ),
    click.option(
        "-t",
        "--threads",
        type=int,
        default=1,
        show_default=True,
        help="CPU threads; 0 lets onnxruntime choose.",
    ),
    click.option(
        "--deadline",
        type=float,
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="Give up when one run of the model takes longer.",
    ),
)


def run_options(function: F) -> F:
    """Add `--device`, `--threads` and `--deadline`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
