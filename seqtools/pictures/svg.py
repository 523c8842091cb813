"""What SVG and HTML need of every picture: text that is valid there, colours from a scale."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

Colour = tuple[int, int, int]

BLUES: tuple[Colour, ...] = ((247, 251, 255), (107, 174, 214), (8, 48, 107))
"""Light to dark (ColorBrewer's Blues); dark is much, in print and for eyes that see no colours, too."""


def colour(value: float, scale: Sequence[Colour] = BLUES) -> str:
    """The scale's colour for 0 to 1, as `#rrggbb`."""
    return "#" + "".join(f"{part:02x}" for part in mixed(value, scale))


def mixed(value: float, scale: Sequence[Colour] = BLUES) -> Colour:
    """The scale's colour for 0 to 1, as red, green and blue."""
    place = min(max(value, 0.0), 1.0) * (len(scale) - 1)
    first = min(int(place), len(scale) - 2)
    share = place - first
    red, green, blue = (
        round(low + (high - low) * share) for low, high in zip(scale[first], scale[first + 1], strict=True)
    )
    return red, green, blue


def escaped(text: str) -> str:
    """Text for XML: escaped, and without the characters that XML 1.0 cannot hold at all."""
    return escape("".join(char if _allowed(char) else "\ufffd" for char in text), {'"': "&quot;"})


def _allowed(char: str) -> bool:
    code = ord(char)
    return code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
