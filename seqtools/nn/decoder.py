"""The writing side: target tokens one after another, each with a look at the source.

A step embeds the last token, runs the layers, asks the attention and makes a readout, of which the head makes
logits. The readout is part of the state: what comes next is a function of the state alone, and input feeding
feeds just that. Where no step needs the result of the one before except through the recurrence, a whole known
target runs through the layers at once, in torch's fused kernels; both ways give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.nn.attention import NoAttention, make_attention
from seqtools.nn.cell import State
from seqtools.nn.dropout import Dropout, keep_mask
from seqtools.nn.encoder import norms, recurrent_layer
from seqtools.nn.layer import RecurrentLayer
from seqtools.recipe import Seq2SeqConfig

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class Source(NamedTuple):
    """What the decoder sees of a source; rows are hypotheses."""

    keys: Float[Tensor, "rows source key"]
    """for the attention's scores"""
    values: Float[Tensor, "rows source context"]
    """for its contexts; without attention the summary, as the only position"""
    mask: Bool[Tensor, "rows source"]
    """true where the source has a token"""
    summary: Float[Tensor, "rows summary"]
    """what the bridge starts from"""


class DecoderState(NamedTuple):
    """Everything a next step depends on."""

    layers: tuple[State, ...]
    """each layer's states, each `[rows, width]`"""
    readout: Float[Tensor, "rows readout"]
    """what the next token's logits are made of; zeros before the first step"""
    coverage: Float[Tensor, "rows source"]
    """summed attention weights"""


class Drawn(NamedTuple):
    """What is drawn once and stays for a whole sentence."""

    steps: list[Callable[[Tensor, State], State]]
    """each layer's step, its hidden-to-hidden weights dropped out"""
    hidden: list[Tensor | None]
    """a dropout mask for what each layer but the last hands on; None where there is none, or one a step"""
    readout: Tensor | None
    """the same for the readout"""


