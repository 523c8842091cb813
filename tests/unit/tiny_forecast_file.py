"""A forecast file made by hand: what was `season` steps before comes again, with an offset for each level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument
from spox import build as build_model

from seqtools.export.file import describe, save
from seqtools.forecaster import ForecastShape
from seqtools_forecast.about import KEY, About
from seqtools_forecast.frequency import Frequency

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
OFFSETS = np.array([-2, -1, 0, 1, 2], np.float32)
HORIZON, CONTEXT, SEASON = 3, 8, 4


def write(
    path: Path, *, frequency: str = "D", targets: int = 1, season: int = SEASON, dated: bool = False,
    past: bool = False, future: bool = False, draws: bool = False, transform: str = "none",
    until: int | None = None,
) -> Path:  # fmt: skip
    """Write it; the mean is 0.5 above the median.

    Args:
        dated: it has the input `position` (and forecasts the same whatever that is).
        past, future: it has a covariate of that kind, `p` or `f`; the one known ahead is added.
        draws: it has `noise` and `samples`, the last value and noise, as many steps as there is noise for.
        transform: what its card says of it.
        until: what it says of the end of its training.
    """
    several = ("targets",) if targets > 1 else ()
    given = {"history": argument(Tensor(np.float32, ("batch", "time", *several)))}
    if dated:
        given["position"] = argument(Tensor(np.int64, ("batch",)))
    if past:
        given["past"] = argument(Tensor(np.float32, ("batch", "time", 1)))
    if draws:
        given["noise"] = argument(Tensor(np.float32, ("batch", "samples", "steps", 2 * targets)))
    start, end = op.const(np.array([-season])), op.const(np.array([HORIZON - season or 1 << 40]))
    middle = op.slice(given["history"], start, end, op.const(np.array([1])))
    if future:
        given["future"] = argument(Tensor(np.float32, ("batch", "whole", 1)))
        ahead = op.slice(
            given["future"], op.const(np.array([-HORIZON])), op.const(np.array([1 << 40])),
            op.const(np.array([1])),
        )  # fmt: skip
        middle = op.add(middle, op.squeeze(ahead, op.const(np.array([2]))))
    made = {}
    if draws:
        last = op.gather(given["history"], op.const(np.array([-1])), axis=1)
        moved = op.slice(
            given["noise"], op.const(np.array([0])), op.const(np.array([targets])), op.const(np.array([3]))
        )
        paths = op.add(op.reshape(last, op.const(np.array([-1, 1, 1, targets]))), moved)
        made["samples"] = paths if several else op.squeeze(paths, op.const(np.array([3])))
        middle = op.reduce_mean(made["samples"], op.const(np.array([1])), keepdims=0)
    made["quantiles"] = op.add(op.unsqueeze(middle, op.const(np.array([-1]))), op.const(OFFSETS))
    made["mean"] = op.add(middle, op.const(np.float32(0.5)))
    built = build_model(given, made)
    seasons = (season,) if season > 1 else ()
    shape = ForecastShape(
        horizon=HORIZON, context=CONTEXT, seasons=seasons, levels=LEVELS, targets=targets,
        past=int(past), future=int(future),
    )  # fmt: skip
    about = About(
        shape, Frequency.parse(frequency), ("y",) if targets == 1 else tuple("abcdef"[:targets]),
        past=("p",) * past, future=("f",) * future, kind="deepar" if draws else "recurrent",
        until=until,
    )  # fmt: skip
    card = {"what": "a test model", "network": {"transform": transform}}
    told: dict[str, Any] = {"task": "forecast", "profile": "portable", "form": "array", "io": {}}
    describe(built, {**told, "card": card, "parity": {}})
    built.metadata_props.add(key=KEY, value=json.dumps(about.payload()))
    save(built, path)
    return path
