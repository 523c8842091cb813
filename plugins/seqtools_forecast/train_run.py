"""One training run from tables of series to `model.onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seqtools.errors import UsageError
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh, clear, prepared, record, resumed
from seqtools.training.ending import make_file, note_best
from seqtools.training.limits import check_limits
from seqtools.training.loop import TrainingResult, train
from seqtools.training.world import World
from seqtools_forecast.calibrating import calibrate_run
from seqtools_forecast.comparison import compare_run
from seqtools_forecast.prepare import Fill, data_matches, discard, from_files, prepare
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.retraining import experiment_of, rates, refit, train_folds
from seqtools_forecast.run_folder import PREPARED, READING, ForecastRun


def train_forecast(
    files: tuple[str, ...], output: Path, recipe: ForecastRecipe | None, *, floor: bool = True,
    export: bool = True, report: Reporter,
) -> None:  # fmt: skip
    """Train a forecaster into a run folder, going on if a run with the same recipe was begun there.

    Args:
        files: the tables; empty when going on.
        recipe: what to do; None goes on with the recipe that the folder holds.
        floor: score it beside simple methods.
        export: write `model.onnx` at the end.

    Raises:
        ConfigError: the folder holds a run with another recipe.
        DataError, TrainingError, ExportError: see those.
    """
    run = ForecastRun(output)
    recipe = recipe or resumed(run, ForecastRecipe)
    if not (run.exists or files):
        raise UsageError("FILE", "there are no series to train on", "Name one file or more")
    wanted = recipe
    if run.exists:
        agree(run, recipe, None, lambda: not files or data_matches(run, files, wanted))
    train_filled(run, recipe, from_files(files, recipe, report), floor=floor, export=export, report=report)


def train_filled(
    run: ForecastRun, recipe: ForecastRecipe, fill: Fill, *, floor: bool = True, export: bool = True,
    report: Reporter, about: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Train in a run folder whose series `fill` brings if it is no run yet; what is done is not done again.

    Args:
        recipe, floor, export: as in `train_forecast`.
        about: what else the run tells of itself.

    Raises:
        ConfigError: the folder holds a run with another recipe.
    """
    if export:
        import seqtools_forecast.export  # noqa: F401  (a missing package is told now, not in an hour)
    # Passes are chosen later where the recipe does not say; the loop wants a number.
    check_limits(replace(recipe.training, epochs=recipe.training.epochs or 1.0))
    if run.exists:
        agree(run, recipe, None, lambda: True)
    else:
        discard(run)
        check_fresh(run, PREPARED)
    begin = partial(prepare, run, fill, recipe, about or {}, report)
    with prepared(run, recipe.training.device, begin, partial(_undo, run)) as world:
        result = _train(run, recipe, world, report)
        train_folds(run, int(result.best["step"]), world, report)
        said = world.tell(_settle(run, result, floor, report) if world.leads else 0.0)
        anew = run.resolved().training.refit and len(run.splits().valid)
        if said > 0 and anew and not run.info().get("refit"):
            refit(run, int(result.best["step"]), world, report)
    if world.leads and export:
        make_file(run, report, "FILE")


def _undo(run: ForecastRun) -> None:
    """Take away what preparing left in a folder that did not become a run."""
    discard(run)
    clear(run, PREPARED)


def _train(run: ForecastRun, recipe: ForecastRecipe, world: World, report: Reporter) -> TrainingResult:
    """The training that validation windows judge."""
    settled = run.resolved()
    experiment, network = experiment_of(run, settled, run.splits(), world)
    if world.leads:
        count = count_parameters(network)
        members = f"{len(network.members)} networks, " if len(network.members) > 1 else ""
        report(f"network: {settled.network.kind}, {members}{count:,} parameters, on {world.device}")
        record(run, recipe, count)
        (run.data / READING).unlink(missing_ok=True)
    return train(
        experiment, settled.training, run.path, world=world, report=report, rates=rates(network, settled)
    )


def _settle(run: ForecastRun, result: TrainingResult, floor: bool, report: Reporter) -> float:
    """Best figures, calibration, the table; the weight that the network got."""
    note_best(run, result)
    calibration = calibrate_run(run, report)
    if floor and not run.floor():
        found = compare_run(run, report)
        if found:
            run.write_json("floor.json", found)
    return calibration.weight
