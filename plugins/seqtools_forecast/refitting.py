"""Training again before each window of a backtest, on nothing but what comes before it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools import config
from seqtools.errors import DataError, UsageError
from seqtools.output import detail, note
from seqtools.wording import counted
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.series import Series
from seqtools_forecast.store_writer import StoreWriter

if TYPE_CHECKING:
    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import IntArray
    from seqtools_forecast.rolling import Part, Rolling
    from seqtools_forecast.store import SeriesStore


def refitted(
    rolling: Rolling, store: SeriesStore, recipe: ForecastRecipe, stride: int, folder: Path, threads: int
) -> Iterator[Part]:
    """Train for each turn of windows, the oldest first, and forecast them.

    Args:
        rolling: the windows.
        store: their series.
        recipe: of each training.
        stride: steps between windows.
        folder: where the trainings lie, one at a time.
        threads: of the models that come out.

    Raises:
        DataError: what comes before a cutoff is too short to train on.
    """
    from seqtools_forecast.program import open_model
    from seqtools_forecast.run_folder import ForecastRun
    from seqtools_forecast.train_run import train_filled

    turns = sorted(set(rolling.windows.turn.tolist()), reverse=True)
    for place, turn in enumerate(turns, start=1):
        run = ForecastRun(folder / f"refit-{turn}")
        run.path.mkdir()
        note(f"training for cutoff {place} of {len(turns)}")
        fill = partial(_before, rolling, store, turn, stride)
        train_filled(run, recipe, fill, floor=False, report=detail)
        yield from rolling.run(open_model(str(run.path / "model.onnx"), threads=threads), turn)
        shutil.rmtree(run.path)


def _before(rolling: Rolling, store: SeriesStore, turn: int, stride: int, folder: Path) -> SeriesStore:
    """A store of what comes before a turn of windows.

    Raises:
        DataError: it is too short to train on.
    """
    ends = store.lengths - rolling.horizon - turn * stride
    found = cut(store, ends, folder)
    longest = int(found.lengths.max(initial=0))
    if longest <= rolling.horizon:
        series = int(ends.argmax())
        (stamp,) = store.frequency.text(store.starts[[series]] + ends[[series]] - 1)
        cause = f"the longest series has {counted(longest, 'step')} up to there, and training wants"
        cause = f"{cause} {rolling.horizon + 1} or more"
        cure = "Use fewer --windows, or a smaller --stride" if turn else "Give longer series"
        raise DataError(f"cutoff {stamp}", cause, cure)
    return found


def read_recipe(path: Path, shape: ForecastShape) -> ForecastRecipe:
    """A recipe that makes forecasters like one that is there; nothing is kept for a test.

    Raises:
        UsageError: it is of another task, or for another horizon.
        ConfigError: it has mistakes.
    """
    layer = config.read_layer(path)
    task = layer.values.get("task", "forecast")
    if task != "forecast":
        raise UsageError(str(path), f"it is a recipe for '{task}'", "Name one for forecast")
    recipe = config.build(layer, kind=ForecastRecipe)
    if recipe.data.horizon not in (0, shape.horizon):
        cause = f"its horizon is {recipe.data.horizon}, and that of the model {shape.horizon}"
        raise UsageError(str(path), cause, "Name the recipe that the model was trained by")
    levels = ",".join(f"{level:g}" for level in shape.levels)
    data = replace(recipe.data, horizon=shape.horizon, levels=levels, test_windows=0)
    return replace(recipe, data=data)


def cut(store: SeriesStore, ends: IntArray, folder: Path) -> SeriesStore:
    """A store of the first steps of each series; those that end before they begin are left out.

    Args:
        store: where they lie.
        ends: steps to keep of each, `[series]`.
        folder: of the new store.
    """
    writer = StoreWriter(
        folder,
        targets=store.targets,
        past=store.past,
        future=store.future,
        numbers=store.numbers,
        categories=store.categories,
        id_name=store.id_name,
        time_name=store.time_name,
    )
    with writer:
        for series, end in zip(store, ends.tolist(), strict=True):
            kept = _first(series, end)
            if kept is not None:
                writer.add(kept)
        return writer.finish(store.frequency, {})


def _first(series: Series, end: int) -> Series | None:
    """The first steps, up to the last that was observed; None if there is none."""
    seen = np.flatnonzero(~np.isnan(series.values[: max(end, 0)]).all(axis=1))
    if not len(seen):
        return None
    end = int(seen[-1]) + 1
    return replace(series, values=series.values[:end], past=series.past[:end], future=series.future[:end])
