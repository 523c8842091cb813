"""The likeliest tokens of many rows, without sorting through whole vocabularies.

The largest values of a row lie in the blocks whose own largest values are the largest. Finding those of all
blocks is one sweep at the speed of memory; `TopK` then looks at a few blocks only. Equal values come out in
the order of their tokens, as from `TopK` alone.
"""

from __future__ import annotations

import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant

_LARGE = 2000
"""From so many tokens on it pays."""
_BLOCKS = range(128, 31, -1)


def top_k(values: Var, width: Var) -> tuple[Var, Var]:
    """The `width [1]` largest of `values [1, rows, vocab]` and their places, both `[1, rows, width]`."""
    shape = values.unwrap_tensor().shape
    vocab = shape[-1] if shape else None
    size = _block(vocab) if isinstance(vocab, int) else 0
    if not size or not isinstance(vocab, int):
        largest, places = op.top_k(values, width, axis=2)
        return largest, places
    blocks = vocab // size
    heights = op.reduce_max(op.reshape(values, constant([-1, blocks, size])), constant([2]), keepdims=0)
    count = op.min([width, constant([blocks])])
    _, chosen = op.top_k(heights, count, axis=1)
    # In their own order, so that equal values keep it too.
    chosen, _ = op.top_k(chosen, count, axis=1, largest=0)
    rows = op.slice(op.shape(values), constant([1]), constant([2]))
    first = op.range(constant(0), op.squeeze(op.mul(rows, constant([blocks]))), constant(blocks))
    near = op.gather(
        op.reshape(values, constant([-1, size])), op.add(chosen, op.unsqueeze(first, constant([1])))
    )
    candidates = op.reshape(near, op.concat([rows, op.mul(count, constant([size]))], axis=0), allowzero=1)
    largest, places = op.top_k(candidates, width, axis=1)
    block = op.gather_elements(chosen, op.div(places, constant(size)), axis=1)
    tokens = op.add(op.mul(block, constant(size)), op.mod(places, constant(size)))
    return op.unsqueeze(largest, constant([0])), op.unsqueeze(tokens, constant([0]))


def _block(vocab: int) -> int:
    """A block size that divides a large vocabulary, near 64; 0 if there is none."""
    sizes = [size for size in _BLOCKS if vocab % size == 0] if vocab >= _LARGE else []
    return min(sizes, key=lambda size: abs(size - 64), default=0)
