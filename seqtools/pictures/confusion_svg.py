"""A confusion matrix as SVG: valid XML that needs nothing else, with shares as tooltips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqtools.pictures.confusion import shares
from seqtools.pictures.svg import colour, escaped
from seqtools.pictures.wording import columns, label

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

_FONT = "font-family:system-ui,'Noto Sans','DejaVu Sans',sans-serif"
_LETTER, _LARGEST, _SMALLEST, _SIDE = 8.2, 64.0, 14.0, 700.0
_NUMBERS = 30.0  # cells from this size on have room for one


def render(names: Sequence[str], counts: IntArray, noun: str = "texts") -> bytes:
    """A picture of `[right, said]`, as a file's bytes; `noun` is what is counted."""
    note = f"number: {noun}; colour: share of the row's {noun}"
    heads = [label(name) for name in names]
    cell = min(_LARGEST, max(_SMALLEST, _SIDE / len(heads)))
    size = min(13.0, cell * 0.8)
    longest = _LETTER * size / 13 * max(map(columns, heads))
    left, top = longest + 44, 44 + longest * math.sin(math.pi / 4)
    width = max(
        left + cell * len(heads) + max(longest * math.cos(math.pi / 4), 40) + 12, 6.0 * len(note) + 16
    )
    height = top + cell * len(heads) + 36
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" style="{_FONT}">',
        "<title>Confusion matrix</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _label(left, 16, "said", 12, "#666666", "start"),
        _label(8, top - 8, "right", 12, "#666666", "start"),
    ]
    for place, head in enumerate(heads):
        x, y = left + cell * (place + 0.5), top - 8
        turn = f'transform="rotate(-45 {x:.1f} {y:.1f})"'
        parts.append(_label(x, y, head, size, "#222222", "start", turn))
        middle = top + cell * (place + 0.5) + size * 0.35
        parts.append(_label(left - 8, middle, head, size, "#222222", "end"))
    part = shares(counts)
    for row, right in enumerate(heads):
        for column, said in enumerate(heads):
            told = f"{right}, said {said}: {counts[row, column]:,} ({100 * part[row, column]:.1f} %)"
            x, y = left + cell * column, top + cell * row
            parts += _cell(x, y, cell, int(counts[row, column]), float(part[row, column]), told)
    parts.append(_label(8, height - 12, note, 10, "#555555", "start"))
    return "\n".join([*parts, "</svg>\n"]).encode()


def _cell(x: float, y: float, cell: float, count: int, share: float, told: str) -> list[str]:
    lines = [
        f'<g><title>{escaped(told)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" '
        f'height="{cell:.1f}" fill="{colour(share)}" stroke="#ffffff" stroke-width="1"/>'
    ]
    if cell >= _NUMBERS:
        ink = "#ffffff" if share > 0.45 else "#222222"
        lines.append(_label(x + cell / 2, y + cell / 2 + 4, f"{count:,}", 12, ink, "middle"))
    return [*lines, "</g>"]


def _label(x: float, y: float, text: str, size: float, ink: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{ink}" text-anchor="{anchor}"'
        f"{' ' if more else ''}{more}>{escaped(text)}</text>"
    )
