"""The reading side: source tokens to one vector a position, and a summary for the decoder to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.nn.dropout import Dropout
from seqtools.nn.layer import RecurrentLayer
from seqtools.nn.stack import reverse
from seqtools.nn.transformer import TransformerStack
from seqtools.recipe import Seq2SeqConfig

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


class Reading(NamedTuple):
    """What an encoder gives."""

    memory: Float[Tensor, "batch source memory"]
    """a vector for each position, zeros past a row's length"""
    summary: Float[Tensor, "batch summary"]
    """the whole source in one vector"""
    mask: Bool[Tensor, "batch source"]
    """true where the source has a token"""


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers, in one direction or both.

    The summary is the last state of the top layer (of both directions), or the mean of its outputs.

    Args:
        config: the encoder's part of it.
        input_width: values of an embedded token.

    Attributes:
        width: values of the memory and of the summary.
        layers: the layers; in a bidirectional encoder forward and backward ones alternate.
    """

    def __init__(self, config: Seq2SeqConfig, input_width: int) -> None:
        super().__init__()
        self.config = config
        self.directions = 2 if config.bidirectional else 1
        self.width = config.encoder_width * self.directions
        layers, inputs = [], input_width
        for _ in range(config.encoder_layers):
            for _ in range(self.directions):
                layers.append(recurrent_layer(config, config.cell, inputs, config.encoder_width))
            inputs = self.width
        self.layers = nn.ModuleList(layers)
        self.between = norms(config, config.encoder_layers, self.width)
        self.dropout = Dropout(config.dropout_hidden, locked=config.locked)

    def forward(self, x: Float[Tensor, "source batch input"], lengths: Int[Tensor, " batch"]) -> Reading:
        """Read embedded tokens of which `lengths` count in each row."""
        # Padding stands last in both directions, where no counted output sees it: no kernel needs lengths.
        layers = [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]
        last = lengths - 1, torch.arange(x.shape[1], device=x.device)
        ends = []
        for depth, norm in enumerate(self.between):
            given = x if depth == 0 else self.dropout(x)
            ways = layers[depth * self.directions : (depth + 1) * self.directions]
            y, _ = ways[0](given, ways[0].start(x.shape[1]))
            ends = [y[last]]
            if self.directions == 2:
                back, _ = ways[1](reverse(given, lengths), ways[1].start(x.shape[1]))
                ends.append(back[last])
                y = torch.cat([y, reverse(back, lengths)], dim=-1)
            y = norm(y)
            x = x + y if self.config.residual and x.shape == y.shape else y
        mask = inside(lengths, len(x))
        memory = x.transpose(0, 1).masked_fill(~mask[:, :, None], 0)
        summary = torch.cat(ends, dim=-1) if self.config.bridge == "last" else mean(memory, lengths)
        return Reading(memory, summary, mask)


class TransformerEncoder(nn.Module):
    """Self-attention layers over tokens and positions.

    The summary is the output of the last token (end of sentence), or the mean of all.
    """

    def __init__(self, config: Seq2SeqConfig, input_width: int) -> None:
        super().__init__()
        self.config, self.width = config, config.encoder_width
        self.project = nn.Linear(input_width, self.width)
        self.stack = TransformerStack(
            self.width,
            config.encoder_layers,
            config.encoder_heads,
            config.encoder_feedforward,
            config.dropout_hidden,
        )

    def forward(self, x: Float[Tensor, "source batch input"], lengths: Int[Tensor, " batch"]) -> Reading:
        """Read embedded tokens of which `lengths` count in each row."""
        mask = inside(lengths, len(x))
        memory = self.stack(self.project(x.transpose(0, 1)), mask).masked_fill(~mask[:, :, None], 0)
        if self.config.bridge == "last":
            summary = memory[torch.arange(len(memory), device=x.device), lengths - 1]
        else:
            summary = mean(memory, lengths)
        return Reading(memory, summary, mask)


def inside(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """True at the first `lengths` positions of each row."""
    return torch.arange(time, device=lengths.device)[None, :] < lengths[:, None]


def mean(memory: Tensor, lengths: Tensor) -> Tensor:
    """Mean over each row's own positions; what lies past them is zero."""
    return memory.sum(dim=1) / lengths[:, None]


def recurrent_layer(config: Seq2SeqConfig, cell: str, inputs: int, width: int) -> RecurrentLayer:
    """One layer as the configuration wants it."""
    return RecurrentLayer(
        cell,
        inputs,
        width,
        norm_cell=config.layer_norm == "cell",
        forget_bias=config.forget_bias,
        scheme=config.init,
        dropout_weight=config.dropout_weight,
    )


def norms(config: Seq2SeqConfig, layers: int, width: int) -> nn.ModuleList:
    """What stands after each layer: a layer norm, or nothing."""
    normed = config.layer_norm == "between"
    return nn.ModuleList(nn.LayerNorm(width) if normed else nn.Identity() for _ in range(layers))
