"""Other ways to train than once: over seeds or folds, with a test, or searching for the recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seqtools.errors import UsageError
from seqtools.output import note

if TYPE_CHECKING:
    from seqtools_sentiment.recipe import SentimentRecipe

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--test", multiple=True, metavar="FILE",
        help="Score network, linear models and their blend once, at the end, on these texts (repeatable).",
    ),
    click.option(
        "--seeds", type=click.IntRange(min=1), metavar="N",
        help="Train N times with seeds that follow --seed; -o gets a run folder for each, and mean ± sd.",
    ),
    click.option(
        "--folds", type=click.IntRange(min=2), metavar="K",
        help="Train K times, each time with another Kth of the texts as test; no model file is written.",
    ),
    click.option(
        "--autotune", metavar="TIME",
        help="Search for the recipe and train the best one, all in this time (`5m`); options given are kept.",
    ),
    click.option(
        "--max-size", metavar="SIZE",
        help="With --autotune: largest model file (`2MB`), written with eight-bit weights.",
    ),
)  # fmt: skip


def way_flags(function: F) -> F:
    """Add the options; the command gets `test`, `seeds`, `folds`, `autotune` and `max_size`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True)
class Ways:
    """What those options say."""

    test: tuple[str, ...] = ()
    seeds: int | None = None
    folds: int | None = None
    autotune: str | None = None
    max_size: str | None = None

    @property
    def asked(self) -> bool:
        """Whether any of them was given."""
        return any((self.test, self.seeds, self.folds, self.autotune, self.max_size))

    def check(self, files: Sequence[str], *, resume: bool, pretraining: bool, parent: bool) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: it does not.
        """
        several = self.test or self.seeds or self.folds
        option = "--autotune" if self.autotune else "--folds" if self.folds else "--seeds"
        option = option if option != "--seeds" or self.seeds else "--test"
        if self.max_size and not self.autotune:
            raise UsageError(
                "--max-size", "only --autotune looks for a recipe that fits", "Add --autotune 5m"
            )
        if self.autotune and (several or parent):
            cause = "it trains one model, from nothing"
            raise UsageError(option, cause, "Leave --test, --seeds, --folds and --from-lm out")
        if self.folds and self.test:
            raise UsageError("--folds", "each fold is a test in its turn", "Leave --test out")
        if resume:
            cause = "a run that has begun is already settled" if self.autotune else "it goes on by itself"
            raise UsageError(option, cause, "Leave --resume out" if several else "Leave it out")
        if pretraining:
            cause = "each training would train the same language model again"
            raise UsageError(option, cause, "Train it once: seqtools train generate, then --from-lm RUN")
        if os.environ.get("WORLD_SIZE", "1") != "1":
            raise UsageError(option, "it runs in one process, and there are several", "Start one process")
        if not files:
            raise UsageError("FILE", "there is no text to train on", "Name one file or more")

    def train(
        self, files: Sequence[str], output: Path, recipe: SentimentRecipe, spoken: Collection[str], *,
        parent: Path | None, floor: bool, export: bool,
    ) -> None:  # fmt: skip
        """Train in the way that was asked for."""
        if self.autotune:
            from seqtools_sentiment.autotune import autotune

            autotune(
                files, output, recipe, spoken, budget=self.autotune, max_size=self.max_size or "",
                floor=floor, export=export, report=note,
            )  # fmt: skip
            return
        if not floor:
            cause = "scores are told beside those of the linear models"
            raise UsageError("--no-floor", cause, "Leave it out")
        from seqtools_sentiment.study import study

        study(
            files, self.test, output, recipe, seeds=self.seeds or 1, folds=self.folds or 0, parent=parent,
            export=export, report=note,
        )  # fmt: skip
