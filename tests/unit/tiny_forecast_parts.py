"""Forecasters with random weights, and what a file is made of, for tests of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble, build
from seqtools_forecast.about import About
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.export import write as write_file
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.parts import Parts
from seqtools_forecast.restlessness import Restlessness

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
SHAPE: dict[str, Any] = {"horizon": 6, "context": 30, "seasons": (4, 12), "levels": LEVELS}
CONFIG: dict[str, Any] = {"kind": "segment", "width": 8, "segment": 4, "embedding": 3}
COLOURS, SITES = ("blue", "red"), ("east", "west", "ä")


def shape(**changes: Any) -> ForecastShape:
    """A small one."""
    return ForecastShape(**SHAPE | changes)


def network(config: dict[str, Any] | None = None, like: ForecastShape | None = None) -> Ensemble:
    """A network whose weights, zeros too, are moved at random: nothing is left out of a forecast."""
    like = like or shape()
    torch.manual_seed(3)
    made = build(ForecasterConfig(**CONFIG | (config or {})), like)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for member in made.forecasters():
            columns = {
                name: (torch.randn(count), torch.rand(count) + 0.5)
                for name in ("past", "future", "numbers")
                if (count := getattr(like, name))
            }
            member.settle(standard=torch.rand(like.targets) + 0.5, **columns)
    return made.eval()


def calibration(
    like: ForecastShape, expert: str = "", weight: float = 1.0, exponent: float = 0.0
) -> Calibration:
    """Offsets of quantiles at random, which make some cross."""
    rng = np.random.default_rng(2)
    size = like.horizon, like.targets, len(like.levels)
    offsets, around, middle = (rng.normal(0, 0.3, size).astype(np.float32) for _ in range(3))
    coverage = {"80": 0.81, "95": 0.94}
    usual = rng.uniform(0.5, 2.0, like.targets).astype(np.float32)
    restlessness = Restlessness(exponent, usual, like.levels.index(0.5))
    return Calibration(offsets, restlessness, expert, around, middle[..., 0], weight, coverage)


def parts(
    config: dict[str, Any] | None = None,
    like: ForecastShape | None = None,
    fitted: Calibration | None = None,
    **card: Any,
) -> Parts:
    """What a file is made of; `card` replaces entries of the card."""
    like = like or shape()
    about = About(
        shape=like,
        frequency=Frequency.parse("h"),
        targets=tuple(f"y{number}" for number in range(like.targets)),
        past=tuple(f"p{number}" for number in range(like.past)),
        future=tuple(f"f{number}" for number in range(like.future)),
        numbers=tuple(f"n{number}" for number in range(like.numbers)),
        categories={"colour": COLOURS, "site": SITES} if like.categories else {},
        kind=(CONFIG | (config or {}))["kind"],
    )
    told = {"what": "a tiny forecaster", "profile": "portable", "form": "array", "licence": "none"}
    return Parts(network(config, like), about, fitted or Calibration.none(like), told | card)


def write(path: Path, config: dict[str, Any] | None = None, **others: Any) -> Path:
    """Export a forecaster to `path`."""
    write_file(parts(config, **others), path, report=lambda line: None)
    return path
