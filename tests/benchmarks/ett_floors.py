"""Repeat, NLinear and DLinear (Zeng et al. 2023) on an ETT table, trained as their authors do.

Adam, halved after each epoch, batches of 32 windows of all channels, squared error, at most ten epochs; the
epoch that validation windows like best counts. Channels share the weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

MONTH = 30 * 24
PARTS = {"train": (0, 12 * MONTH), "valid": (12 * MONTH, 16 * MONTH), "test": (16 * MONTH, 20 * MONTH)}
"""Rows of each part; windows may look back into the part before."""
BATCH, EPOCHS, PATIENCE = 32, 10, 3


class Score(NamedTuple):
    """Errors in units of the training part's deviation, and CPU seconds of the fit."""

    mse: float
    mae: float
    seconds: float


class Repeat(nn.Module):
    """The last value."""

    def __init__(self, context: int, horizon: int) -> None:
        super().__init__()
        self.horizon = horizon

    def forward(self, past: Tensor) -> Tensor:
        """`past [rows, context]` to `[rows, horizon]`, as in all of these."""
        return past[:, -1:].expand(-1, self.horizon)


class NLinear(nn.Module):
    """A linear map of the window less its last value."""

    def __init__(self, context: int, horizon: int) -> None:
        super().__init__()
        self.linear = nn.Linear(context, horizon)

    def forward(self, past: Tensor) -> Tensor:
        """See `Repeat`."""
        last = past[:, -1:]
        told: Tensor = self.linear(past - last) + last
        return told


class DLinear(nn.Module):
    """Two linear maps, of the moving average over 25 hours and of what is left."""

    def __init__(self, context: int, horizon: int) -> None:
        super().__init__()
        self.season, self.trend = nn.Linear(context, horizon), nn.Linear(context, horizon)

    def forward(self, past: Tensor) -> Tensor:
        """See `Repeat`."""
        padded = nn.functional.pad(past[:, None], (12, 12), mode="replicate")
        trend = nn.functional.avg_pool1d(padded, 25, 1)[:, 0]
        told: Tensor = self.season(past - trend) + self.trend(trend)
        return told


FLOORS: dict[str, Callable[[int, int], nn.Module]] = {
    "Repeat": Repeat,
    "NLinear": NLinear,
    "DLinear": DLinear,
}


def windows(series: Tensor, part: str, context: int, horizon: int) -> Tensor:
    """All windows of a part, `[channels, windows, context + horizon]`, of `series [channels, hours]`."""
    begin, end = PARTS[part]
    return series[:, max(0, begin - context) : end].unfold(1, context + horizon, 1)


@torch.no_grad()
def errors(net: nn.Module, view: Tensor, context: int) -> tuple[float, float]:
    """Squared and absolute error over windows, horizon and channels."""
    squared = absolute = 0.0
    for few in view.split(128, dim=1):
        rows = few.reshape(-1, few.shape[2])
        apart = (net(rows[:, :context]) - rows[:, context:]).double()
        squared += float(apart.square().sum())
        absolute += float(apart.abs().sum())
    count = view.shape[0] * view.shape[1] * (view.shape[2] - context)
    return squared / count, absolute / count


def floor(name: str, series: Tensor, part: str, context: int, horizon: int, rate: float) -> Score:
    """Fit one of them and score it on a part."""
    torch.manual_seed(2021)
    start = time.process_time()
    net = FLOORS[name](context, horizon)
    if list(net.parameters()):
        _fit(net, series, context, horizon, rate)
    seconds = time.process_time() - start
    return Score(*errors(net, windows(series, part, context, horizon), context), seconds)


def _fit(net: nn.Module, series: Tensor, context: int, horizon: int, rate: float) -> None:
    view, valid = (windows(series, part, context, horizon) for part in ("train", "valid"))
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(2021)
    best, kept, waited = float("inf"), net.state_dict(), 0
    for epoch in range(EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = rate * 0.5**epoch
        for rows in _batches(view, generator):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(rows[:, :context]), rows[:, context:]).backward()
            optimizer.step()
        score = errors(net, valid, context)[0]
        waited += 1
        if score < best:
            best, kept, waited = score, {name: part.clone() for name, part in net.state_dict().items()}, 0
        if waited == PATIENCE:
            break
    net.load_state_dict(kept)


def _batches(view: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    for few in torch.randperm(view.shape[1], generator=generator).split(BATCH):
        yield view[:, few].reshape(-1, view.shape[2])
