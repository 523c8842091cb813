"""The best recipe that can be found in a given time: random search with successive halving.

Many recipes train for a short while, the better half for twice as long, and so on; the one that is left
trains for the rest of the time (Jamieson & Talwalkar 2016). Every training begins afresh, so that its
schedule fits the time it has.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqtools import config
from seqtools.errors import ExportError, UsageError
from seqtools.plugin import Reporter
from seqtools.training.beginning import check_fresh, tidied
from seqtools.training.clock import parse_duration, spell_duration
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.export import export_run
from seqtools_sentiment.labels import learn_labels
from seqtools_sentiment.prepare import fill, read_split
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import PREPARED, SentimentRun
from seqtools_sentiment.sizes import features_within, parse_size, vocabulary_within
from seqtools_sentiment.train_run import train_filled

SPACE: dict[str, Sequence[Any]] = {
    "network.cell": ("lstm.v1", "gru.v1"),
    "network.width": (32, 48, 64, 96, 128),
    "network.embedding": (32, 50, 64, 100),
    "network.pooling": ("max", "mean", "attention", "concat"),
    "network.dropout_word": (0.0, 0.05, 0.1, 0.2),
    "network.dropout_input": (0.2, 0.35, 0.5, 0.6),
    "network.dropout_output": (0.2, 0.35, 0.5),
    "training.lr": (1e-3, 2e-3, 3e-3, 5e-3),
    "training.batch_size": (16, 32, 64),
    "training.ema": (0.0, 0.99),
    "training.label_smoothing": (0.0, 0.1),
}
"""What is tried for the keys that nobody has set."""
MOST_RUNGS = 4
"""Times that the worse half is dropped, at most; two recipes are tried for one, four for two, and so on."""
SEARCHED = 0.6
"""Share of the time that the search has; the best recipe trains for the rest."""
_SHORTEST = 4.0
_FEWEST_IDS = 200


@dataclass
class _Box:
    """The time there is."""

    seconds: float
    began: float = field(default_factory=time.monotonic)
    overhead: float = 0.0
    """Seconds of the last trial that were not training: reading, preparing, evaluating."""

    @property
    def left(self) -> float:
        return self.began + self.seconds - time.monotonic()


@dataclass(frozen=True)
class _Texts:
    """What every trial is trained on."""

    train: Sequence[Example]
    valid: Sequence[Example]
    labels: Labels
    about: Mapping[str, Any]

    def fill(self, recipe: SentimentRecipe, report: Reporter) -> Callable[[SentimentRun], None]:
        """What prepares a run folder with them."""
        return lambda run: fill(run, self.train, self.valid, self.labels, recipe, report, self.about)


def autotune(
    files: Sequence[str], output: Path, recipe: SentimentRecipe, spoken: Collection[str], *, budget: str,
    max_size: str = "", floor: bool = True, export: bool = True, report: Reporter,
) -> None:  # fmt: skip
    """Search for a recipe and train the best into a run folder.

    Args:
        files: the labelled texts.
        recipe: what is not searched for.
        spoken: keys that a person has set; they stay as they are.
        budget: time for search and training (`5m`); the linear models and the file come on top.
        max_size: largest model file (`2MB`), which is then written in the int8 profile; "" for any.
        floor, export: as in `train_sentiment`.

    Raises:
        UsageError: the time or the size makes no sense, or no file can be so small.
        ExportError: the file has become too large all the same.
    """
    box, limit = _Box(parse_duration(budget)), parse_size(max_size) if max_size else 0
    run = SentimentRun(output)
    if run.exists:
        cause = "it holds a run"
        raise UsageError(str(output), cause, "Choose another -o, or go on with it: --resume")
    check_fresh(run, PREPARED)
    train, valid, about = read_split(files, recipe, report)
    texts = _Texts(train, valid, learn_labels(train, recipe.data), about)
    rungs = rungs_within(box.seconds)
    drawn = candidates(recipe, spoken, 2**rungs, texts.labels.outputs, limit)
    with tidied(output.parent):
        best = _search(drawn, rungs, texts, box, output, report)
    best = _with(best, {"training.max_time": f"{max(box.left, _SHORTEST):.0f}s"})
    searched = {path for path in SPACE if path not in spoken} | {"tokenizer.vocab_size"}
    told = ", ".join(f"{path} {value}" for path, value in config.settings(best).items() if path in searched)
    report(f"best recipe: {told}; trains for {spell_duration(box.left)}")
    train_filled(run, best, texts.fill(best, report), floor=floor, export=export and not limit, report=report)
    if export and limit:
        size = export_run(output, output / "model.onnx", profile="int8", report=report).size
        _check(output / "model.onnx", size, limit)


def rungs_within(seconds: float) -> int:
    """How often the worse half can be dropped where each first trial is to have some seconds."""
    rungs = range(MOST_RUNGS, 0, -1)
    return next((count for count in rungs if seconds * SEARCHED / count / 2**count >= _SHORTEST), 0)


def candidates(
    recipe: SentimentRecipe, spoken: Collection[str], count: int, outputs: int, limit: int
) -> list[SentimentRecipe]:
    """Recipes to try, the given one first if it may be; the same ones for the same seed.

    Args:
        count: most of them.
        outputs: of the network.
        limit: bytes of an int8 file; 0 for any.

    Raises:
        UsageError: none fits.
    """
    rng, found = random.Random(recipe.training.seed), list[SentimentRecipe]()
    settled = {*spoken, *(["network.embedding"] if recipe.network.vectors else [])}
    free = {path: values for path, values in SPACE.items() if path not in settled}
    for draw in range(10 * count):
        values = {path: rng.choice(choices) for path, choices in free.items()} if draw else {}
        tried = _fitted(_with(recipe, values), outputs, limit)
        if tried and tried not in found:
            found.append(tried)
        if len(found) == count:
            break
    if not found:
        raise UsageError("--max-size", f"no file has {limit:,} bytes only", "Allow 500kB or more")
    return found


def _fitted(recipe: SentimentRecipe, outputs: int, limit: int) -> SentimentRecipe | None:
    """The recipe with as many words and features as the size allows; None if that is too few."""
    vocabulary = vocabulary_within(recipe, outputs, limit)
    if limit and vocabulary < _FEWEST_IDS:
        return None
    values = {"tokenizer.vocab_size": vocabulary, "linear.features": features_within(recipe, limit)}
    if limit and recipe.network.vectors:
        values["network.vectors_vocabulary"] = False
    return _with(recipe, values)


def _search(
    recipes: list[SentimentRecipe], rungs: int, texts: _Texts, box: _Box, output: Path, report: Reporter
) -> SentimentRecipe:
    """The recipe that is left after all rungs."""
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}-trials-", dir=output.parent))
    try:
        for rung in range(rungs):
            # What is left when the rung is over.
            after = box.seconds * (1 - SEARCHED * (rung + 1) / rungs)
            scored: list[tuple[float, SentimentRecipe]] = []
            for number, recipe in enumerate(recipes):
                slot = (box.left - after) / (len(recipes) - number)
                if scored and slot < _SHORTEST / 2:
                    break
                trial = SentimentRun(folder / f"{rung}-{number}")
                scored.append((_trial(trial, recipe, texts, box, slot), recipe))
                report(f"rung {rung + 1}, recipe {number + 1} of {len(recipes)}: {_told(scored[-1])}")
            ranked = sorted(scored, key=lambda pair: -pair[0])
            recipes = [recipe for _, recipe in ranked[: max(1, len(recipes) // 2)]]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return recipes[0]


def _trial(run: SentimentRun, recipe: SentimentRecipe, texts: _Texts, box: _Box, slot: float) -> float:
    """How good a recipe is after so many seconds, by the figure that judges; more is better."""
    began = time.monotonic()
    training = max(slot - box.overhead, slot / 3, 1.0)
    timed = _with(recipe, {"training.max_time": f"{training:.1f}s", "linear.blend": False})
    train_filled(run, timed, texts.fill(timed, _silent), floor=False, export=False, report=_silent)
    box.overhead = max(0.0, time.monotonic() - began - training)
    best = run.info()["best"]
    shutil.rmtree(run.path)
    judge = recipe.training.judge
    return -float(best["valid_loss"]) if judge == "loss" else float(best[judge])


def _silent(line: str) -> None:
    """The report of trials: one line each is enough."""


def _told(scored: tuple[float, SentimentRecipe]) -> str:
    score, recipe = scored
    network = recipe.network
    return (
        f"{recipe.training.judge} {abs(score):.4f} ({network.cell}, width {network.width}, embedding "
        f"{network.embedding}, {network.pooling} pooling, lr {recipe.training.lr:g})"
    )


def _with(recipe: SentimentRecipe, values: Mapping[str, Any]) -> SentimentRecipe:
    """The recipe with other values, checked like any."""
    layers = config.Layer("recipe", config.settings(recipe)), config.Layer("--autotune", values)
    return config.build(*layers, kind=SentimentRecipe)


def _check(path: Path, size: int, limit: int) -> None:
    if size > limit:
        path.unlink()
        cause = f"it would have {size:,} bytes, more than {limit:,}"
        raise ExportError(str(path), cause, "Set tokenizer.vocab_size or linear.features lower")
