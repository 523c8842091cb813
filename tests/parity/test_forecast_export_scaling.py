"""Forecast files against torch: every scaling, transform, head and baseline; sizes that are alike."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools_forecast.graph import build
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import verify

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))

WAYS = [
    ("none", "zero", "none"),
    ("none", "mean", "std"),
    ("none", "season", "difference"),
    ("none", "median", "robust"),
    ("log", "seasons", "difference"),
    ("log", "mean", "std"),
    ("log", "last", "step"),
    ("asinh", "last", "mean_abs"),
    ("asinh", "median", "robust"),
]


@pytest.mark.parametrize("transform, location, scale", WAYS, ids=map("-".join, WAYS))
def test_every_scaling(transform: str, location: str, scale: str) -> None:
    config = {"transform": transform, "location": location, "scale": scale, "normalise": transform == "log"}
    parts = tiny.parts(config)
    parity = verify(Runner(build(parts, card={}).SerializeToString()), parts)
    assert parity.worst <= 1e-5, parity.largest


@pytest.mark.parametrize(
    "head, residual",
    [("normal", "none"), ("student", "level"), ("quantile", "both"), ("student", "seasonal")],
)
def test_every_head_and_baseline(head: str, residual: str) -> None:
    parts = tiny.parts({"head": head, "residual": residual})
    parity = verify(Runner(build(parts, card={}).SerializeToString()), parts)
    assert parity.worst <= 1e-5, parity.largest


@pytest.mark.parametrize("levels", [(0.5,), (0.5, 0.9), (0.1, 0.5)])
def test_levels_on_one_side_or_none(levels: tuple[float, ...]) -> None:
    parts = tiny.parts({}, tiny.shape(levels=levels))
    runner = Runner(build(parts, card={}).SerializeToString())
    assert verify(runner, parts).worst <= 1e-5
    (told,) = runner(["levels"], {"history": np.ones((1, 3), np.float32)})
    assert told.tolist() == np.array(levels, np.float32).tolist()


@cache
def _standard() -> Runner:
    shape = tiny.shape()
    return Runner(build(tiny.parts({}, shape, tiny.calibration(shape)), card={}).SerializeToString())


@settings(derandomize=True, deadline=None, max_examples=40)
@given(size=st.integers(-12, 12), time=st.integers(1, 60), missing=st.floats(0, 0.9), seed=st.integers(0, 99))
def test_a_series_in_other_units_has_the_same_forecast(
    size: int, time: int, missing: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    history = (rng.normal(5, 1, (1, time))).astype(np.float32)
    history[rng.random(history.shape) < missing] = np.nan
    history[:, -1] = 4.0
    # A power of two changes no digit.
    unit = np.float32(2.0 ** round(size * 3.32))
    (here,) = _standard()(["quantiles"], {"history": history})
    (there,) = _standard()(["quantiles"], {"history": history * unit})
    np.testing.assert_allclose(there / unit, here, rtol=1e-5, atol=1e-5)
