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
        self.past, self._kernel, self._width = len(table), int(module.kernel), int(module.width)
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
        """Vectors `[words, width]` of words; of one without characters anything.

        Args:
            spellings: ids of characters, int64 `[words, characters]`, `past` where a word has ended.
            lengths: characters of each word, int64 `[words]`.
        """
        if self._tables:
            return self._filtered(spellings)
        return self._read(op.transpose(spellings), op.max([lengths, constant(1)]))

    def _filtered(self, spellings: Var) -> Var:
        """Only characters that are there are looked at: most of a batch is padding behind short words."""
        side = self._kernel // 2
        around = op.pad(spellings, constant([0, side, 0, side]), constant(self.past))
        places = op.transpose(op.non_zero(op.not_(op.equal(spellings, constant(self.past)))))
        answers = [
            op.gather(table, op.gather_nd(around, op.add(places, constant([0, place]))))
            for place, table in enumerate(self._tables)
        ]
        words = op.slice(op.shape(spellings), constant([0]), constant([1]))
        nothing = op.expand(
            constant([[0.0]], np.float32), op.concat([words, constant([self._width])], axis=0)
        )
        row = op.slice(places, constant([0]), constant([1]), constant([1]))
        # The largest answer, but not less than zero.
        return op.scatter_nd(nothing, row, reduce(op.add, answers), reduction="max")

    def _read(self, spellings: Var, lengths: Var) -> Var:
        x = self._embedding(op.unsqueeze(spellings, constant([2])))
        shape = op.concat([constant([1]), op.shape(lengths), constant([self._width // 2])], axis=0)
        zero = op.expand(constant([[[0.0]]], np.float32), shape)
        ends = [
            layer.sequence(given, lengths, [zero, zero])[1][0]
            for layer, given in zip(self._layers, (x, reverse(x, lengths)), strict=True)
        ]
        return op.squeeze(op.concat(ends, axis=2), constant([0]))


def _answers(table: Array, weight: Array, bias: Array) -> list[Array]:
    """For each place a filter sees, its answers `[characters + 1, filters]`, the last one for no character.

    The bias is in the middle one, where there always is one.

    Args:
        table: `[characters, embedding]`.
        weight: `[filters, embedding, places]`.
    """
    middle, tables = weight.shape[2] // 2, []
    for place in range(weight.shape[2]):
        found = table.astype(np.float64) @ weight[:, :, place].T.astype(np.float64)
        found += bias if place == middle else 0
        tables.append(np.pad(found, ((0, 1), (0, 0))).astype(np.float32))
    return tables
