"""The run's forecasts beside those of simple methods, on windows that nothing was fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seqtools.plugin import Reporter
from seqtools.wording import counted
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.comparing import relative, table, verdict
from seqtools_forecast.floors import floor_forecasts
from seqtools_forecast.history import padded
from seqtools_forecast.metrics import naive_scale
from seqtools_forecast.predicting import predict
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.scoring import score
from seqtools_forecast.windows import WindowSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools_forecast.recipe import CalibrationConfig
    from seqtools_forecast.run_folder import ForecastRun
    from seqtools_forecast.splits import WindowList
    from seqtools_forecast.store import SeriesStore

    Float64 = NDArray[np.float64]

_CELLS = 4_000_000
_MOST_ROWS = 1000
_MOST_STEPS = 2000
_FEW = 10


def compare_run(run: ForecastRun, report: Reporter) -> dict[str, Any]:
    """Score the chosen network and the file beside simple methods, and say who wins.

    On test windows; on validation windows where no series is long enough for test windows.

    Returns:
        JSON-safe: `part`, `windows`, `scores` and `relative` by method, `verdict`; empty without windows.
    """
    shape, splits, store = run.shape(), run.splits(), run.store()
    part, windows = ("test", splits.test) if len(splits.test) else ("validation", splits.valid)
    if not len(windows):
        return {}
    cells = shape.horizon * shape.targets * len(shape.levels)
    windows = windows.thinned(max(1, min(_CELLS // cells, _MOST_ROWS // shape.targets)))
    source, network = WindowSource(store, shape.horizon, shape.context), run.forecaster(chosen=True)
    told = predict(network, source, windows, shape, torch.device("cpu"))
    plain, calibration = Calibration.none(shape), run.calibration()
    methods = {
        "network": _rows(*told.calibrated(plain, non_negative=shape.non_negative)),
        "file": _rows(*told.calibrated(calibration, non_negative=shape.non_negative)),
    }
    history = histories(store, windows)
    scale = naive_scale(history, run.unit())
    methods |= floor_forecasts(
        history, shape.horizon, shape.seasons, shape.levels, non_negative=shape.non_negative
    )
    actual = _flat(told.raw.numpy())
    scores = {name: score(actual, said, shape.levels, scale) for name, said in methods.items()}
    few = "; so few say little" if len(windows) < _FEW else ""
    on = f"scores on {counted(len(windows), f'{part} window')}"
    lines = [f"{on} (file: {_made(run.resolved().calibration, calibration)}){few}", *table(scores)]
    for line in lines:
        report(line)
    last = verdict(scores, "file")
    report(last)
    return {
        "part": part,
        "windows": len(windows),
        "scores": scores,
        "relative": relative(scores),
        "verdict": last,
    }


def _made(asked: CalibrationConfig, found: Calibration) -> str:
    """What the file adds to the network, in words."""
    done = ["calibrated"] if asked.kind != "none" else []
    done += ["blended"] if found.weight < 1 else []
    return f"network {' and '.join(done)}" if done else "the network as it is"


def histories(store: SeriesStore, windows: WindowList) -> Float64:
    """What was known before each window's origin, each target a row: `[windows * targets, time]`."""
    pairs = zip(windows.series.tolist(), windows.origin.tolist(), strict=True)
    rows = [store[series].values[:origin, target] for series, origin in pairs for target in _targets(store)]
    return padded(rows, _MOST_STEPS)


def _targets(store: SeriesStore) -> range:
    return range(len(store.targets))


def _rows(quantiles: FloatArray, mean: FloatArray) -> Prediction:
    """Each target a row of its own, as `histories` has them."""
    return Prediction(_flat(mean), _flat(quantiles))


def _flat(values: FloatArray) -> Float64:
    """`[windows, horizon, targets, …]` to `[windows * targets, horizon, …]`."""
    moved = np.moveaxis(values, 2, 1).astype(np.float64)
    return moved.reshape(-1, *moved.shape[2:])
