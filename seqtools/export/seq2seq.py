"""A sequence-to-sequence network as graph pieces: encode, start, step, log-probabilities.

Inside the graph rows are hypotheses, sentence by sentence; a state is `[1, rows, width]`, tokens are
`[1, rows, 1]`, so that a turn of a loop needs no reshaping except around the attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import Memory
from seqtools.export.decoder import LoweredDecoder
from seqtools.export.encoder import RecurrentEncoder, TransformerEncoder
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Embedding, Linear, array


class LoweredSeq2Seq:
    """The pieces of one `seqtools.nn.seq2seq.Seq2Seq`.

    Attributes:
        vocab: number of target tokens.
        decoder: the lowered decoder.
        state_width: columns of the packed state, without the coverage.
        encoded_width: values of a position of what an encoded source is.
    """

    def __init__(self, context: Context, network: Any) -> None:
        self.vocab = int(network.target_vocab)
        source, target = network.source_embedding, network.target_embedding
        self._source = Embedding(
            context, "embedding.source", array(source.weight) * np.float32(network.source_scale)
        )
        self._target = Embedding(
            context, "embedding.target", array(target.weight) * np.float32(network.scale)
        )
        kind = RecurrentEncoder if network.config.encoder == "recurrent" else TransformerEncoder
        self._encoder = kind(context, network.encoder)
        self.decoder = LoweredDecoder(context, network.decoder)
        self._head = Head(context, network.head)
        self.state_width = sum(self.decoder.widths)
        self.encoded_width = self.decoder.attention.encoded_width

    def encode(self, tokens: Var, lengths: Var) -> tuple[Var, Var]:
        """Read `tokens [batch, source]` of which `lengths [batch]` count.

        Returns:
            `encoded [batch, source, encoded_width]`, all that steps need, and the summary `[batch, width]`
            that `start` needs.
        """
        x = self._source(op.unsqueeze(op.transpose(tokens), constant([2])))
        reading = self._encoder(x, lengths)
        return self.decoder.attention.encode(reading.memory, reading.summary), reading.summary

    def open(self, encoded: Var, lengths: Var) -> Memory:
        """The source's side of the attention."""
        return self.decoder.attention.open(encoded, lengths)

    def unpack(self, state: Var) -> list[Var]:
        """Packed `[rows, state_width]` -> states."""
        parts = op.split(state, constant(self.decoder.widths), axis=1)
        return [op.unsqueeze(part, constant([0])) for part in parts]

    def pack(self, states: Sequence[Var]) -> Var:
        """The inverse of `unpack`; a coverage at the end is left out."""
        parts = states[: len(self.decoder.widths)]
        return op.squeeze(op.concat(parts, axis=2), constant([0]))

    def step(self, tokens: Var, states: Sequence[Var], memory: Memory) -> tuple[list[Var], Var]:
        """Feed one token a row, `[1, rows, 1]`: new states and where the step looked `[1, rows, source]`."""
        return self.decoder.step(self._target(tokens), states, memory)

    def readout(self, states: Sequence[Var]) -> Var:
        """The state that the next token depends on, `[1, rows, width]`."""
        return states[len(self.decoder.widths) - 1]

    def log_probs(self, readout: Var) -> Var:
        """Log-probabilities `[time, rows, vocab]` after readouts `[time, rows, width]`."""
        return op.log_softmax(self._head(readout), axis=-1)


class Head:
    """Readouts to logits; two matrices where tied widths differ."""

    def __init__(self, context: Context, head: Any) -> None:
        between = head.projection
        self._projection = (
            None if between is None else Linear(context, "head.projection", array(between.weight).T)
        )
        matrix: Array = array(head.weight).T
        self._output = Linear(context, "head", matrix, array(head.bias))

    def __call__(self, readout: Var) -> Var:
        """`[time, rows, width]` -> `[time, rows, vocab]`."""
        return self._output(readout if self._projection is None else self._projection(readout))
