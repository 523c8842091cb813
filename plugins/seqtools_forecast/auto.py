"""`--auto`: several networks train for a while on the same series; the one that forecasts best goes on.

Trials share the series that were read once. Each is judged on validation windows; the better half trains
again for twice as long, and so on (successive halving, Jamieson & Talwalkar 2016).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seqtools.errors import SeqtoolsError, UsageError
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh
from seqtools.training.clock import parse_duration, spell_duration
from seqtools_forecast.choices import choose, with_values
from seqtools_forecast.prepare import from_files
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.run_folder import PREPARED, ForecastRun
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.train_run import train_filled

CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "segments": {"network.kind": "segment"},
    "segments, window linear": {"network.kind": "segment", "network.linear": True},
    "segments, both residuals": {"network.kind": "segment", "network.residual": "both"},
    "recurrent": {"network.kind": "recurrent", "network.width": 64},
    "recurrent, no residual": {
        "network.kind": "recurrent", "network.width": 64, "network.residual": "none", "network.scale": "std",
    },
    "smoothing": {"network.kind": "smoothing", "network.width": 64},
    "seq2seq": {"network.kind": "seq2seq", "network.width": 64},
}  # fmt: skip
"""What is tried for the keys that nobody has set; the first is what is trained without `--auto`."""
_SHORTEST = 0.2
"""Seconds that a trial has at least."""


def train_auto(
    files: tuple[str, ...], output: Path, recipe: ForecastRecipe, said: Collection[str], *, budget: str,
    floor: bool = True, export: bool = True, report: Reporter,
) -> None:  # fmt: skip
    """Choose a network by trials, then train it.

    Args:
        files: the tables.
        recipe: what is not tried out.
        said: keys that a person has set; they stay as they are.
        budget: time for all trials (`5m`); the training comes on top.
        floor, export: as in `train_forecast`.

    Raises:
        UsageError: the time makes no sense, nothing is left to choose, or several processes train.
        ConfigError: the folder holds a run with another recipe.
    """
    seconds, run = parse_duration(budget), ForecastRun(output)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("--auto", "it tries networks in one process", "Start it without torchrun")
    if run.exists:
        chosen = _chosen_before(run, recipe)
        train_filled(
            run, chosen, from_files(files, chosen, report), floor=floor, export=export, report=report
        )
        return
    if not files:
        raise UsageError("FILE", "there are no series to train on", "Name one file or more")
    tried = candidates(recipe, said)
    if len(tried) < 2:
        raise UsageError(
            "--auto", "all that it would choose is told", "Leave out --auto, or --kind and --set"
        )
    check_fresh(run, PREPARED)
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}-trials-", dir=output.parent))
    try:
        store = from_files(files, recipe, report)(folder / "series")
        for line in choose(recipe, store).told:
            report(line)
        best = _search(tried, store, folder, seconds, report)
        # Trials are over the choices; what is chosen is written as if it had been asked for.
        train_filled(run, best, partial(_shared, store), floor=floor, export=export, report=report)
        run.write_json("run.json", {**run.info(), "auto": {"tried": list(tried), "time": budget}})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def candidates(recipe: ForecastRecipe, said: Collection[str]) -> dict[str, ForecastRecipe]:
    """Recipes to try by name, none twice."""
    found: dict[str, ForecastRecipe] = {}
    for name, values in CANDIDATES.items():
        tried = with_values(recipe, {path: value for path, value in values.items() if path not in said})
        if tried not in found.values():
            found[name] = tried
    return found


def _chosen_before(run: ForecastRun, recipe: ForecastRecipe) -> ForecastRecipe:
    """The recipe that trials chose for the run, which differs from the one asked for in what was tried.

    Raises:
        ConfigError: it differs in more.
    """
    old = run.recipe()
    tried = {path for values in CANDIDATES.values() for path in values}
    network = {path.partition(".")[2]: getattr(old.network, path.partition(".")[2]) for path in tried}
    agree(run, replace(recipe, network=replace(recipe.network, **network)), None, lambda: True)
    return old


def _shared(store: SeriesStore, folder: Path) -> SeriesStore:
    """A store's files in another folder: the same bytes, linked where that can be."""
    for path in store.folder.iterdir():
        if path.is_file():
            try:
                (folder / path.name).hardlink_to(path)
            except OSError:
                shutil.copyfile(path, folder / path.name)
    return SeriesStore.open(folder)


def _search(
    tried: Mapping[str, ForecastRecipe], store: SeriesStore, folder: Path, seconds: float, report: Reporter
) -> ForecastRecipe:
    """The recipe that is left after all rungs."""
    began, left = time.monotonic(), dict(tried)
    rungs = max(1, (len(left) - 1).bit_length())
    for rung in range(rungs):
        scores: dict[str, float] = {}
        for number, (name, recipe) in enumerate(left.items()):
            until = seconds * (rung + 1) / rungs - (time.monotonic() - began)
            slot = max(until / (len(left) - number), _SHORTEST)
            found = _trial(ForecastRun(folder / f"{rung}-{number}"), recipe, store, slot)
            if found is None:
                report(f"trial {rung + 1}: {name} does not go with these series")
                continue
            scores[name] = found
            report(f"trial {rung + 1}: {name}, validation loss {found:.4f} after {spell_duration(slot)}")
        if not scores:
            raise UsageError(
                "--auto", "no network goes with these series and options", "Train without --auto"
            )
        ranked = sorted(scores, key=lambda name: scores[name])
        left = {name: left[name] for name in ranked[: max(1, len(ranked) // 2)]}
        if len(left) == 1:
            break
    name, recipe = next(iter(left.items()))
    report(f"chosen by validation: {name}")
    return recipe


def _trial(run: ForecastRun, recipe: ForecastRecipe, store: SeriesStore, slot: float) -> float | None:
    """Validation loss of a recipe after so many seconds; None if the network cannot be made."""
    timed = replace(
        recipe,
        training=replace(recipe.training, max_time=f"{slot:.1f}s", steps=0, refit=False),
        calibration=replace(recipe.calibration, kind="none", blend=False),
    )
    try:
        fill = partial(_shared, store)
        train_filled(run, timed, fill, floor=False, export=False, report=lambda line: None)
        return float(run.info()["best"]["valid_loss"])
    except SeqtoolsError:
        return None
    finally:
        shutil.rmtree(run.path, ignore_errors=True)
