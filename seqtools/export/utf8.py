"""Bytes to characters inside a graph, for all positions at once."""

from __future__ import annotations

from functools import reduce

import numpy as np
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray

from seqtools.export.graph import Var, constant

REPLACEMENT = 0xFFFD
# Continuation bytes are 0x80 to 0xBF.
_LOW, _HIGH = 0x80, 0xBF


def _tables() -> NDArray[np.int64]:
    """`[4, 257]` by byte + 1 (0: no byte): sequence length, bounds of the second byte, bits of the first."""
    table = np.zeros((4, 257), np.int64)
    table[1:3] = [[_LOW], [_HIGH]]
    for first, last, length in ((0x00, 0x7F, 1), (0xC2, 0xDF, 2), (0xE0, 0xEF, 3), (0xF0, 0xF4, 4)):
        values = np.arange(first, last + 1)
        table[0, values + 1] = length
        table[3, values + 1] = values & (0x7F, 0x1F, 0x0F, 0x07)[length - 1]
    # Overlong forms, surrogates and what lies above U+10FFFF (Unicode 15, table 3-7).
    table[1, 0xE0 + 1], table[2, 0xED + 1] = 0xA0, 0x9F
    table[1, 0xF0 + 1], table[2, 0xF4 + 1] = 0x90, 0x8F
    return table


def shift(values: Var, by: int, fill: int) -> Var:
    """`out[:, t] = values[:, t + by]`, `fill` where there is none; int64 `[batch, time]`."""
    time = op.slice(op.shape(values), constant([1]), constant([2]))
    before, after = max(-by, 0), max(by, 0)
    padded = op.pad(values, constant([0, before, 0, after]), constant(fill))
    return op.slice(padded, constant([after]), op.add(time, constant([after])), constant([1]))


def code_points(values: Var, stride: int = 1) -> tuple[Var, Var]:
    """The characters of UTF-8 bytes, each at the place of its first byte.

    Broken sequences become U+FFFD exactly where Python's `errors="replace"` puts them: one for each
    longest start of a character, one for each byte that cannot start any.

    Args:
        values: bytes as int64 `[batch, time]`, -1 where there is none.
        stride: distance from a byte to the next; what stands between is not looked at.

    Returns:
        Code points, int64 `[batch, time]`, and where there is one, bool `[batch, time]`.
    """
    following = [shift(values, stride * k, -1) for k in (1, 2, 3)]
    tables = _tables()
    index = op.add(values, constant(1))
    length, low, high, bits = (op.gather(op.const(row), index) for row in tables)
    fits = op.greater(length, constant(1))
    goes_on: list[Var] = []
    for count, byte in enumerate(following, 2):
        inside = op.and_(op.greater_or_equal(byte, low), op.less_or_equal(byte, high))
        fits = op.and_(op.and_(fits, inside), op.greater_or_equal(length, constant(count)))
        goes_on.append(op.cast(fits, to=np.int64))
        low, high = constant(_LOW), constant(_HIGH)
    reached = op.add(reduce(op.add, goes_on), constant(1))
    value = op.where(op.equal(reached, length), _value(bits, length, following), constant(REPLACEMENT))
    # A byte that an earlier one has taken stands for nothing by itself.
    taken = reduce(op.add, (shift(goes_on[k - 1], -stride * k, 0) for k in (1, 2, 3)))
    stands = op.and_(op.greater_or_equal(values, constant(0)), op.equal(taken, constant(0)))
    return value, stands


def _value(bits: Var, length: Var, following: list[Var]) -> Var:
    """Code point of a sequence that is whole."""
    value = bits
    for count, byte in enumerate(following, 2):
        longer = op.add(op.mul(value, constant(64)), op.sub(byte, constant(_LOW)))
        value = op.where(op.greater_or_equal(length, constant(count)), longer, value)
    return value


def utf8(points: Var) -> tuple[Var, Var]:
    """The UTF-8 bytes of code points.

    Args:
        points: int64 `[batch, characters]`, no surrogates.

    Returns:
        Bytes, int64 `[batch, characters, 4]`, and which of the four there are, bool of that shape.
    """

    def tail(shift_by: int) -> Var:
        """Continuation byte with the six bits above `shift_by`."""
        return op.add(op.mod(op.div(points, constant(1 << shift_by)), constant(64)), constant(_LOW))

    def first(size: int, mark: int) -> Var:
        return op.add(op.div(points, constant(1 << (6 * (size - 1)))), constant(mark))

    limits = [op.greater_or_equal(points, constant(limit)) for limit in (0x80, 0x800, 0x10000)]
    two, three, four = limits
    nothing = constant(0)
    columns = [
        _choose(limits, [points, first(2, 0xC0), first(3, 0xE0), first(4, 0xF0)]),
        _choose(limits, [nothing, tail(0), tail(6), tail(12)]),
        _choose(limits, [nothing, nothing, tail(0), tail(6)]),
        tail(0),
    ]
    there = [op.greater_or_equal(points, nothing), two, three, four]
    stacked = [
        op.concat([op.unsqueeze(c, constant([2])) for c in group], axis=2) for group in (columns, there)
    ]
    return stacked[0], stacked[1]


def _choose(limits: list[Var], options: list[Var]) -> Var:
    """The option for the size of a code point: one byte, or more from each limit on."""
    chosen = options[0]
    for limit, option in zip(limits, options[1:], strict=True):
        chosen = op.where(limit, option, chosen)
    return chosen


def pack(values: Var, there: Var, fill: int) -> tuple[Var, Var]:
    """Move what is there to the left of each row.

    Args:
        values: int64 `[batch, slots]`.
        there: bool `[batch, slots]`.
        fill: written behind the end of a row.

    Returns:
        Values, int64 `[batch, time]`, `time` being the longest row, and lengths, int64 `[batch]`.
    """
    ones = op.cast(there, to=np.int64)
    lengths = op.reduce_sum(ones, constant([1]), keepdims=0)
    time = op.reduce_max(lengths, constant([0]), keepdims=1)
    width = op.add(time, constant([1]))
    # What is not there goes to one column too many, which is cut off.
    target = op.where(there, op.sub(op.cumsum(ones, constant(1)), constant(1)), time)
    batch = op.shape(lengths)
    blank = op.expand(constant([[fill]]), op.concat([batch, width], axis=0))
    filled = op.scatter_elements(blank, target, values, axis=1)
    return op.slice(filled, constant([0]), time, constant([1])), lengths
