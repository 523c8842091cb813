"""A sequence-to-sequence network as graph pieces: encode, start, step, log-probabilities.

Inside the graph rows are hypotheses, sentence by sentence; a state is `[1, rows, width]`, tokens are
`[1, rows, 1]`, so that a turn of a loop needs no reshaping except around the attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import Memory
from seqtools.export.decoder import LoweredDecoder
from seqtools.export.encoder import RecurrentEncoder, TransformerEncoder
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array
from seqtools.export.vocabulary import Head, Table


class LoweredSeq2Seq:
    """The pieces of one `seqtools.nn.seq2seq.Seq2Seq`.

    Attributes:
        vocab: number of target tokens.
        decoder: the lowered decoder.
        head: readouts to logits.
        state_width: columns of the packed state, without the coverage.
        encoded_width: values of a position of what an encoded source is.
    """

    def __init__(self, context: Context, network: Any) -> None:
        self.vocab = int(network.target_vocab)
        source, target = network.source_embedding, network.target_embedding
        self._target = Table(context, "embedding", array(target.weight))
        self._source = self._target
        if source is not target:
            self._source = Table(context, "embedding.source", array(source.weight))
        self._scales = float(network.source_scale), float(network.scale)
        kind = RecurrentEncoder if network.config.encoder == "recurrent" else TransformerEncoder
        self._encoder = kind(context, network.encoder)
        self.decoder = LoweredDecoder(context, network.decoder)
        output = self._target
        if network.head.weight is not target.weight:
            output = Table(context, "head", array(network.head.weight))
        self.head = Head(context, network.head, output)
        self.state_width = sum(self.decoder.widths)
        self.encoded_width = self.decoder.attention.encoded_width

    def encode(self, tokens: Var, lengths: Var) -> tuple[Var, Var]:
        """Read `tokens [batch, source]` of which `lengths [batch]` count.

        Returns:
            `encoded [batch, source, encoded_width]`, all that steps need, and the summary `[batch, width]`
            that `start` needs.
        """
        x = self._source.embed(op.unsqueeze(op.transpose(tokens), constant([2])), self._scales[0])
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
        return self.decoder.step(self._target.embed(tokens, self._scales[1]), states, memory)

    def readout(self, states: Sequence[Var]) -> Var:
        """The state that the next token depends on, `[1, rows, width]`."""
        return states[len(self.decoder.widths) - 1]

    def log_probs(self, readout: Var) -> Var:
        """Log-probabilities `[time, rows, vocab]` after readouts `[time, rows, width]`."""
        return op.log_softmax(self.head(readout), axis=-1)
