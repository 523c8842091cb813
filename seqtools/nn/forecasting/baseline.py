"""What a network's forecast is the difference from: a learned mix of simple forecasts of the same window.

The weights are a softmax of one learned number per step ahead and simple forecast, and of what the network
makes of the window. Weights of values that were not observed nearly vanish, and the rest make up for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.scaling import main_season

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

COPIES = 16
"""At most so many past seasons are mixed."""
CHANGES = 4
"""At most so many past seasons' changes are added to the last value."""
UNSEEN = 1e-4
"""What a weight is multiplied by where the value was not observed."""


class Baseline(nn.Module):
    """Past seasons at the same phase; with `level`, recent means and past seasons' changes, too.

    Args:
        config: `residual` is seasonal, level or both.
        shape: seasons, context, horizon.
        width: values of what the network hands to `gate`.

    Attributes:
        copies: `[horizon, seasons back]`, place in the window of the same phase; buffer, empty for none.
        changes: how many of `copies` stand for a change, too.
        spans: numbers of last steps whose mean is a forecast; 1 is the last value.
        bias: `[horizon, experts]`, in the order spans, changes, copies.
        gate: what the network adds to `bias`, `[experts]` for each of its outputs.
    """

    copies: Tensor
    anchors: Tensor

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, width: int) -> None:
        super().__init__()
        season = main_season(shape)
        back = min(shape.context // season, COPIES) if season else 0
        level = config.residual in ("level", "both") or not back
        self.changes = min(back, CHANGES) if level and config.residual != "seasonal" else 0
        self.spans = _spans(season, shape.context) if config.residual in ("level", "both") else (1,)
        self.spans = self.spans if level else ()
        self.repeats = config.residual != "level"
        ahead, ago = torch.arange(shape.horizon)[:, None], torch.arange(1, back + 1)
        copies = shape.context - ago * season + ahead % max(season, 1)
        self.register_buffer("copies", copies, persistent=False)
        self.register_buffer("anchors", (shape.context - ago * season - 1).clamp(min=0), persistent=False)
        self.bias = nn.Parameter(torch.cat([*self._level_start(shape), *self._copy_start(shape)], dim=1))
        self.gate = nn.Linear(width, self.bias.shape[1])
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(
        self,
        values: Float[Tensor, "rows context"],
        seen: Bool[Tensor, "rows context"],
        gates: Float[Tensor, "rows horizon experts"],
    ) -> Float[Tensor, "rows horizon"]:
        """The mix; `gates` are what `gate` makes of the network's outputs, for each step ahead."""
        forecasts, known = self.experts(values, seen)
        weights = (self.bias + gates).softmax(dim=-1) * known.to(values.dtype).clamp(min=UNSEEN)
        return (weights * forecasts).sum(dim=-1) / weights.sum(dim=-1)

    def experts(
        self, values: Float[Tensor, "rows context"], seen: Bool[Tensor, "rows context"]
    ) -> tuple[Float[Tensor, "rows horizon experts"], Bool[Tensor, "rows horizon experts"]]:
        """The simple forecasts, and whether the values behind each were observed."""
        forecasts, known = [], []
        shape = (len(values), len(self.bias), len(self.spans))
        if self.spans:
            means = torch.stack([values[:, -span:].mean(dim=1) for span in self.spans], dim=-1)
            forecasts.append(means[:, None].expand(shape))
            known.append(torch.ones(shape, dtype=torch.bool, device=values.device))
        if self.changes:
            then, anchor = self.copies[:, : self.changes], self.anchors[: self.changes]
            change = values[:, then] - values[:, anchor][:, None]
            forecasts.append(values[:, -1, None, None] + change)
            known.append(seen[:, then] & seen[:, anchor][:, None])
        if self.repeats and self.copies.shape[1]:
            forecasts.append(values[:, self.copies])
            known.append(seen[:, self.copies])
        return torch.cat(forecasts, dim=-1), torch.cat(known, dim=-1)

    def _level_start(self, shape: ForecastShape) -> list[Tensor]:
        start = torch.tensor([{1: 1.0, 2: 0.0}.get(span, -1.0) for span in self.spans])
        return [start.expand(shape.horizon, -1), torch.zeros(shape.horizon, self.changes)]

    def _copy_start(self, shape: ForecastShape) -> list[Tensor]:
        """The last season and the last one at the same phase of the longer season weigh most."""
        if not self.repeats or not self.copies.shape[1]:
            return []
        season, longer = main_season(shape), max(shape.seasons)
        ago = torch.arange(1, self.copies.shape[1] + 1)
        lag = (ago + torch.arange(shape.horizon)[:, None] // season) * season
        again = (lag % longer == 0) if longer > season else torch.zeros_like(lag, dtype=torch.bool)
        first = again & (again.cumsum(dim=1) == 1)
        start = torch.full(lag.shape, -2.0)
        start[again] = 0.0
        start[first] = 1.0
        start[:, 0] = 1.0
        return [start]


def _spans(season: int, context: int) -> tuple[int, ...]:
    spans = {1, 2, 4, season // 4 if season >= 8 else 8}
    return tuple(sorted(span for span in spans if span <= context))