class Decoder(nn.Module):
    """Recurrent layers, attention, readout.

    Layer 1 reads the embedded token (and the last readout with input feeding; and the summary without
    attention). The layer that `attend` names asks the attention; asked by the first, the context joins the
    input of every later layer. The readout is `tanh(W [top; context] + b)`, with the embedded token in the
    brackets too if the output is deep.

    Args:
        config: the decoder's part of it.
        input_width: values of an embedded token.
        memory_width, summary_width: of the encoder.
        readout_width: values of a readout.
    """

    def __init__(
        self,
        config: Seq2SeqConfig,
        input_width: int,
        memory_width: int,
        summary_width: int,
        readout_width: int,
    ) -> None:
        super().__init__()
        self.config, self.readout_width = config, readout_width
        self.attention = make_attention(config, config.width, memory_width, summary_width)
        self.attends = not isinstance(self.attention, NoAttention)
        context = self.attention.width
        self.early = self.attends and config.attend == "first"
        first = input_width + config.input_feeding * readout_width + (not self.attends) * context
        later = config.width + (context if self.early else 0)
        cell = config.decoder_cell or config.cell
        self.layers = nn.ModuleList(
            recurrent_layer(config, cell, first if depth == 0 else later, config.width)
            for depth in range(config.layers)
        )
        self.between = norms(config, config.layers, config.width)
        states = sum(len(layer.states) for layer in self._recurrent())
        self.bridge: nn.Linear | None = None
        if config.bridge != "zero":
            self.bridge = nn.Linear(summary_width, states * config.width)
        self.readout = nn.Linear(
            config.width + context + (input_width if config.deep_output else 0), readout_width
        )
        self.dropout = Dropout(config.dropout_hidden, locked=config.locked)
        self.drop_readout = Dropout(config.dropout_output, locked=config.locked)

    @property
    def stepwise(self) -> bool:
        """Whether a step needs more of the one before than the layers' states."""
        return self.config.input_feeding or self.config.coverage

    def start(self, source: Source) -> DecoderState:
        """The state before the first step: the bridge's `tanh(W summary + b)` in every layer's states."""
        rows, width = len(source.summary), self.config.width
        kinds = [len(layer.states) for layer in self._recurrent()]
        if self.bridge is None:
            parts = [source.summary.new_zeros(rows, width)] * sum(kinds)
        else:
            parts = list(torch.split(torch.tanh(self.bridge(source.summary)), width, dim=-1))
        given = iter(parts)
        layers = tuple(tuple(next(given) for _ in range(count)) for count in kinds)
        readout = source.summary.new_zeros(rows, self.readout_width)
        return DecoderState(layers, readout, source.summary.new_zeros(source.mask.shape))

    def draw(self, source: Source) -> Drawn:
        """Masks for locked dropout, weights for weight drop."""
        like = source.summary
        locked = self.training and self.config.locked

        def mask(width: int, rate: float) -> Tensor | None:
            return keep_mask(like.new_empty(len(like), width), rate) if locked and rate else None

        hidden = [mask(self.config.width, self.config.dropout_hidden) for _ in self.layers]
        readout = mask(self.readout_width, self.config.dropout_output)
        return Drawn([layer.stepper() for layer in self._recurrent()], hidden[:-1], readout)

    def step(
        self,
        x: Float[Tensor, "rows input"],
        state: DecoderState,
        source: Source,
        drawn: Drawn,
    ) -> tuple[DecoderState, Float[Tensor, "rows source"]]:
        """One token further: the new state and the attention weights."""
        config, layers, context = self.config, [], None
        given = torch.cat([x, *([state.readout] if config.input_feeding else [])], dim=-1)
        if not self.attends:
            context, weights = source.values[:, 0], _nowhere(source.mask, 1)[:, 0]
            given = torch.cat([given, context], dim=-1)
        output = given
        for depth, norm in enumerate(self.between):
            if depth:
                below = self._dropped(output, drawn.hidden[depth - 1])
                given = below if not self.early or context is None else torch.cat([below, context], dim=-1)
            new = drawn.steps[depth](given, state.layers[depth])
            layers.append(new)
            residual = output if config.residual and depth else None
            output = norm(new[0]) if residual is None else residual + norm(new[0])
            if self.attends and (depth == 0 if self.early else depth == len(self.layers) - 1):
                asked, looked = self._attend(output[:, None], source, state.coverage)
                context, weights = asked[:, 0], looked[:, 0]
        assert context is not None
        readout = self._readout(output, context, x)
        return DecoderState(tuple(layers), readout, state.coverage + weights), weights

    def forward(
        self, x: Float[Tensor, "time rows input"], source: Source
    ) -> tuple[Float[Tensor, "time rows readout"], Float[Tensor, "time rows source"]]:
        """Readouts (dropped out while training) and attention weights of a whole known target."""
        if self.stepwise:
            return self.walk(lambda time, state: x[time], len(x), source)
        return self._whole(x, self.start(source), source, self.draw(source))

    def walk(
        self, feed: Callable[[int, DecoderState], Tensor], time: int, source: Source
    ) -> tuple[Float[Tensor, "time rows readout"], Float[Tensor, "time rows source"]]:
        """As `forward`, step by step, over what `feed(step, state)` gives, each `[rows, input]`."""
        drawn, state = self.draw(source), self.start(source)
        readouts, looked = [], []
        for index in range(time):
            state, weights = self.step(feed(index, state), state, source, drawn)
            readouts.append(state.readout)
            looked.append(weights)
        return self._dropped(torch.stack(readouts), drawn.readout, self.drop_readout), torch.stack(looked)

    def _whole(self, x: Tensor, state: DecoderState, source: Source, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """All steps at once; no readout is fed and no coverage is kept."""
        context, weights, given = None, _nowhere(source.mask, len(x)).transpose(0, 1), x
        if not self.attends:
            context = source.values[:, 0].expand(len(x), -1, -1)
            given = torch.cat([x, context], dim=-1)
        output = given
        for depth, (layer, norm) in enumerate(zip(self._recurrent(), self.between, strict=True)):
            if depth:
                below = self._dropped(output, drawn.hidden[depth - 1])
                given = below if not self.early or context is None else torch.cat([below, context], dim=-1)
            y, _ = layer(given, state.layers[depth])
            output = output + norm(y) if self.config.residual and depth else norm(y)
            if self.attends and (depth == 0 if self.early else depth == len(self.layers) - 1):
                asked, looked = self._attend(output.transpose(0, 1), source, None)
                context, weights = asked.transpose(0, 1), looked.transpose(0, 1)
        assert context is not None
        return self._dropped(self._readout(output, context, x), drawn.readout, self.drop_readout), weights

    def _attend(self, query: Tensor, source: Source, coverage: Tensor | None) -> tuple[Tensor, Tensor]:
        context, weights = self.attention(query, source.keys, source.values, source.mask, coverage)
        return context, weights

    def _readout(self, top: Tensor, context: Tensor, x: Tensor) -> Tensor:
        parts = [top, context, *([x] if self.config.deep_output else [])]
        return torch.tanh(self.readout(torch.cat(parts, dim=-1)))

    def _dropped(self, x: Tensor, mask: Tensor | None, dropout: Dropout | None = None) -> Tensor:
        if mask is not None:
            return x * mask
        if self.config.locked:  # nothing to drop, or not training
            return x
        dropped: Tensor = (dropout or self.dropout)(x)
        return dropped

    def _recurrent(self) -> list[RecurrentLayer]:
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]


def _nowhere(mask: Tensor, time: int) -> Tensor:
    """Attention weights `[rows, time, source]` of a decoder that looks nowhere."""
    return torch.zeros(len(mask), time, mask.shape[1], device=mask.device)
