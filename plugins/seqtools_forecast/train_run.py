"""One training run from tables of series to `model.onnx`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seqtools.errors import UsageError
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, attempt, check_fresh, clear, record
from seqtools.training.clock import parse_duration
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
    if recipe is None:
        if not run.exists:
            raise UsageError(str(run.path), "there is no run to resume", "Start one without --resume")
        recipe = run.recipe()
    if not (run.exists or files):
        raise UsageError("FILE", "there are no series to train on", "Name one file or more")
    wanted = recipe
    if run.exists:
        agree(run, recipe, None, lambda: not files or data_matches(run, files, wanted))
    train_filled(run, recipe, from_files(files, recipe, report), floor=floor, export=export, report=report)


def train_filled(
    run: ForecastRun, recipe: ForecastRecipe, fill: Fill, *, floor: bool = True, export: bool = True,
    report: Reporter,
) -> None:  # fmt: skip
    """Train in a run folder whose series `fill` brings if it is no run yet; what is done is not done again.

    Raises:
        ConfigError: the folder holds a run with another recipe.
    """
    if export:
        import seqtools_forecast.export  # noqa: F401  (a missing package is told now, not in an hour)
    # Passes are chosen later where the recipe does not say; the loop wants a number.
    check_limits(replace(recipe.training, epochs=recipe.training.epochs or 1.0))
    if recipe.training.max_time:
        parse_duration(recipe.training.max_time)
    if run.exists:
        agree(run, recipe, None, lambda: True)
    else:
        discard(run)
        check_fresh(run, PREPARED)
    world = World.start(recipe.training.device)
    try:
        begin = partial(prepare, run, fill, recipe, report)
        failure = attempt(begin) if world.leads and not run.exists else None
        failure = world.tell(failure)  # the others wait here until the series are there
        if failure:
            raise failure
        result = _train(run, recipe, world, report)
        train_folds(run, int(result.best["step"]), world, report)
        said = world.tell(_settle(run, result, floor, report) if world.leads else 0.0)
        if said > 0 and run.resolved().training.refit and not run.info().get("refit"):
            refit(run, int(result.best["step"]), world, report)
    finally:
        world.close()
        if world.leads and not run.exists:
            discard(run)
            clear(run, PREPARED)
    if world.leads and export:
        _export(run, report)


def _train(run: ForecastRun, recipe: ForecastRecipe, world: World, report: Reporter) -> TrainingResult:
    """The training that validation windows judge."""
    settled = run.resolved()
    experiment, network = experiment_of(run, settled, run.splits(), world)
    if world.leads:
        count = sum(parameter.numel() for parameter in network.parameters())
        members = f"{len(network.members)} networks, " if len(network.members) > 1 else ""
        report(f"network: {settled.network.kind}, {members}{count:,} parameters, on {world.device}")
        record(run, recipe, count)
        if not run.exists:  # all is well: from here on the folder is a run
            run.write_recipe(recipe)
            (run.data / READING).unlink(missing_ok=True)
    return train(
        experiment, settled.training, run.path, world=world, report=report, rates=rates(network, settled)
    )


def _settle(run: ForecastRun, result: TrainingResult, floor: bool, report: Reporter) -> float:
    """Best figures, calibration, the table; the weight that the network got."""
    best: dict[str, Any] = {**result.best, "steps": result.steps, "stopped": result.stopped}
    run.write_json("run.json", {**run.info(), "best": best})
    calibration = calibrate_run(run, report)
    if floor and not run.floor():
        found = compare_run(run, report)
        if found:
            run.write_json("floor.json", found)
    return calibration.weight


def _export(run: ForecastRun, report: Reporter) -> None:
    from seqtools_forecast.export import export_run

    export_run(run.path, run.path / "model.onnx", report=report)
    model = shlex.quote(str(run.path / "model.onnx"))
    report(f"Try it: seqtools forecast -m {model} FILE")
