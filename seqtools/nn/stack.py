"""Layers upon layers, in one direction or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.nn.cell import State
from seqtools.nn.dropout import Dropout
from seqtools.nn.layer import RecurrentLayer
from seqtools.recipe import StackConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int

StackState = tuple[State, ...]
"""One state per layer; in a bidirectional stack forward and backward layers alternate."""

NORMS = ("none", "between", "cell")


class RecurrentStack(nn.Module):
    """`config.layers` layers with dropout (and layer norm, if `between`) after each but the last.

    Args:
        config: widths, cell, norm and dropout.
        input_width: values of a step's input.
        one_hot: the input is one-hot.
        bidirectional: run a second layer backwards beside each and join their outputs (Schuster & Paliwal
            1997); outputs are then twice as wide.
    """

    def __init__(
        self, config: StackConfig, input_width: int, *, one_hot: bool = False, bidirectional: bool = False
    ) -> None:
        super().__init__()
        if config.layer_norm not in NORMS:
            raise ConfigError(
                "network.layer_norm", f"'{config.layer_norm}' is not known", f"Use {', '.join(NORMS)}"
            )
        if config.layers < 1 or config.width < 1:
            raise ConfigError("network", "layers and width must be at least 1", "Raise them")
        self.directions = 2 if bidirectional else 1
        widths = [config.width] * (config.layers - 1) + [config.last_width or config.width]
        self.width = widths[-1] * self.directions
        layers, inputs = [], input_width
        for depth, width in enumerate(widths):
            for _ in range(self.directions):
                layers.append(_layer(config, inputs, width, one_hot=one_hot and depth == 0))
            inputs = width * self.directions
        self.layers = nn.ModuleList(layers)
        normed = config.layer_norm == "between"
        self.between = nn.ModuleList(
            nn.LayerNorm(width * self.directions) if normed else nn.Identity() for width in widths
        )
        self.dropout = Dropout(config.dropout_hidden, locked=config.locked)

    def start(self, batch: int) -> StackState:
        """The state before anything was read."""
        return tuple(layer.start(batch) for layer in self._recurrent())

    def forward(
        self,
        x: Float[Tensor, "time batch input"],
        state: StackState,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "time batch width"], StackState]:
        """Outputs of the top layer and every layer's last state.

        Args:
            x: the bottom layer's input.
            state: from `start` or an earlier call.
            lengths: how many steps of each row count, None for all. States are then those at each row's own
                end, where backward layers begin; outputs past it mean nothing.
        """
        new: list[State] = []
        layers = list(self._recurrent())
        for depth, norm in enumerate(self.between):
            first = depth * self.directions
            y, last = layers[first](x, state[first], lengths)
            new.append(last)
            if self.directions == 2:
                back, last = layers[first + 1](reverse(x, lengths), state[first + 1], lengths)
                new.append(last)
                y = torch.cat([y, reverse(back, lengths)], dim=-1)
            x = norm(y)
            if depth < len(self.between) - 1:
                x = self.dropout(x)
        return x, tuple(new)

    def read(
        self, x: Float[Tensor, "time batch input"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "time batch width"]:
        """Outputs of the top layer for whole texts, without states; past `lengths` they mean nothing.

        Padding stands last in both directions, where no counted output sees it, so kernels run over it:
        quicker than to pack and unpack where rows are of like length.
        """
        layers = list(self._recurrent())
        for depth, norm in enumerate(self.between):
            first = depth * self.directions
            y, _ = layers[first](x, layers[first].start(x.shape[1]))
            if self.directions == 2:
                back, _ = layers[first + 1](reverse(x, lengths), layers[first + 1].start(x.shape[1]))
                y = torch.cat([y, reverse(back, lengths)], dim=-1)
            x = norm(y)
            if depth < len(self.between) - 1:
                x = self.dropout(x)
        return x

    def top(self, state: StackState) -> Float[Tensor, "batch width"]:
        """The last output, as a function of the state alone (one direction)."""
        output: Tensor = self.between[-1](state[-1][0])
        return output

    def _recurrent(self) -> Sequence[RecurrentLayer]:
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]


def reverse(
    x: Float[Tensor, "time batch width"], lengths: Int[Tensor, " batch"] | None = None
) -> Float[Tensor, "time batch width"]:
    """Turn the time axis round, within each row's length where lengths are given; padding stays in place."""
    if lengths is None:
        return x.flip(0)
    time = torch.arange(x.shape[0], device=x.device)[:, None]
    index = torch.where(time < lengths, lengths - 1 - time, time)
    return x.gather(0, index[:, :, None].expand_as(x))


def _layer(config: StackConfig, inputs: int, width: int, *, one_hot: bool) -> RecurrentLayer:
    return RecurrentLayer(
        config.cell,
        inputs,
        width,
        norm_cell=config.layer_norm == "cell",
        learned_state=config.learned_state,
        forget_bias=config.forget_bias,
        scheme=config.init,
        dropout_weight=config.dropout_weight,
        one_hot=one_hot,
    )
