"""What stands beside a history: covariates, static numbers and categories, a target's name, the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting import calendar, filling
from seqtools.nn.forecasting.window import Window

if TYPE_CHECKING:
    from jaxtyping import Float


class Standard(nn.Module):
    """Columns less their mean over their spread, both settled by the training data; missing ones are zero.

    Attributes:
        shift, spread: `[columns]`, saved with the weights.
    """

    shift: Tensor
    spread: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(columns))
        self.register_buffer("spread", torch.ones(columns))

    @torch.no_grad()
    def settle(self, shift: Tensor, spread: Tensor) -> None:
        """Take means and spreads of the training data; a column without spread is only moved."""
        self.shift.copy_(shift)
        self.spread.copy_(torch.where(spread > 0, spread, 1.0))

    def forward(self, values: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows columns"]:
        """Raw columns to standard ones."""
        return ((values - self.shift) / self.spread).masked_fill(~filling.observed(values), 0.0)


class Covariates(nn.Module):
    """Everything beside the history, for each target of each series.

    Args:
        config: embedding width, calendar.
        shape: how many there are of each.

    Attributes:
        steps, known, static: values of a step of the window, of a step to forecast, of a whole series.
        names: vectors of targets, or None where there is one.
        tables: vectors of each static category; those of unknown values (id 0) are zeros.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        super().__init__()
        self.shape = shape
        self.past, self.future = Standard(shape.past), Standard(shape.future)
        self.numbers = Standard(shape.numbers)
        self.names: nn.Embedding | None = None
        if shape.targets > 1:
            self.names = nn.Embedding(shape.targets, config.embedding)
            nn.init.normal_(self.names.weight, std=0.3)
        self.tables = nn.ModuleList(_table(size, config.embedding) for size in shape.categories)
        self.phases = 2 * len(shape.periods) if config.calendar else 0
        self.steps, self.known = shape.past + shape.future, shape.future
        vectors = len(shape.categories) + (self.names is not None)
        self.static = shape.numbers + vectors * config.embedding

    def over_time(
        self, window: Window
    ) -> tuple[Float[Tensor, "rows context steps"], Float[Tensor, "rows horizon known"]]:
        """Covariates of the window's steps and of those to forecast."""
        context, targets = self.shape.context, self.shape.targets
        future = self.future(window.future)
        if not self.shape.future:
            future = window.history.new_zeros(len(window.history), context + self.shape.horizon, 0)
        before = torch.cat([self.past(window.past), future[:, :context]], dim=-1)
        return before.repeat_interleave(targets, dim=0), future[:, context:].repeat_interleave(targets, dim=0)

    def calendar(self, window: Window) -> Float[Tensor, "rows context_and_horizon phases"]:
        """Where in its periods each step lies."""
        steps = calendar.steps_about(window.position, self.shape.context, self.shape.horizon)
        places = calendar.phases(steps, self.shape.periods if self.phases else ())
        return places.to(window.history.dtype).repeat_interleave(self.shape.targets, dim=0)

    def of_series(self, window: Window) -> Float[Tensor, "rows static"]:
        """Static numbers and the vectors of categories and of the target's name."""
        columns = enumerate(self.tables)
        parts = [self.numbers(window.numbers), *(table(window.categories[:, i]) for i, table in columns)]
        rows = torch.cat(parts, dim=1).repeat_interleave(self.shape.targets, dim=0)
        if self.names is None:
            return rows
        names = self.names.weight.repeat(len(window.history), 1)
        return torch.cat([rows, names.to(rows.dtype)], dim=1)


def _table(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width, padding_idx=0)
    with torch.no_grad():
        table.weight.mul_(0.3)
    return table
