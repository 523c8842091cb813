"""Forecast files against torch, and torch against float64, over 24 orders of magnitude: 1e-5 of each value.

For every kind of network and every transform, on series as people have them; relative errors as `verify`
defines them.
"""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.nn.forecasting.window import make_window
from seqtools_forecast.graph import build
from seqtools_forecast.made_up import feeds_of
from seqtools_forecast.objectives import pinball
from seqtools_forecast.parts import Parts
from seqtools_forecast.reference import reference
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import relative_error, series_sizes

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))

TRANSFORMS = ("none", "log", "asinh")
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "segment, two networks": (
        {"location": "seasons", "scale": "difference", "normalise": True, "members": 2},
        {},
        "theta 0.3",
    ),
    "segment, two targets": ({"affine": True, "linear": True, "scale": "step"}, {"targets": 2}, ""),
    "segment, units of training": ({"location": "season", "scale": "none", "deep": True}, {}, ""),
    "recurrent": ({"kind": "recurrent", "location": "median", "scale": "robust"}, {}, ""),
    "seq2seq": ({"kind": "seq2seq", "location": "mean", "head": "student"}, {}, "drift"),
    "smoothing": (
        {"kind": "smoothing", "location": "zero", "scale": "mean_abs", "normalise": True},
        {},
        "",
    ),
    "deepar": ({"kind": "deepar", "head": "student", "members": 2}, {}, ""),
}
SERIES = ("season", "growth", "constant", "nearly constant", "walk", "wide", "gaps", "late")


@cache
def made(kind: str, transform: str) -> tuple[Parts, Runner]:
    """A network that was trained a little, and its file."""
    config, like, expert = KINDS[kind]
    shape = tiny.shape(**like)
    parts: Parts = tiny.parts(
        config | {"transform": transform, "width": 6}, shape, tiny.calibration(shape, expert, 0.7)
    )
    taught(parts)
    return parts, Runner(build(parts, card={}).SerializeToString())


def taught(parts: Parts) -> None:
    """A few steps of Adam on seasons with noise."""
    shape, rng = parts.shape, np.random.default_rng(4)
    whole = torch.from_numpy(np.stack([series("season", shape, rng, shape.horizon) for _ in range(16)]))
    window = make_window(whole[:, : shape.context].float())
    target = whole[:, shape.context :].float()
    optimiser = torch.optim.Adam(parts.network.parameters(), 0.01)
    for _ in range(4):
        loss = torch.zeros(())
        for member in parts.network.forecasters():
            if parts.draws:
                losses, _seen = member.loss(window, target)  # type: ignore[operator]
                loss = loss + losses.mean()
                continue
            forecast = member(window)
            scaled = member.scaled(target, forecast)
            loss = loss + pinball(scaled, forecast.quantiles, shape.levels).mean()
            loss = loss + (forecast.mean - scaled).abs().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def series(what: str, shape: Any, rng: np.random.Generator, ahead: int = 0) -> np.ndarray[Any, Any]:
    """About 1 in size and above zero, `[context + ahead, targets]`."""
    size = shape.context + ahead, shape.targets
    steps, noise = np.arange(size[0])[:, None], rng.normal(size=size)
    wave = np.sin(2 * np.pi * (steps / shape.seasons[-1] + rng.random(shape.targets)))
    values: np.ndarray[Any, Any] = {
        "season": 1 + 0.3 * wave + 0.05 * noise,
        "growth": np.exp(0.3 * wave + 0.05 * noise + rng.normal(0, 1) * steps / size[0]),
        "constant": np.ones(size) * rng.uniform(0.3, 3),
        "nearly constant": 1 + 1e-4 * wave + 1e-5 * noise,
        "walk": np.exp(np.cumsum(0.1 * noise, axis=0)),
        "wide": np.exp(2 * wave + 0.3 * noise),
    }.get(what, 1 + 0.3 * wave + 0.05 * noise)
    if what == "gaps":
        values[rng.random(size) < 0.3] = np.nan
    if what == "late":
        values[: size[0] // 2] = np.nan
    return values


def signed(parts: Parts, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Below zero as well, where a network bears it: every other series about its mean."""
    if parts.config.transform == "log":
        return values
    about = values - np.nanmean(values, axis=1, keepdims=True)
    return np.where(np.arange(len(values))[:, None, None] % 2 == 1, about, values)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, deadline=None, max_examples=5)
@given(power=st.floats(-12, 12), seed=st.integers(0, 10_000), some=st.booleans())
def test_files_are_exact_at_every_size(
    kind: str, transform: str, power: float, seed: int, some: bool
) -> None:
    parts, runner = made(kind, transform)
    rng = np.random.default_rng(seed)
    values = np.stack([series(what, parts.shape, rng) for what in SERIES])
    values = signed(parts, values) if some else values
    feeds = feeds_of(parts, (values * 10.0**power).astype(np.float32), rng)
    found, wanted = runner(["quantiles", "mean"], feeds), reference(parts, feeds)
    precise, sizes = reference(parts, feeds, precise=True), series_sizes(parts, feeds)
    for told, torchs, exact in zip(found, wanted, precise, strict=True):
        assert np.isfinite(told).all()
        assert relative_error(told, torchs, sizes) <= 1e-5
        assert relative_error(torchs, exact, sizes) <= 1e-5


def test_an_error_is_relative_to_a_value_or_to_its_series() -> None:
    parts: Parts = tiny.parts({}, tiny.shape(targets=2))
    history = np.zeros((2, 40, 2), np.float32)
    history[:, :5], history[0, 20], history[1, 30, 0] = 1e9, (-4, 2), np.inf
    sizes = series_sizes(parts, {"history": history})
    assert sizes.tolist() == [[4, 2], [1, 1]]  # of the window alone, which holds 30 steps
    wanted = np.zeros((2, 6, 2, 5))
    wanted[0, 3, 1, 2] = 100
    assert relative_error(wanted + 1e-5, wanted, sizes) == pytest.approx(1e-5)
    assert relative_error(wanted[:1] + 1e-5, wanted[:1], sizes[:1]) == pytest.approx(0.5e-5)
    alone = np.where(wanted == 100, 100.1, 0)
    assert relative_error(alone, wanted, sizes) == pytest.approx(1e-3)
    trained: Parts = tiny.parts({"scale": "none"})
    standard = trained.network.forecasters()[0].standard.item()
    assert series_sizes(trained, {"history": np.full((1, 9), 1e-9)}).item() == pytest.approx(standard)
