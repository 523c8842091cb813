"""Words by their spelling as a graph piece.

A filter over embedded characters is linear, so its answer to a character at a place is a row of a table:
embedding times that place's weights. A convolution is then a look-up for each place and a sum, which costs
less than a product, needs no eight bits, and gives a word the same bits in any batch.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Embedding, array
from seqtools.export.network import lower_layer
from seqtools.export.reader import reverse

_NEVER = -1e30
"""What stands past a word's end: no filter answers less."""


class LoweredCharWords:
    """The lowering of a trained `seqtools.nn.char_words.CharWords`.

    Args:
        name: prefix of the weights' names.

    Attributes:
        past: the id that stands past a word's end, one more than those of the module.
    """

    def __init__(self, context: Context, module: Any, name: str = "characters") -> None:
        self._context, self._name = context, name
        table = array(module.embedding.weight)
        self.past, self._kernel, self._half = len(table), int(module.kernel), int(module.width) // 2
        if module.conv is not None:
            self._tables = [
                context.weights.add(f"{name}.{place}", part)
                for place, part in enumerate(
                    _answers(table, array(module.conv.weight), array(module.conv.bias))
                )
            ]
            return
        self._tables = []
        self._embedding = Embedding(context, f"{name}.embedding", np.pad(table, ((0, 1), (0, 0))))
        self._layers = [
            lower_layer(context, layer, f"{name}.{way}", None)
            for way, layer in (("forward", module.forward_layer), ("backward", module.backward_layer))
        ]

    def __call__(self, spellings: Var, lengths: Var) -> Var:
        """Vectors `[words, width]` of words.

        Args:
            spellings: ids of characters, int64 `[characters, words]`, `past` where a word has ended.
            lengths: characters of each word, int64 `[words]`, at least 1.
        """
        return self._filtered(spellings) if self._tables else self._read(spellings, lengths)

    def _filtered(self, spellings: Var) -> Var:
        side = self._kernel // 2
        around = op.pad(spellings, constant([side, 0, side, 0]), constant(0))
        time = op.slice(op.shape(spellings), constant([0]), constant([1]))
        answers = [
            op.gather(
                table, op.slice(around, constant([place]), op.add(time, constant([place])), constant([0]))
            )
            for place, table in enumerate(self._tables)
        ]
        return op.relu(op.reduce_max(reduce(op.add, answers), constant([0]), keepdims=0))

    def _read(self, spellings: Var, lengths: Var) -> Var:
        x = self._embedding(op.unsqueeze(spellings, constant([2])))
        shape = op.concat([constant([1]), op.shape(lengths), constant([self._half])], axis=0)
        zero = op.expand(constant([[[0.0]]], np.float32), shape)
        ends = [
            layer.sequence(given, lengths, [zero, zero])[1][0]
            for layer, given in zip(self._layers, (x, reverse(x, lengths)), strict=True)
        ]
        return op.squeeze(op.concat(ends, axis=2), constant([0]))


def _answers(table: Array, weight: Array, bias: Array) -> list[Array]:
    """For each place a filter sees, its answers `[characters + 1, filters]`; the bias is in the middle one.

    Args:
        table: `[characters, embedding]`.
        weight: `[filters, embedding, places]`.
    """
    middle, tables = weight.shape[2] // 2, []
    for place in range(weight.shape[2]):
        found = table.astype(np.float64) @ weight[:, :, place].T.astype(np.float64)
        past = np.full((1, len(bias)), _NEVER if place == middle else 0.0)
        found = np.concatenate([found + bias if place == middle else found, past])
        tables.append(found.astype(np.float32))
    return tables
