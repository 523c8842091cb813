"""Series that stand still, and those below zero: what a file that sees logarithms makes of them."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import seqtools
from seqtools.errors import DataError
from seqtools_forecast.graph import build
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import verify

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))


NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]] = {
    "offsets of restless windows": ({}, {}, ("", 1.0, 0.5)),
    "a simple method beside it": ({"scale": "mean_abs", "location": "zero"}, {}, ("seasonal naive 4", 0.6)),
    "simple methods alone": ({"scale": "robust", "location": "median"}, {}, ("seasonal naive 4", 0.0)),
    "logarithms": ({"transform": "log", "location": "seasons", "scale": "difference"}, {}, ()),
    "asinh of several networks": ({"transform": "asinh", "location": "mean", "members": 2}, {}, ()),
    "units of the training data": ({"scale": "none", "location": "season", "affine": True}, {}, ()),
    "two targets": ({"scale": "step", "mixing": True}, {"targets": 2}, ("", 1.0, 0.5)),
    "recurrent": ({"kind": "recurrent", "normalise": True}, {}, ()),
    "seq2seq": ({"kind": "seq2seq"}, {"non_negative": True}, ()),
    "smoothing": ({"kind": "smoothing", "transform": "log"}, {}, ()),
}
"""A network, its shape, its calibration."""


@pytest.mark.parametrize("name", NETWORKS)
def test_what_never_moved_is_followed_by_exactly_itself(name: str) -> None:
    config, like, fitted = NETWORKS[name]
    shape = tiny.shape(**like)
    parts = tiny.parts(config, shape, tiny.calibration(shape, *fitted))
    run = Runner(build(parts, card={}).SerializeToString())
    assert verify(run, parts).worst <= 1e-5
    for level, steps in itertools.product((0.0, 5.0, 0.1, 1e-6, 3e9), (2, 17, 30, 70)):
        values = np.full((3, steps, shape.targets), level, np.float32)
        values[1, : steps - 2] = np.nan  # begins late
        values[2, -1, -1] = 1.5 * level + 1  # moves, one target of two
        quantiles, mean = run(
            ["quantiles", "mean"], {"history": values if shape.targets > 1 else values[..., 0]}
        )
        assert (quantiles[:2] == np.float32(level)).all() and (mean[:2] == np.float32(level)).all()
        if shape.targets > 1:
            assert (mean[2, :, 0] == np.float32(level)).all()
        told = quantiles[2, :, -1] if shape.targets > 1 else quantiles[2]
        assert (told != np.float32(level)).any()


def test_one_value_has_not_stood_still() -> None:
    parts = tiny.parts()
    run = Runner(build(parts, card={}).SerializeToString())
    for values in ([5.0], [np.nan] * 40 + [5.0], [5.0] + [np.nan] * 20):
        (told,) = run(["quantiles"], {"history": np.array([values], np.float32)})
        assert (told[0, :, -1] > told[0, :, 0]).all()


def test_paths_keep_the_distribution_that_was_learned() -> None:
    parts = tiny.parts({"kind": "deepar", "head": "negbin", "location": "zero", "scale": "mean_abs"})
    run, noise = Runner(build(parts, card={}).SerializeToString()), np.random.default_rng(1)
    feeds = {
        "history": np.zeros((1, 30), np.float32),
        "noise": noise.uniform(0.01, 0.99, (1, 200, 6, 2)).astype(np.float32),
    }
    samples, mean = run(["samples", "mean"], feeds)
    assert samples.max() > 0, "a month without a sale is not the end of sales"
    np.testing.assert_allclose(mean[0], samples[0].mean(axis=0), rtol=1e-4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("flat") / "log.onnx"
    network = {"transform": "log", "location": "seasons", "scale": "difference"}
    return seqtools.load(tiny.write(path, network, network=network))


def test_zeros_are_followed_by_zeros(model: Any) -> None:
    for steps in (1, 5, 30, 70):
        told = model.predict(np.zeros(steps))
        assert np.abs(told.quantiles).max() < 1e-4 and np.abs(told.mean).max() < 1e-4
        assert steps == 1 or not (told.quantiles.any() or told.mean.any())


@pytest.mark.parametrize("level", [1e-6, 7.0, 3e9])
def test_a_constant_is_followed_by_itself_and_one_value_by_about_that(model: Any, level: float) -> None:
    for steps in (1, 5, 30, 70):
        told = model.predict(np.full(steps, level))
        np.testing.assert_allclose(told.quantiles, level, rtol=0.05 if steps == 1 else 1e-7)
        np.testing.assert_allclose(told.mean, level, rtol=0.05 if steps == 1 else 1e-7)


def test_values_below_zero_are_refused_where_they_are_read(model: Any) -> None:
    values = np.linspace(5, 9, 70)
    values[10] = -1
    assert np.isfinite(model.predict(values).mean).all()  # the window begins behind it
    values[-3] = -1
    with pytest.raises(DataError, match="series '1': a value in the 30 steps before") as raised:
        model.predict([np.ones(40), values])
    assert "--transform asinh or none" in raised.value.cure
