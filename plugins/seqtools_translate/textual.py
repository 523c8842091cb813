"""Text at both ends of the graph, where the tokenizers have faces inside one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import spox.opset.ai.onnx.v20 as op

from seqtools.export.faces import face
from seqtools.export.graph import Var, constant
from seqtools.export.strings import strings
from seqtools.plugin import Tokenizer
from seqtools_translate.feeding import size


class Textual:
    """Sentences in, translations out, beside the ids.

    Args:
        source, target: the tokenizers.
        fused: SentencePiece by the operators of onnxruntime-extensions.
    """

    def __init__(self, source: Tokenizer, target: Tokenizer, *, fused: bool = False) -> None:
        self._source, self._target = (face(one, fused=fused) for one in (source, target))

    def read(self, given: Mapping[str, Var], fresh: Var) -> Sequence[Var]:
        """Source ids `[batch, time]` and lengths: those given, or the text's in a fresh run without any."""
        none = op.equal(op.squeeze(size(given["source"], 1)), constant(0))
        return op.if_(
            op.and_(none, op.squeeze(fresh)),
            then_branch=lambda: self._source.encode(given["text"]),
            else_branch=lambda: [op.identity(given[name]) for name in ("source", "source_lengths")],
        )

    def write(self, hypotheses: Var) -> Var:
        """Texts `[batch, beam]` of hypotheses `[batch, beam, time]`; a run without a search makes none."""
        shape = op.slice(op.shape(hypotheses), constant([0]), constant([2]))
        rows = op.concat([op.reduce_prod(shape, keepdims=1), size(hypotheses, 2)], axis=0)
        texts = op.if_(
            op.equal(op.size(hypotheses), constant(0)),
            then_branch=lambda: [
                op.expand(strings([""]), size(op.reshape(hypotheses, rows, allowzero=1), 0))
            ],
            else_branch=lambda: [self._target.decode(op.reshape(hypotheses, rows, allowzero=1))],
        )[0]
        return op.reshape(texts, shape, allowzero=1)
