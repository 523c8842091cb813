"""Calibration of a run: the network on its validation windows, beside simple methods, then offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from seqtools.plugin import Reporter
from seqtools_forecast.blending import Blend, Fitting, blend
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.conformal import coverage, measured_coverage, offsets
from seqtools_forecast.judging import Judge
from seqtools_forecast.predicting import predict
from seqtools_forecast.sampling import WindowSampler
from seqtools_forecast.scales import series_scales
from seqtools_forecast.splits import Splits, WindowList
from seqtools_forecast.windows import WindowSource

if TYPE_CHECKING:
    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import FloatArray
    from seqtools_forecast.predicting import Told
    from seqtools_forecast.run_folder import ForecastRun

_CELLS = 8_000_000
"""Quantiles that are looked at, at most."""
_FITTED = 1000
"""Training windows behind the quantiles of simple methods, at most."""
_SLOW = {"deepar": 200}


@dataclass(frozen=True)
class _Material:
    """What calibration is made of."""

    valid: Told
    train: Told
    judge: Judge


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
    told, target = material.valid.quantiles, material.valid.target
    blended: Blend | None = None
    if recipe.calibration.blend:
        blended = _blend(material, shape, splits, run.about()["held"]["stride"])
        report(f"validation loss, relative to the naive: {blended.told}")
        told = _mixed(blended, told, material.valid.filled)
    kind = recipe.calibration.kind
    calibration = Calibration(
        offsets(told, target, shape.levels, kind),
        blended.expert if blended and blended.weight < 1 else "",
        blended.expert_offsets if blended and blended.weight < 1 else Calibration.none(shape).offsets,
        blended.weight if blended else 1.0,
        measured_coverage(told, target, shape.levels, kind),
        {
            "windows": len(target),
            "before": coverage(told, target, shape.levels),
            "losses": blended.losses if blended else {},
        },
    )
    run.write_calibration(calibration)
    report(f"calibration ({kind}) on {len(target):,} validation windows: {_shares(calibration)}")
    return calibration


def _material(run: ForecastRun, splits: Splits, shape: ForecastShape) -> _Material:
    """The chosen network on validation windows and on some training windows."""
    store, recipe = run.store(), run.resolved()
    source = WindowSource(store, shape.horizon, shape.context)
    network, cpu = run.forecaster(chosen=True), torch.device("cpu")
    cells = shape.horizon * shape.targets * len(shape.levels)
    most = min(max(1, _CELLS // cells), _SLOW.get(recipe.network.kind, _CELLS))
    valid = splits.valid.thinned(most)
    units = series_scales(store, splits, run.unit())
    sampler = WindowSampler(splits, batch_size=min(most, _FITTED), seed=recipe.training.seed, evenly="series")
    drawn, _ = sampler.next()
    return _Material(
        predict(network, source, valid, shape, cpu),
        predict(network, source, _within(drawn, splits), shape, cpu),
        Judge(source, valid, shape, units, run.unit()),
    )


def _within(drawn: WindowList, splits: Splits) -> WindowList:
    """Those whose targets end before what is held out begins; all where there is none."""
    inside = np.flatnonzero(drawn.origin + splits.horizon <= splits.train_end[drawn.series])
    return drawn.take(inside) if len(inside) else drawn


def _blend(material: _Material, shape: ForecastShape, splits: Splits, stride: int) -> Blend:
    valid, train, judge = material.valid, material.train, material.judge
    raw = valid.raw.numpy()
    return blend(
        valid.quantiles,
        valid.filled,
        lambda quantiles: judge.losses(raw, valid.restored(quantiles)),
        Fitting(train.filled, train.target, shape.levels),
        shape.seasons,
        min(1.0, stride / splits.horizon * max(1.0, len(splits.valid) / len(valid.windows))),
    )


def _mixed(blended: Blend, network: FloatArray, filled: FloatArray) -> FloatArray:
    """The blend of the network's quantiles and the expert's, before offsets."""
    nothing = np.zeros_like(blended.expert_offsets)
    whole = Calibration(nothing, blended.expert, blended.expert_offsets, blended.weight)
    return whole.apply(network, network[..., 0], filled)[0]


def _shares(calibration: Calibration) -> str:
    """Coverage before and after, of the intervals that people ask for."""
    before = calibration.figures["before"]
    asked = [name for name in ("80", "90", "95") if name in calibration.coverage]
    told = (f"{name} % interval {before[name]:.1%} to {calibration.coverage[name]:.1%}" for name in asked)
    return ", ".join(told) or "no interval that has a name"
