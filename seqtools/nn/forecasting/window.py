"""What a forecaster reads and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecastShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Window(NamedTuple):
    """History in raw units and all that is known beside it; parts that are not there have width 0."""

    history: Float[Tensor, "batch time targets"]
    """NaN where a value is missing"""
    position: Int[Tensor, " batch"]
    """of the first step to forecast, counted as the calendar does"""
    past: Float[Tensor, "batch time past"]
    """covariates of the same steps"""
    future: Float[Tensor, "batch time_and_horizon future"]
    """covariates known ahead, of the same steps and of those to forecast"""
    numbers: Float[Tensor, "batch numbers"]
    """static numbers"""
    categories: Int[Tensor, "batch categories"]
    """static categories by id, 0 for unknown ones"""


class Forecast(NamedTuple):
    """Quantiles and means in scaled units, and what brings them back to raw ones."""

    quantiles: Float[Tensor, "batch horizon targets levels"]
    mean: Float[Tensor, "batch horizon targets"]
    location: Float[Tensor, "batch 1 targets"]
    """subtracted after the transform; this and the next three in float64"""
    scale: Float[Tensor, "batch 1 targets"]
    """divided by then"""
    unit: Float[Tensor, "batch 1 targets"]
    """divided by before the transform"""
    steady: Float[Tensor, "batch 1 targets"]
    """what is told of a window that never moved, raw; NaN of others"""
    filled: Float[Tensor, "batch context targets"]
    """the scaled window without gaps"""
    parameters: Float[Tensor, "batch horizon targets parameters"]
    """of the head's distribution, in scaled units; no columns where it has none"""


def make_window(history: Tensor, **given: Tensor) -> Window:
    """A window of `history [batch, time, targets]` and those of the other parts that are given."""
    rows, time = history.shape[:2]
    parts = {
        "position": torch.zeros(rows, dtype=torch.int64, device=history.device),
        "past": history.new_zeros(rows, time, 0),
        "future": history.new_zeros(rows, time, 0),
        "numbers": history.new_zeros(rows, 0),
        "categories": torch.zeros(rows, 0, dtype=torch.int64, device=history.device),
    }
    return Window(history=history, **{**parts, **given})


def fitted(window: Window, shape: ForecastShape) -> Window:
    """A window of `shape.context` steps, cut or padded with NaN before the first one."""
    return window._replace(
        history=_last(window.history, shape.context),
        past=_last(window.past, shape.context),
        future=_last(window.future, shape.context + shape.horizon if shape.future else 0),
    )


def _last(values: Tensor, steps: int) -> Tensor:
    missing = steps - values.shape[1]
    if missing > 0:
        return nn.functional.pad(values, (0, 0, missing, 0), value=float("nan"))
    return values[:, values.shape[1] - steps :]


def to_rows(values: Float[Tensor, "batch time targets"]) -> Float[Tensor, "rows time"]:
    """Each target a row of its own, those of a series next to each other."""
    return values.transpose(1, 2).flatten(0, 1)


def from_rows(
    values: Float[Tensor, "rows time *rest"], targets: int
) -> Float[Tensor, "batch time targets *rest"]:
    """The inverse of `to_rows`, whatever comes after the axis of time."""
    return values.reshape(len(values) // targets, targets, *values.shape[1:]).transpose(1, 2)
