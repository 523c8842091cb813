"""SegRNN (Lin et al. 2023): segments of the window read as steps, those to come decoded in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.cell import State
from seqtools.nn.dropout import Dropout
from seqtools.nn.forecasting.core import Core, Inputs, Widths, pad_front, position_vectors, small_
from seqtools.nn.forecasting.scaling import main_season
from seqtools.nn.layer import RecurrentLayer
from seqtools.nn.stack import RecurrentStack, StackState

if TYPE_CHECKING:
    from jaxtyping import Float

WHOLE = 48
"""A season of no more steps than this is a segment."""
PART = 24
"""Of a longer one, the largest part of at most this many steps that divides it."""


class SegmentCore(Core):
    """A step reads a segment through `relu(Linear)`; each segment to come is one step from the last state.

    Attributes:
        block: steps of a segment.
        pad: zeros before the window, so that segments fill it.
        read: of a segment's steps side by side.
        describe: of what holds for a whole series, added to each segment before the ReLU; None for none.
        when: of the calendar of a segment's last step, added likewise; None for none.
        stack: reads segments, and decodes.
        positions: `[blocks, width]`, one vector for each segment to come.
        ahead: of a coming segment's covariates, added to its position; None for none.
        about, when_ahead: of what holds for a whole series and of the calendar of a coming segment's first
            step, added likewise; None for none.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> None:
        super().__init__(config, shape, widths)
        self.block = segment_steps(config, shape)
        self.pad = -shape.context % self.block
        self.read = nn.Linear(self.block * widths.values, config.width)
        self.describe = _optional(widths.static, config.width)
        if self.describe is not None:
            small_(self.describe)
        self.when, self.when_ahead = (_optional(widths.phases, config.width) for _ in range(2))
        self.stack = RecurrentStack(config, config.width)
        self.width = self.stack.width
        self.positions = position_vectors(self.blocks, config.width)
        self.ahead = _optional(self.block * widths.known, config.width)
        self.about = _optional(widths.static, config.width)
        self.drop = Dropout(config.dropout_input, locked=config.locked)

    def forward(self, inputs: Inputs) -> Float[Tensor, "rows blocks width"]:
        """See the base."""
        x = self.drop(self.segments(inputs))
        _, state = self.stack(x, self.stack.start(x.shape[1]))
        return self._decode(self.queries(inputs).transpose(0, 1), state).transpose(0, 1)

    def segments(self, inputs: Inputs) -> Float[Tensor, "segments rows width"]:
        """What the stack reads."""
        x: Tensor = self.read(self._side_by_side(pad_front(inputs.values, self.pad)).transpose(0, 1))
        if self.describe is not None:
            x = x + self.describe(inputs.static)
        if self.when is not None:
            ends = inputs.phases[:, self.block - 1 - self.pad : self.shape.context : self.block]
            x = x + self.when(ends.transpose(0, 1))
        return torch.relu(x)

    def queries(self, inputs: Inputs) -> Float[Tensor, "rows blocks width"]:
        """What each coming segment is asked with."""
        x = self.positions.expand(len(inputs.values), -1, -1)
        if self.about is not None:
            x = x + self.about(inputs.static)[:, None]
        if self.when_ahead is not None:
            x = x + self.when_ahead(inputs.phases[:, self.shape.context :: self.block])
        if self.ahead is not None:
            beyond = self.blocks * self.block - self.shape.horizon
            known = nn.functional.pad(inputs.known, (0, 0, 0, beyond))
            x = x + self.ahead(self._side_by_side(known))
        return x

    def _decode(
        self, x: Float[Tensor, "blocks rows width"], state: StackState
    ) -> Float[Tensor, "blocks rows width"]:
        """One step from the same state for each query; what depends on the state alone is computed once."""
        for depth, (layer, norm) in enumerate(zip(self.stack.layers, self.stack.between, strict=True)):
            assert isinstance(layer, RecurrentLayer)
            x = norm(_ask(layer, x, state[depth]))
            if depth < len(state) - 1:
                x = self.stack.dropout(x)
        return x

    def _side_by_side(
        self, steps: Float[Tensor, "rows time channels"]
    ) -> Float[Tensor, "rows segments block_channels"]:
        return steps.reshape(len(steps), -1, self.block * steps.shape[2])


def _ask(
    layer: RecurrentLayer, x: Float[Tensor, "blocks rows input"], state: State
) -> Float[Tensor, "blocks rows width"]:
    step = layer.stepper()
    if layer.kind.kernel:
        return step(x, tuple(part[None] for part in state))[0]
    # A stranger's cell may count on two axes.
    shape = (len(x), len(state[0]))
    flat = x.expand(*shape, x.shape[2]).flatten(0, 1)
    return step(flat, tuple(part.repeat(len(x), 1) for part in state))[0].reshape(*shape, -1)


def segment_steps(config: ForecasterConfig, shape: ForecastShape) -> int:
    """Steps of a segment: as told, else the season or a part of it, else an eighth of the window."""
    season = main_season(shape)
    if config.segment:
        wanted = config.segment
    elif not season:
        wanted = min(16, max(1, shape.context // 8))
    elif season <= WHOLE:
        wanted = season
    else:
        parts = [part for part in range(2, PART + 1) if season % part == 0]
        wanted = max(parts, default=PART)
    return min(wanted, shape.context)


def _optional(inputs: int, width: int) -> nn.Linear | None:
    return nn.Linear(inputs, width, bias=False) if inputs else None
