"""From tables to a run folder that is ready to train: the series, and what they settle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqtools.plugin import Reporter
from seqtools.wording import counted
from seqtools_forecast.choices import choose
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.run_folder import READING, ForecastRun
from seqtools_forecast.scales import naive2_errors
from seqtools_forecast.splits import split
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.unused import unused

Fill = Callable[[Path], SeriesStore]
"""Puts series into a folder."""


def from_files(files: Sequence[str], recipe: ForecastRecipe, report: Reporter) -> Fill:
    """What reads tables."""
    return lambda folder: read_series(files, recipe.data, folder, report)


def prepare(
    run: ForecastRun, fill: Fill, recipe: ForecastRecipe, noted: Mapping[str, Any], report: Reporter
) -> None:
    """Fill a fresh run folder with what training reads; the caller writes the recipe, which makes it a run.

    Args:
        noted: what else run.json shall tell.

    Raises:
        DataError: the tables are unusable, or the series too short.
        ConfigError: the recipe does not go with the series.
    """
    discard(run)
    run.data.mkdir(parents=True, exist_ok=True)
    (run.data / READING).touch()
    store = fill(run.data)
    choices = choose(recipe, store)
    shape, held = choices.shape, choices.held
    splits = split(store.lengths, shape.horizon, shape.context, held)
    owa = recipe.training.weights == "owa"
    about = {
        "shape": shape.payload(),
        "held": asdict(held),
        "unit": choices.unit,
        "naive2": list(naive2_errors(store, splits, choices.unit)) if owa else [1.0, 1.0],
        "frequency": store.frequency.payload(),
        "targets": list(store.targets),
        "past": list(store.past),
        "future": list(store.future),
        "numbers": list(store.numbers),
        "categories": dict(zip(store.categories, map(list, store.category_values), strict=True)),
    }
    run.write_json("shape.json", about)
    run.write_resolved(choices.recipe)
    data = {"sha256": store.digest(), **store.report}
    run.write_json("run.json", {"data": data, "parent": "", **noted})
    for line in (*choices.told, *unused(choices.recipe)):
        report(line)
    train, valid, test = int(splits.windows().sum()), len(splits.valid), len(splits.test)
    parts = f"valid: {counted(valid, 'window')}; test: {counted(test, 'window')}"
    report(f"train: {len(store):,} series, {counted(train, 'window')}; {parts}")
    if not len(splits.valid):
        report(_unjudged(shape.horizon))


def _unjudged(horizon: int) -> str:
    """What it means that no window can be held out, and what helps."""
    cure = f"series of {counted(3 * horizon, 'step')} or more" + " or a shorter --horizon" * (horizon > 1)
    missing = "nothing says how good the network is, and how wide intervals must be"
    return f"without windows held out {missing}; {cure} would"


def discard(run: ForecastRun) -> None:
    """Take away the series that a killed start left behind."""
    if (run.data / READING).exists():
        shutil.rmtree(run.data)


def data_matches(run: ForecastRun, files: Sequence[str], recipe: ForecastRecipe) -> bool:
    """Whether these files hold what the run was begun with."""
    with tempfile.TemporaryDirectory(prefix=".again-", dir=run.path) as folder:
        store = read_series(files, recipe.data, Path(folder) / "data")
        same: bool = store.digest() == run.info()["data"]["sha256"]
    return same
