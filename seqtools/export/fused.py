"""SentencePiece inside the graph, by the operators of onnxruntime-extensions.

The library's own algorithms, so ids and texts are those of the host; only the sign U+2581 in a text, which
the library takes for a blank, comes out as one. Both operators carry the whole tokenizer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant, contrib
from seqtools.export.strings import strings
from seqtools.runtime.extensions import DOMAIN
from seqtools.tokens import EOS


class FusedSentencePiece:
    """Both faces, as those of the tokenizers with stock operators."""

    def __init__(self, tokenizer: Any) -> None:
        self._proto: bytes = tokenizer.proto

    def encode(self, text: Var) -> tuple[Var, Var]:
        """Texts, string `[batch]` -> ids, int64 `[batch, time]`, and lengths, int64 `[batch]`."""
        off = constant([False], np.bool_)
        settings = [constant([0]), constant([0.0], np.float32), off, off, off]
        flat, offsets = contrib(
            "SentencepieceTokenizer", [text, *settings], [(np.int32, (None,)), (np.int64, (None,))],
            domain=DOMAIN, model=self._proto,
        )  # fmt: skip
        first = op.slice(offsets, constant([0]), constant([-1]))
        lengths = op.sub(op.slice(offsets, constant([1]), constant([np.iinfo(np.int64).max])), first)
        position = op.range(constant(0), op.reduce_max(lengths, keepdims=0), constant(1))
        inside = op.less(position, op.unsqueeze(lengths, constant([1])))
        place = op.add(op.unsqueeze(first, constant([1])), position)
        # One id more, so that a place to look at is there for padding, too.
        ids = op.concat([op.cast(flat, to=np.int64), constant([EOS])], axis=0)
        return op.gather(ids, op.where(inside, place, constant(-1))), lengths

    def decode(self, tokens: Var) -> Var:
        """Ids, int64 `[rows, time]` -> texts, string `[rows]`; the operator takes one row at a time."""

        def turn(index: Var, go: Var, done: Var) -> Iterable[Var]:
            row = op.gather(tokens, op.reshape(index, constant([])), axis=0)
            (text,) = contrib(
                "SentencepieceDecoder", [row], [(np.str_, (None,))], domain=DOMAIN, model=self._proto
            )
            return [go, op.concat([done, text], axis=0)]

        rows = op.slice(op.shape(tokens), constant([0]), constant([1]))
        nothing = op.expand(strings([""]), constant([0]))
        with warnings.catch_warnings():
            # What grows has no shape that spox could know.
            warnings.filterwarnings("ignore", message="Output type for variable .* not concrete")
            (texts,) = op.loop(rows, constant([True], np.bool_), [nothing], body=turn)
        return op.reshape(texts, rows)
