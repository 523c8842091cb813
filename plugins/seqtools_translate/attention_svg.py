"""An attention map as SVG text: valid XML that needs nothing else, with the exact weights as tooltips."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqtools.pictures.svg import colour, escaped
from seqtools.pictures.wording import columns, label

_FONT = "font-family:system-ui,'Noto Sans','DejaVu Sans',sans-serif"
_LETTER = 8.2  # mean width of a 13-pixel letter in wide fonts
_LARGEST, _SMALLEST, _SIDE = 36.0, 12.0, 900.0
_LEGEND = 170.0


def render(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> bytes:
    """A picture of `[translation words, source words]`, as a file's bytes."""
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + svg(source, translation, matrix)).encode()


def svg(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> str:
    """The `<svg>` element alone."""
    across, down = [label(word) for word in source], [label(word) for word in translation]
    cell = min(_LARGEST, max(_SMALLEST, _SIDE / max(len(across), len(down))))
    size = min(13.0, cell * 0.8)
    letter = _LETTER * size / 13
    left = 16 + letter * max(map(columns, down))
    angle = 45 if cell >= 20 else 90  # slanting labels of narrow columns would lie on each other
    longest = letter * max(map(columns, across))
    aside, top = longest * math.cos(math.radians(angle)), 30 + longest * math.sin(math.radians(angle))
    width = left + max(cell * len(across) + aside, _LEGEND) + 20
    height = top + cell * len(down) + 52
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" style="{_FONT}">',
        f"<title>Attention: {escaped(' '.join(translation))}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for place, word in enumerate(across):
        x, y = left + cell * (place + 0.5) + size * 0.35 * (angle == 90), top - 8
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="#222222" '
            f'transform="rotate(-{angle} {x:.1f} {y:.1f})">{escaped(word)}</text>'
        )
    for place, word in enumerate(down):
        x, y = left - 8, top + cell * (place + 0.5) + size * 0.35
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="#222222" '
            f'text-anchor="end">{escaped(word)}</text>'
        )
    for row, word in enumerate(translation):
        for column, other in enumerate(source):
            told = f"{word} ← {other}: {matrix[row, column]:.3f}"
            parts += _cell(left + cell * column, top + cell * row, cell, float(matrix[row, column]), told)
    parts += _legend(left, top + cell * len(down) + 18)
    return "\n".join([*parts, "</svg>\n"])


def _cell(x: float, y: float, cell: float, value: float, told: str) -> list[str]:
    lines = [
        f'<g><title>{escaped(told)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" '
        f'height="{cell:.1f}" fill="{colour(value)}" stroke="#ffffff" stroke-width="1"/>'
    ]
    if cell >= 28 and value >= 0.05:
        ink = "#ffffff" if value > 0.45 else "#222222"
        lines.append(
            f'<text x="{x + cell / 2:.1f}" y="{y + cell / 2 + 3.5:.1f}" font-size="10" fill="{ink}" '
            f'text-anchor="middle">{_percent(value)}</text>'
        )
    return [*lines, "</g>"]


def _legend(x: float, y: float, width: float = _LEGEND) -> list[str]:
    """A bar from nothing to all, and what the numbers are."""
    stops = "".join(f'<stop offset="{place / 2:g}" stop-color="{colour(place / 2)}"/>' for place in range(3))
    return [
        f'<defs><linearGradient id="scale">{stops}</linearGradient></defs>',
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="8" fill="url(#scale)" '
        'stroke="#cccccc" stroke-width="0.5"/>',
        f'<text x="{x:.1f}" y="{y + 21:.1f}" font-size="10" fill="#555555">0</text>',
        f'<text x="{x + width:.1f}" y="{y + 21:.1f}" font-size="10" fill="#555555" '
        'text-anchor="end">100 % of the attention</text>',
    ]


def _percent(value: float) -> str:
    return f"{100 * value:.0f}"
