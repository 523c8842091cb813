"""Tiny forecasters and windows for tests."""

from __future__ import annotations

from typing import Any

import torch

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble, build
from seqtools.nn.forecasting.window import Window, make_window

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
CORES = ("segment", "recurrent", "seq2seq")


def shape(**given: Any) -> ForecastShape:
    """Seven steps ahead of 22, with two seasons."""
    told: dict[str, Any] = {"horizon": 7, "context": 22, "seasons": (4, 8), "levels": LEVELS, **given}
    return ForecastShape(**told)


def network(kind: str, of: ForecastShape | None = None, *, seed: int = 1, **given: Any) -> Ensemble:
    """In eval mode, with weights far enough from where they start that all parts have a say."""
    torch.manual_seed(seed)
    model = build(ForecasterConfig(kind=kind, **{"width": 6, **given}), of or shape())
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "members" in name and parameter.dim() < 3 and not name.endswith(("positions", "freedom")):
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def rich_shape(**given: Any) -> ForecastShape:
    """Everything beside the history that there can be."""
    told = {"past": 1, "future": 2, "numbers": 1, "categories": (3,), "periods": ((24, 1), (1461, 4))}
    return shape(**{**told, **given})


def window(of: ForecastShape, rows: int = 3, *, time: int = 0, seed: int = 2) -> Window:
    """Random, above zero, with everything that a shape asks for."""
    draw = torch.Generator().manual_seed(seed)
    time = time or of.context

    def random(*sizes: int) -> torch.Tensor:
        return torch.rand(*sizes, generator=draw) + 0.5

    history = random(rows, time, of.targets) * 10
    return make_window(
        history,
        position=torch.arange(rows) * 1000 - 3,
        past=random(rows, time, of.past),
        future=random(rows, time + of.horizon if of.future else 0, of.future),
        numbers=random(rows, of.numbers),
        categories=torch.ones(rows, len(of.categories), dtype=torch.int64),
    )


def raw(model: Ensemble, of: Window) -> torch.Tensor:
    """Quantiles in raw units."""
    with torch.no_grad():
        forecast = model(of)
        return model.restore(forecast.quantiles, forecast)
