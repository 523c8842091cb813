"""An encoder over the window, a decoder over the horizon, and attention between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.attention import Attention, make_attention
from seqtools.nn.dropout import Dropout
from seqtools.nn.forecasting.core import Core, Inputs, Widths, position_vectors
from seqtools.nn.forecasting.recurrent import side_by_side
from seqtools.nn.stack import RecurrentStack
from seqtools.recipe import Seq2SeqConfig

if TYPE_CHECKING:
    from jaxtyping import Float


class Seq2SeqCore(Core):
    """The decoder begins with the encoder's states and is fed what is known of each step, never a forecast.

    So it runs over the whole horizon at once and its errors do not add up. Each of its outputs looks at
    all of the encoder's; both together are read out as `tanh(W [output; context] + b)`.

    Attributes:
        encoder: reads channels, calendar and what holds for the whole series, side by side.
        decoder: reads a step's position plus `ahead` of its covariates and calendar (None for none), plus
            `about` of what holds for the whole series (None for none).
        attention: between outputs of both.
        readout: makes the outputs.
    """

    block = 1

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> None:
        super().__init__(config, shape, widths)
        self.encoder = RecurrentStack(config, widths.values + widths.phases + widths.static)
        self.decoder = RecurrentStack(config, config.width)
        self.width = self.decoder.width
        known = widths.known + widths.phases
        self.positions = position_vectors(shape.horizon, config.width)
        self.ahead = nn.Linear(known, config.width, bias=False) if known else None
        self.about = nn.Linear(widths.static, config.width, bias=False) if widths.static else None
        looks = Seq2SeqConfig(attention=config.attention, attention_heads=1)
        attention = make_attention(looks, self.width, self.encoder.width, self.encoder.width)
        if not isinstance(attention, Attention):
            raise ConfigError("network.attention", "seq2seq needs one", "Use recurrent, or say which")
        self.attention: Attention = attention
        self.readout = nn.Linear(self.width + self.attention.width, self.width)
        self.drop = Dropout(config.dropout_input, locked=config.locked)

    def forward(self, inputs: Inputs) -> Float[Tensor, "rows blocks width"]:
        """See the base."""
        rows = len(inputs.values)
        encoded, state = self.encoder(
            self.drop(side_by_side(inputs, self.shape.context)), self.encoder.start(rows)
        )
        decoded, _ = self.decoder(self.queries(inputs), state)
        memory, query = encoded.transpose(0, 1), decoded.transpose(0, 1)
        everywhere = memory.new_ones(memory.shape[:2], dtype=torch.bool)
        context, _ = self.attention(
            query, self.attention.keys(memory), self.attention.values(memory), everywhere
        )
        return torch.tanh(self.readout(torch.cat([query, context], dim=-1)))

    def queries(self, inputs: Inputs) -> Float[Tensor, "horizon rows width"]:
        """What the decoder reads."""
        x = self.positions.expand(len(inputs.values), -1, -1)
        if self.ahead is not None:
            known = torch.cat([inputs.known, inputs.phases[:, self.shape.context :]], dim=-1)
            x = x + self.ahead(known)
        if self.about is not None:
            x = x + self.about(inputs.static)[:, None]
        return x.transpose(0, 1).contiguous()
