"""The options of every command that runs a model file: where, on how many threads, for how long.

Commands that people run have `run_options`; those behind `seqtools evaluate` may have `evaluate_options`.
"""

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

_EVALUATE = (
    _OPTIONS[0],
    click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads."),
)


def evaluate_options(function: F) -> F:
    """Add `--device` and `--threads`."""
    for option in reversed(_EVALUATE):
        function = option(function)
    return function


def run_options(function: F) -> F:
    """Add `--device`, `--threads` and `--deadline`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
