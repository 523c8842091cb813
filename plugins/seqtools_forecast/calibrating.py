"""Calibration of a run: the network on its validation windows, beside simple methods, then offsets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from seqtools.plugin import Reporter
from seqtools.wording import counted
from seqtools_forecast.blending import Blend, Fitting, blend
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.conformal import coverage, offsets, told_by_others
from seqtools_forecast.judging import Judge
from seqtools_forecast.predicting import ToldByAll, predict
from seqtools_forecast.restlessness import EXPONENTS, Restlessness
from seqtools_forecast.retraining import folds
from seqtools_forecast.sampling import WindowSampler
from seqtools_forecast.scales import series_scales
from seqtools_forecast.slack import less, slack
from seqtools_forecast.splits import Splits, WindowList
from seqtools_forecast.windows import WindowSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqtools.forecaster import ForecastShape
    from seqtools.nn.forecasting.ensemble import Ensemble
    from seqtools.plugin import FloatArray, IntArray
    from seqtools_forecast.predicting import Told
    from seqtools_forecast.recipe import ForecastRecipe
    from seqtools_forecast.run_folder import ForecastRun

_CELLS = 8_000_000
"""Quantiles that are looked at, at most."""
_FITTED = 1000
"""Training windows behind the quantiles of simple methods, at most."""
_SLOW = {"deepar": 200}


@dataclass(frozen=True)
class _Material:
    """What calibration is made of."""

    valid: ToldByAll
    train: Told
    judge: Judge
    train_judge: Judge
    independent: float
    """how many windows without an overlap those for validation are worth"""
    trained: float
    """and those for training"""

    @property
    def blocks(self) -> IntArray | None:
        """Which block of time each window lies in, where there are several."""
        return self.valid.block if len(self.valid.parts) > 1 else None


def calibrate_run(run: ForecastRun, report: Reporter) -> Calibration:
    """Weigh the network a run chose against simple methods, then make its intervals hold what they promise.

    Without validation windows nothing is changed. The calibration is kept in the run folder.

    Args:
        report: told what was found.
    """
    recipe, shape, splits = run.resolved(), run.shape(), run.splits()
    if not len(splits.valid):
        calibration = Calibration.none(shape)
        run.write_calibration(calibration)
        return calibration
    material = _material(run, splits, shape)
    told, target, filled = material.valid.quantiles, material.valid.target, material.valid.filled
    calibration, losses = Calibration.none(shape), dict[str, float]()
    # Paths are the network's: what stands beside them must not come from somewhere else.
    if recipe.calibration.blend and recipe.network.kind != "deepar":
        blended = _blend(material, shape)
        report(f"validation loss, relative to the naive: {blended.told}")
        calibration, losses = _weighed(blended, shape), blended.losses
        told, _ = calibration.apply(told, told[..., 0], filled)
    kind = recipe.calibration.kind
    restlessness, held = _chosen(material, told, filled, shape, recipe)
    calm = restlessness.calmed(told, target, filled)
    added = offsets(told, calm, shape.levels, kind, material.independent)
    if kind != "none":
        factors = slack(held, target, shape.levels)
        added = added + less(told + added, factors, shape.levels).mean(axis=0)
        held = held + less(held, factors, shape.levels)
    calibration = replace(
        calibration,
        offsets=added,
        restlessness=restlessness,
        coverage=coverage(held, target, shape.levels),
        figures={
            "windows": len(target),
            "before": coverage(told, target, shape.levels),
            "losses": losses,
        },
    )
    run.write_calibration(calibration)
    blocks = len(material.valid.parts)
    of = f"{len(target):,} windows of {blocks} blocks of time"
    seen = of if blocks > 1 else counted(len(target), "validation window")
    wide = "; wider where a window is restless" if restlessness.exponent else ""
    report(f"calibration ({kind}) on {seen}: {_shares(calibration)}{wide}")
    return calibration


def _chosen(
    material: _Material, told: FloatArray, filled: FloatArray, shape: ForecastShape, recipe: ForecastRecipe
) -> tuple[Restlessness, FloatArray]:
    """Whether intervals grow with the deviation of a window; and what each window is told by others."""
    kind, target = recipe.calibration.kind, material.valid.target
    # Paths, which stand beside the quantiles of deepar, are not widened; without offsets nothing is.
    exponents = (0.0,) if kind == "none" or recipe.network.kind == "deepar" else EXPONENTS
    tried: list[tuple[float, Restlessness, FloatArray]] = []
    for exponent in exponents:
        found = Restlessness.measured(filled, exponent, shape)
        calm = found.calmed(told, target, filled)
        added = told_by_others(told, calm, shape.levels, kind, material.independent, material.blocks)
        wide = found.widened(told, added, filled)
        loss = material.judge.losses(material.valid.raw, material.valid.restored(wide))
        tried.append((float(loss.mean()), found, wide))
    _, best, held = min(tried, key=lambda one: one[0])
    return best, held


def _material(run: ForecastRun, splits: Splits, shape: ForecastShape) -> _Material:
    """What networks say of windows that they never saw, and the chosen one of some training windows."""
    store, recipe = run.store(), run.resolved()
    source = WindowSource(store, shape.horizon, shape.context)
    network, cpu = run.forecaster(chosen=True), torch.device("cpu")
    cells = shape.horizon * shape.targets * len(shape.levels)
    most = min(max(1, _CELLS // cells), _SLOW.get(recipe.network.kind, _CELLS))
    tellers = [(network, splits.valid), *_others(run)]
    total = sum(len(windows) for _, windows in tellers)
    told = ToldByAll(
        [
            predict(teller, source, windows.thinned(max(1, most * len(windows) // total)), shape, cpu)
            for teller, windows in tellers
        ]
    )
    units = series_scales(store, splits, run.unit())
    sampler = WindowSampler(splits, batch_size=min(most, _FITTED), seed=recipe.training.seed, evenly="series")
    drawn, _ = sampler.next()
    drawn = _within(drawn, splits)
    return _Material(
        told,
        predict(network, source, drawn, shape, cpu),
        Judge(source, told.windows, shape, units, run.unit()),
        Judge(source, drawn, shape, units, run.unit()),
        _independent(run, [windows for _, windows in tellers], len(told.windows)),
        max(1.0, float(np.ceil(splits.windows() / splits.horizon).sum())),
    )


def _others(run: ForecastRun) -> list[tuple[Ensemble, WindowList]]:
    """Networks that were trained without a block of time, and the windows of that."""
    done = list(folds(run))[: run.info().get("folds", 0)]
    return [(run.without(number), held) for number, (_, held) in enumerate(done)]


def _independent(run: ForecastRun, lists: Sequence[WindowList], count: int) -> float:
    """How many windows without an overlap all of these are worth."""
    covered: float = min(1.0, run.about()["held"]["stride"] / run.shape().horizon)
    series = sum(len(set(windows.series.tolist())) for windows in lists)
    return min(float(count), max(series, covered * sum(map(len, lists))))


def _within(drawn: WindowList, splits: Splits) -> WindowList:
    """Those whose targets end before what is held out begins; all where there is none."""
    inside = np.flatnonzero(drawn.origin + splits.horizon <= splits.train_end[drawn.series])
    return drawn.take(inside) if len(inside) else drawn


def _blend(material: _Material, shape: ForecastShape) -> Blend:
    valid, train, judge = material.valid, material.train, material.judge
    raw, seen = valid.raw, train.raw.numpy()
    return blend(
        valid.quantiles,
        valid.filled,
        lambda quantiles: judge.losses(raw, valid.restored(quantiles)),
        Fitting(
            train.filled,
            train.target,
            shape.levels,
            lambda quantiles: material.train_judge.losses(seen, train.restored(quantiles)),
            material.trained,
        ),
        shape.seasons,
        material.independent,
    )


def _weighed(blended: Blend, shape: ForecastShape) -> Calibration:
    """The blend of the network and the expert, without offsets."""
    plain = Calibration.none(shape)
    if blended.weight == 1:
        return plain
    middle = blended.expert_offsets[..., shape.levels.index(0.5)]
    return replace(
        plain,
        expert=blended.expert,
        expert_offsets=blended.expert_offsets,
        mean_offsets=((1 - blended.weight) * middle).astype(np.float32),
        weight=blended.weight,
    )


def _shares(calibration: Calibration) -> str:
    """Coverage before and after, of the intervals that people ask for."""
    if not calibration.coverage:
        return "nothing to measure intervals by"
    before = calibration.figures["before"]
    asked = [name for name in ("80", "90", "95") if name in calibration.coverage]
    told = (f"{name} % interval {before[name]:.1%} to {calibration.coverage[name]:.1%}" for name in asked)
    return ", ".join(told) or "no interval that has a name"
