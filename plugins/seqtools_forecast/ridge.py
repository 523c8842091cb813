"""The linear map of a forecaster in closed form, before training: ridge regression of what follows a window.

The window is scaled as the network scales it, targets are pooled; the intercept is not shrunk. The network
then learns what the map leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from seqtools.nn.forecasting.base import BaseForecaster
from seqtools.nn.forecasting.forecaster import Forecaster
from seqtools.nn.forecasting.window import Window, fitted, to_rows
from seqtools_forecast.predicting import rows_at_once
from seqtools_forecast.splits import Splits, WindowList

if TYPE_CHECKING:
    from jaxtyping import Float

    from seqtools.plugin import IntArray
    from seqtools_forecast.windows import WindowSource

_MOST_WINDOWS = 20_000
"""Windows of all targets that are looked at, evenly chosen."""


@torch.no_grad()
def fit_linear(members: list[BaseForecaster], source: WindowSource, splits: Splits, strength: float) -> bool:
    """Fit the linear maps of members that have one; what they add to it starts at nothing.

    Args:
        members: not trained yet, on the CPU.
        source: where windows lie.
        splits: those for training are used.
        strength: of the penalty, for each window.

    Returns:
        Whether there was anything to fit.
    """
    fit = [member for member in members if isinstance(member, Forecaster) and member.linear is not None]
    if not fit or not strength:
        return False
    found = _solved(fit[0], source, splits, strength)
    if found is None:
        return False
    for member in fit:
        assert member.linear is not None
        _put(member.linear, *found)
        member.output.weight.zero_()
    return True


def _put(linear: nn.Linear | nn.Sequential, weights: Tensor, square: Tensor) -> None:
    """Put a solution into a map; of two thin matrices they are those that tell the training part best."""
    last = linear[-1] if isinstance(linear, nn.Sequential) else linear
    assert isinstance(last, nn.Linear)
    matrix = weights[:-1].T
    if isinstance(linear, nn.Sequential):
        # Reduced-rank regression (Izenman 1975): the main directions of what is told.
        told = matrix @ square[:-1, :-1] @ matrix.T
        main = torch.linalg.eigh(told).eigenvectors[:, -last.in_features :]
        first = linear[0]
        assert isinstance(first, nn.Linear)
        first.weight.copy_(main.T @ matrix)
        matrix = main
    last.weight.copy_(matrix)
    last.bias.copy_(weights[-1])


def _solved(
    member: Forecaster, source: WindowSource, splits: Splits, strength: float
) -> tuple[Float[Tensor, "context_and_one horizon"], Float[Tensor, "context_and_one context_and_one"]] | None:
    """The ridge's weights, the intercept last, and the windows' squares; None where no window is whole."""
    context, shape = source.context, member.shape
    square = torch.zeros(context + 1, context + 1, dtype=torch.float64)
    product = torch.zeros(context + 1, source.horizon, dtype=torch.float64)
    count = 0
    for few in _even(splits, max(1, _MOST_WINDOWS // shape.targets)).batches(rows_at_once(shape)):
        window, raw = source.gather(few, splits.train_end[few.series])
        values, target = _pairs(member, window, raw)
        whole = ~target.isnan().any(dim=1)
        x = torch.cat([values, torch.ones(len(values), 1)], dim=1)[whole].double()
        square += x.T @ x
        product += x.T @ target[whole].double()
        count += int(whole.sum())
    if not count:
        return None
    penalty = torch.full((context + 1,), strength * count, dtype=torch.float64)
    penalty[-1] = 1e-6 * count
    return torch.linalg.solve(square + penalty.diag(), product), square


def _pairs(member: Forecaster, window: Window, raw: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled windows `[rows, context]`, and what the map is to tell `[rows, horizon]`, NaN where missing."""
    scaled = member.scale_window(fitted(window, member.shape))
    target = (member.scaling.forward(to_rows(raw), scaled.unit) - scaled.location) / scaled.scale
    if member.baseline is not None:
        gates = target.new_zeros(len(target), target.shape[1], member.baseline.gate.out_features)
        target = target - member.baseline(scaled.values, scaled.seen, gates)
    return scaled.values, target


def _even(splits: Splits, most: int) -> WindowList:
    """At most so many windows of those for training, evenly chosen."""
    counts = splits.windows()
    ends = np.cumsum(counts)
    total = int(ends[-1])
    drawn: IntArray = np.linspace(0, total - 1, min(most, total)).round().astype(np.int64)
    series = np.searchsorted(ends, drawn, side="right")
    return WindowList(series, splits.origins(series, drawn - (ends[series] - counts[series])))
