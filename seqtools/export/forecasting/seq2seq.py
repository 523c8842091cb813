"""Encoder, attention and decoder as graph pieces; see `seqtools.nn.forecasting.seq2seq`."""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import lower_attention
from seqtools.export.forecasting.core import Inputs, affine, ahead, optional, over_time
from seqtools.export.forecasting.covariates import side_by_side
from seqtools.export.forecasting.stack import LoweredStack
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array


class LoweredSeq2Seq:
    """The lowering of a `seqtools.nn.forecasting.seq2seq.Seq2SeqCore`."""

    def __init__(self, context: Context, core: Any, name: str) -> None:
        self.block, self.blocks, self.width = int(core.block), int(core.blocks), int(core.width)
        self._shape = core.shape
        self._encoder = LoweredStack(context, core.encoder, f"{name}.encoder")
        self._decoder = LoweredStack(context, core.decoder, f"{name}.decoder")
        self._ahead, self._about = (
            optional(context, f"{name}.{part}", getattr(core, part)) for part in ("ahead", "about")
        )
        self._positions = context.weights.add(f"{name}.positions", array(core.positions))
        kind = core.config.attention
        self._attention = lower_attention(context, kind, core.attention, None)
        self._readout = affine(context, f"{name}.readout", core.readout)

    def __call__(self, inputs: Inputs) -> Var:
        """See the protocol."""
        x = over_time(inputs, self._shape.context)
        rows = op.shape(x, start=1, end=2)
        encoded, states = self._encoder(x, self._encoder.start(rows))
        decoded, _ = self._decoder(self._queries(inputs, rows), states)
        query = op.transpose(decoded, perm=(1, 0, 2))
        memory = self._attention.encode(op.transpose(encoded, perm=(1, 0, 2)), query)
        everything = op.expand(constant([self._shape.context]), rows)
        asked = op.reshape(query, constant([1, -1, self.width]))
        looked, _ = self._attention(asked, self._attention.open(memory, everything), None)
        both = op.squeeze(op.concat([asked, looked], axis=2), constant([0]))
        return op.tanh(self._readout.rows(both))

    def _queries(self, inputs: Inputs, rows: Var) -> Var:
        """What the decoder reads, `[horizon, rows, width]`."""
        width = self._positions.unwrap_tensor().shape[1]  # type: ignore[index]
        whole = op.concat([rows, constant([self._shape.horizon, width])], axis=0)
        x, known = op.expand(self._positions, whole), ahead(inputs, self._shape.horizon)
        if self._ahead is not None and known is not None:
            x = op.add(x, self._ahead(known))
        if self._about is not None:
            x = op.add(x, op.unsqueeze(self._about.rows(side_by_side(inputs.static)), constant([1])))
        return op.transpose(x, perm=(1, 0, 2))
