"""The byte tokenizer inside an ONNX graph, with stock operators.

No operator turns a string into bytes, so a table does: characters to code points and back, for the Basic
Multilingual Plane and the pictographs U+1F000 to U+1FAFF (66,000 characters, about 0.9 MB in the file).
UTF-8 itself is arithmetic.
"""

from __future__ import annotations

import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import join, lookup, split, strings
from seqtools.export.utf8 import REPLACEMENT, code_points, pack, utf8
from seqtools.tokens import EOS, UNKNOWN
from seqtools_byte.tokenizer import FIRST_BYTE, ByteTokenizer

# The ranges of the table, one behind the other: first code point, end.
_RANGES = ((0x0000, 0xD800), (0xE000, 0x10000), (0x1F000, 0x1FB00))
# No byte of any UTF-8 text.
_NO_UTF8 = 0xFF


def _characters() -> list[int]:
    return [point for first, end in _RANGES for point in range(first, end)]


class ByteGraph:
    """UTF-8 bytes to ids and back.

    Characters outside the table (rare scripts, U+20000 and above) are read and written as U+FFFD; the host
    face knows them all. Broken bytes give U+FFFD in the same places as in the host face.
    """

    def __init__(self, tokenizer: ByteTokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: Var) -> tuple[Var, Var]:
        """Texts, string `[batch]` -> ids, int64 `[batch, time]`, and lengths, int64 `[batch]`."""
        characters, _ = split(text)
        table = _characters()
        points = lookup(characters, list(map(chr, table)), table, REPLACEMENT)
        values, there = utf8(points)
        real = op.not_(op.equal(characters, strings([""])))
        there = op.and_(there, op.unsqueeze(real, constant([2])))
        rows = op.concat([op.shape(text), op.mul(constant([4]), _width(characters))], axis=0)
        flat, kept = (op.reshape(part, rows, allowzero=1) for part in (values, there))
        return pack(op.add(flat, constant(FIRST_BYTE)), kept, EOS)

    def decode(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids, int64 `[batch, time]` -> texts, string `[batch]`; what was `previous` does not matter."""
        return join(self.pieces(tokens, previous))

    def pieces(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids -> what each shows, string `[batch, time]`; a character is at its first byte."""
        real = op.greater_or_equal(tokens, constant(FIRST_BYTE))
        values = op.where(real, op.sub(tokens, constant(FIRST_BYTE)), constant(-1))
        values = op.where(op.equal(tokens, constant(UNKNOWN)), constant(_NO_UTF8), values)
        points, stands = code_points(values)
        shown = op.gather(strings(map(chr, _characters())), _row(points))
        return op.where(stands, shown, strings([""]))


def _width(pieces: Var) -> Var:
    return op.slice(op.shape(pieces), constant([1]), constant([2]))


def _row(points: Var) -> Var:
    """Row of the table for each code point, that of U+FFFD for those it lacks."""
    row = constant(_characters().index(REPLACEMENT))
    before = 0
    for first, end in _RANGES:
        inside = op.and_(op.greater_or_equal(points, constant(first)), op.less(points, constant(end)))
        row = op.where(inside, op.add(points, constant(before - first)), row)
        before += end - first
    return row
