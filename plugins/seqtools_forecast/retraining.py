"""Further trainings of a run, in folders inside it: over everything, and each without a block of time.

Networks of the second kind tell the calibration how far forecasts lie off over the whole of the series, and
not only over its last stretch: cross-conformal prediction (Vovk 2015; Barber et al. 2021).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seqtools.nn.forecasting.ensemble import Ensemble, build
from seqtools.plugin import Reporter
from seqtools.training.loop import train
from seqtools.training.rng import seed_all
from seqtools.training.world import World
from seqtools.wording import counted
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.ridge import fit_linear
from seqtools_forecast.scales import series_scales
from seqtools_forecast.spreads import training_figures
from seqtools_forecast.train import ForecastExperiment
from seqtools_forecast.windows import WindowSource

if TYPE_CHECKING:
    from seqtools_forecast.run_folder import ForecastRun
    from seqtools_forecast.splits import Splits, WindowList


def experiment_of(
    run: ForecastRun, settled: ForecastRecipe, splits: Splits, world: World
) -> tuple[ForecastExperiment, Ensemble]:
    """A fresh network with figures of its training data, and its windows."""
    seed_all(settled.training.seed)
    store, shape = run.store(), run.shape()
    network = build(settled.network, shape)
    figures = {
        name: tuple(torch.from_numpy(part).float() for part in pair)
        for name, pair in training_figures(store, splits).items()
    }
    standard = figures.pop("values")[1]
    columns: dict[str, Any] = {name: pair for name, pair in figures.items() if len(pair[0])}
    network.settle(standard=standard, **columns)
    if settled.network.linear:
        source = WindowSource(store, shape.horizon, shape.context)
        fit_linear(network.forecasters(), source, splits, settled.training.ridge)
        for name in rates(network, settled):  # a map that stays costs no gradients, nor clips those of others
            network.get_parameter(name).requires_grad_(settled.training.linear_rate > 0)
    network = network.to(world.device)
    smape, mase = run.about()["naive2"]
    experiment = ForecastExperiment(
        network,
        store,
        splits,
        settled,
        shape,
        units=series_scales(store, splits, run.unit()),
        unit=run.unit(),
        naive2=(smape, mase),
        world=world,
    )
    return experiment, network


def rates(network: Ensemble, settled: ForecastRecipe) -> dict[str, float]:
    """Factors on the learning rate: the linear maps learn more slowly than what is added to them."""
    names = (name for name, _ in network.named_parameters() if ".linear." in name)
    return dict.fromkeys(names, settled.training.linear_rate)


def refit(run: ForecastRun, steps: int, world: World, report: Reporter) -> None:
    """A second training over everything, for as many steps as were best in the first."""
    if world.leads:
        report(f"training again on everything, the windows held out included, for {counted(steps, 'step')}")
    done = _again(run, run.refit, run.splits().whole(), steps, world, report)
    _note(run, run.refit, world, refit={"steps": done})


def train_folds(run: ForecastRun, steps: int, world: World, report: Reporter) -> None:
    """Trainings for as many steps, each without a block of the training part; those done are left alone."""
    done = int(run.info().get("folds", 0))
    parts = list(folds(run))
    for number, (splits, _) in enumerate(parts[done:], start=done):
        if world.leads:
            report(
                f"training without block {number + 1} of {len(parts)}, to learn how wide intervals must be"
            )
        _again(run, run.fold(number), splits, steps, world, report)
        _note(run, run.fold(number), world, folds=number + 1)


def folds(run: ForecastRun) -> Iterator[tuple[Splits, WindowList]]:
    """What each of these networks is trained on, and the windows it never saw; no block is without either."""
    splits, stride = run.splits(), int(run.about()["held"]["stride"])
    # Without validation windows nothing is calibrated, so that nobody would ask these networks.
    count = run.resolved().calibration.folds if len(splits.valid) else 0
    for number in range(count):
        kept, held = splits.fold(number, count, stride)
        if len(held) and kept.windows().any():
            yield kept, held


def _again(run: ForecastRun, folder: Path, splits: Splits, steps: int, world: World, report: Reporter) -> int:
    """Train a fresh network without evaluations; the steps that were taken."""
    settled = run.resolved()
    training = replace(settled.training, steps=steps, max_time="", evaluate_every=steps + 1, patience=0)
    if world.leads:
        folder.mkdir(parents=True, exist_ok=True)
    experiment, network = experiment_of(run, replace(settled, training=training), splits, world)

    def told(line: str) -> None:
        # What it is judged by it has been trained on.
        if "valid loss" not in line:
            report(line)

    slower = rates(network, settled)
    return train(experiment, training, folder, world=world, report=told, rates=slower).steps


def _note(run: ForecastRun, folder: Path, world: World, **what: Any) -> None:
    """Write down that a training is done. Its checkpoint goes last: a kill leaves one or the other."""
    if world.leads:
        run.write_json("run.json", {**run.info(), **what})
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
