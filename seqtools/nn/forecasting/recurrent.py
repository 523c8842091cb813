"""A step of the window at a time, then the whole horizon from the last state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.dropout import Dropout
from seqtools.nn.forecasting.core import Core, Inputs, Widths, dilations, position_vectors
from seqtools.nn.forecasting.dilated import read_dilated
from seqtools.nn.stack import RecurrentStack

if TYPE_CHECKING:
    from jaxtyping import Float


class RecurrentCore(Core):
    """Layers over the window's steps; the top one's last output is read out.

    Where nothing is known of the steps ahead, it is the only output and stands for the whole horizon;
    else each step ahead has an output `relu(state + position + what is known)`.

    Attributes:
        dilations: how many steps back each layer's state lies.
        stack: reads channels, calendar and what holds for the whole series, side by side.
        state, ahead: of the last output, and of covariates and calendar of a step ahead; None for none.
        positions: `[horizon, width]`, one vector for each step ahead; None for none.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> None:
        super().__init__(config, shape, widths)
        self.dilations = dilations(config)
        self.stack = RecurrentStack(config, widths.values + widths.phases + widths.static)
        self.drop = Dropout(config.dropout_input, locked=config.locked)
        known = widths.known + widths.phases
        self.block = 1 if known else shape.horizon
        self.width = config.width if known else self.stack.width
        self.state = nn.Linear(self.stack.width, config.width) if known else None
        self.ahead = nn.Linear(known, config.width, bias=False) if known else None
        self.positions = position_vectors(shape.horizon, config.width) if known else None

    def forward(self, inputs: Inputs) -> Float[Tensor, "rows blocks width"]:
        """See the base."""
        last = read_dilated(self.stack, self.drop(self.steps(inputs)), self.dilations)[-1]
        if self.state is None or self.ahead is None or self.positions is None:
            return last[:, None]
        known = torch.cat([inputs.known, inputs.phases[:, self.shape.context :]], dim=-1)
        return torch.relu(self.state(last)[:, None] + self.positions + self.ahead(known))

    def steps(self, inputs: Inputs) -> Float[Tensor, "steps rows input"]:
        """What the stack reads."""
        return side_by_side(inputs, self.shape.context)


def side_by_side(inputs: Inputs, context: int) -> Float[Tensor, "context rows input"]:
    """All that is known of each step of the window, time first."""
    static = inputs.static[:, None].expand(-1, context, -1)
    return torch.cat([inputs.values, inputs.phases[:, :context], static], dim=-1).transpose(0, 1).contiguous()
