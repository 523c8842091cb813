"""Series that stand still, and those below zero: what a file that sees logarithms makes of them."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import seqtools
from seqtools.errors import DataError

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("flat") / "log.onnx"
    network = {"transform": "log", "location": "seasons", "scale": "difference"}
    return seqtools.load(tiny.write(path, network, network=network))


def test_zeros_are_followed_by_zeros(model: Any) -> None:
    for steps in (1, 5, 30, 70):
        told = model.predict(np.zeros(steps))
        assert np.abs(told.quantiles).max() < 1e-4 and np.abs(told.mean).max() < 1e-4


@pytest.mark.parametrize("level", [1e-6, 7.0, 3e9])
def test_a_constant_is_followed_by_about_itself(model: Any, level: float) -> None:
    for steps in (1, 5, 30, 70):
        told = model.predict(np.full(steps, level))
        np.testing.assert_allclose(told.quantiles, level, rtol=0.05)
        np.testing.assert_allclose(told.mean, level, rtol=0.05)


def test_values_below_zero_are_refused_where_they_are_read(model: Any) -> None:
    values = np.linspace(5, 9, 70)
    values[10] = -1
    assert np.isfinite(model.predict(values).mean).all()  # the window begins behind it
    values[-3] = -1
    with pytest.raises(DataError, match="series '1': a value in its last 30 steps is below zero") as raised:
        model.predict([np.ones(40), values])
    assert "--transform asinh or none" in raised.value.cure
