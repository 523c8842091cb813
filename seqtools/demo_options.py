"""The options that every demo has, and what they say of its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def demo_options(folder: str, *, time: str, told: str = "Time to train for.") -> Callable[[F], F]:
    """Add `-o`, `--time`, `--threads` and `--seed`; the command gets `output`, `budget`, `threads`, `seed`.

    Args:
        folder: the run's, where no other is named.
        time: to train for, where none is given.
        told: what that time is.
    """
    options = (
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            default=Path(folder),
            show_default=True,
            help="Folder for the run; an unfinished demo there goes on.",
        ),
        click.option("--time", "budget", default=time, show_default=True, help=told),
        click.option(
            "--threads", default=1, show_default=True, type=click.IntRange(min=1), help="CPU threads."
        ),
        click.option(
            "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Seed of it all."
        ),
    )

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def demo_settings(budget: str, threads: int, seed: int) -> dict[str, Any]:
    """The recipe's keys that these options settle."""
    return {"training.max_time": budget, "training.threads": threads, "training.seed": seed}
