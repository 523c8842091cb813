"""`--auto`: several networks train for a while on the same series; the one that forecasts best goes on.

Trials share the series that were read once. Each is judged on validation windows; the better half trains
again for twice as long, and so on (successive halving, Jamieson & Talwalkar 2016).
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtools.errors import SeqtoolsError, UsageError
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh
from seqtools.training.clock import parse_duration, spell_duration
from seqtools.wording import counted
from seqtools_forecast.choices import choose, with_values
from seqtools_forecast.prepare import data_matches, from_files
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.run_folder import PREPARED, ForecastRun
from seqtools_forecast.splits import split
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
"""What is tried for the keys that nobody has set; the first is usual where windows are not short."""
_SHORTEST = 0.2
"""Seconds that a trial has at least."""
_FEW = 10.0
"""Seconds below which tenths are told."""


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
        chosen = _chosen_before(run, recipe, files, report)
        train_filled(
            run, chosen, from_files(files, chosen, report), floor=floor, export=export, report=report
        )
        return
    if not files:
        raise UsageError("FILE", "there are no series to train on", "Name one file or more")
    if len(candidates(recipe, said)) < 2:
        raise UsageError(
            "--auto", "all that it would choose is told", "Leave out --auto, or --kind and --set"
        )
    check_fresh(run, PREPARED)
    output.parent.mkdir(parents=True, exist_ok=True)
    _clear_killed(output)
    folder = Path(tempfile.mkdtemp(prefix=_prefix(output), dir=output.parent))
    try:
        store = from_files(files, recipe, report)(folder / "series")
        name, best, losses = _chosen(recipe, said, store, folder, seconds, report)
        # Trials are over the choices; what is chosen is written as if it had been asked for.
        train_filled(
            run, best, partial(_moved, store, folder), floor=floor, export=export, report=report,
            about={"auto": {"chosen": name, "tried": losses, "time": budget}},
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def candidates(recipe: ForecastRecipe, said: Collection[str]) -> dict[str, ForecastRecipe]:
    """Recipes to try by name, none twice; of one kind only, where a person has set it."""
    kind = recipe.network.kind
    fixed = set(said) - ({"network.kind"} if kind == "auto" else set())
    found: dict[str, ForecastRecipe] = {}
    for name, values in CANDIDATES.items():
        if "network.kind" in fixed and values["network.kind"] != kind:
            continue
        tried = with_values(recipe, {path: value for path, value in values.items() if path not in fixed})
        if tried not in found.values():
            found[name] = tried
    return found


def _chosen(
    recipe: ForecastRecipe, said: Collection[str], store: SeriesStore, folder: Path, seconds: float,
    report: Reporter,
) -> tuple[str, ForecastRecipe, dict[str, float]]:  # fmt: skip
    """Name and recipe of what is trained, and the validation losses of all that was tried."""
    usual = choose(recipe, store)
    if not len(split(store.lengths, usual.shape.horizon, usual.shape.context, usual.held).valid):
        report("no trials: no series is long enough to hold windows out, and nothing else could judge them")
        return "", recipe, {}
    tried = _differing(candidates(recipe, said), store)
    if len(tried) == 1:
        (name,) = tried
        report(f"no trials: with these series and options all others are refused or the same as '{name}'")
        return name, tried[name], {}
    # What the first optimizer imports takes seconds, which are no trial's.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    report(usual.told[0])
    report(f"trials: {counted(len(tried), 'network')}, for {_spell(seconds)} in all: {'; '.join(tried)}")
    name, losses = _search(tried, store, folder, seconds, report)
    return name, tried[name], losses


def _differing(tried: Mapping[str, ForecastRecipe], store: SeriesStore) -> dict[str, ForecastRecipe]:
    """Recipes that are still different where what they leave open is settled, and that go with the series.

    Raises:
        ConfigError, DataError: what is wrong with the first, where none goes.
    """
    settled: dict[str, ForecastRecipe] = {}
    failures = []
    for name, recipe in tried.items():
        try:
            made = choose(recipe, store).recipe
        except SeqtoolsError as error:
            failures.append(error)
            continue
        if made not in settled.values():
            settled[name] = made
    if not settled:
        raise failures[0]
    return {name: tried[name] for name in settled}


def _prefix(output: Path) -> str:
    """What the name of a folder of trials begins with."""
    return f".{output.name}-trials-"


def _clear_killed(output: Path) -> None:
    """Take away what trials left behind that were killed."""
    for old in output.parent.glob(f"{glob.escape(_prefix(output))}*"):
        shutil.rmtree(old, ignore_errors=True)


def _chosen_before(
    run: ForecastRun, recipe: ForecastRecipe, files: tuple[str, ...], report: Reporter
) -> ForecastRecipe:
    """The recipe that trials chose for the run, which differs from the one asked for in what was tried.

    Raises:
        ConfigError: it differs in more, or was begun with other series.
    """
    old = run.recipe()
    tried = {path for values in CANDIDATES.values() for path in values}
    network = {path.partition(".")[2]: getattr(old.network, path.partition(".")[2]) for path in tried}
    same = replace(recipe, network=replace(recipe.network, **network))
    agree(run, same, None, lambda: not files or data_matches(run, files, old))
    name = run.info().get("auto", {}).get("chosen")
    if name:
        report(f"chosen before: {name}")
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


def _moved(store: SeriesStore, trials: Path, folder: Path) -> SeriesStore:
    """A store in another folder, and nothing left of the trials: a kill of the training leaves nothing."""
    moved = _shared(store, folder)
    shutil.rmtree(trials, ignore_errors=True)
    return moved


def _search(
    tried: Mapping[str, ForecastRecipe], store: SeriesStore, folder: Path, seconds: float, report: Reporter
) -> tuple[str, dict[str, float]]:
    """Which is left after all rungs, or when the time is over; and the last validation loss of each."""
    began, left = time.monotonic(), dict(tried)
    losses: dict[str, float] = {}
    hasty = False
    rungs = (len(left) - 1).bit_length()
    for rung in range(rungs):
        scores: dict[str, float] = {}
        for number, (name, recipe) in enumerate(left.items()):
            until = seconds * (rung + 1) / rungs - (time.monotonic() - began)
            slot = max(until / (len(left) - number), _SHORTEST)
            hasty = hasty or slot == _SHORTEST
            found = _trial(ForecastRun(folder / f"{rung}-{number}"), recipe, store, slot)
            if found is None:
                report(f"trial {rung + 1}: {name} does not go with these series")
                continue
            scores[name] = found
            report(f"trial {rung + 1}: {name}, validation loss {found:.4f} after {_spell(slot)}")
        if not scores:
            raise UsageError(
                "--auto", "no network goes with these series and options", "Train without --auto"
            )
        losses |= scores
        ranked = sorted(scores, key=lambda name: scores[name])
        left = {name: left[name] for name in ranked[: max(1, len(ranked) // 2)]}
        # What trains for a moment only would be ranked by chance, and worse than before.
        if len(left) == 1 or time.monotonic() - began >= seconds:
            break
    name = next(iter(left))
    report(f"chosen by validation: {name}")
    if hasty:
        report("trials were too short to tell much: a longer --auto-time would")
    return name, losses


def _spell(seconds: float) -> str:
    return f"{seconds:.1f}s" if seconds < _FEW else spell_duration(seconds)


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
