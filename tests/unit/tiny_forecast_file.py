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


def write(path: Path, *, frequency: str = "D", targets: int = 1, season: int = SEASON) -> Path:
    """Write it; the mean is 0.5 above the median."""
    several = ("targets",) if targets > 1 else ()
    history = argument(Tensor(np.float32, ("batch", "time", *several)))
    start, end = op.const(np.array([-season])), op.const(np.array([HORIZON - season or 1 << 40]))
    back = op.slice(history, start, end, op.const(np.array([1])))
    offsets = op.const(OFFSETS)
    quantiles = op.add(op.unsqueeze(back, op.const(np.array([-1]))), offsets)
    mean = op.add(back, op.const(np.float32(0.5)))
    built = build_model({"history": history}, {"quantiles": quantiles, "mean": mean})
    seasons = (season,) if season > 1 else ()
    shape = ForecastShape(horizon=HORIZON, context=CONTEXT, seasons=seasons, levels=LEVELS, targets=targets)
    names = ("y",) if targets == 1 else tuple("abcdef"[:targets])
    about = About(shape=shape, frequency=Frequency.parse(frequency), targets=names, kind="recurrent")
    told: dict[str, Any] = {"task": "forecast", "profile": "portable", "form": "array", "io": {}}
    describe(built, {**told, "card": {"what": "a test model"}, "parity": {}})
    built.metadata_props.add(key=KEY, value=json.dumps(about.payload()))
    save(built, path)
    return path
