"""Texts with their words weighed as SVG: valid XML that needs nothing else, with the effects as tooltips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqtools.pictures.svg import colour, escaped
from seqtools.pictures.wording import columns, label, shown
from seqtools_sentiment.explain_colours import AGAINST, FAINT, FOR, strength
from seqtools_sentiment.explanation import Explanation

_FONT = "font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace"
_SIZE, _COLUMN, _LINE = 15, 9.0, 26.0
_ACROSS = 92  # columns of a line
_EDGE = 20.0
LEGEND = "blue speaks for the label, orange against it"


def render(explanations: Sequence[Explanation]) -> bytes:
    """A picture of some texts below each other, as a file's bytes."""
    body: list[str] = []
    y, widest = _EDGE, columns(LEGEND)
    for explanation in explanations:
        drawn, y, across = _text(explanation, y)
        body, widest = body + drawn, max(widest, across)
    width, height = 2 * _EDGE + _COLUMN * widest, y + 34
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" style="{_FONT}">',
        "<title>What speaks for the labels</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    foot = f'<text x="{_EDGE}" y="{y + 14:.1f}" font-size="11" fill="#555555">{LEGEND}</text>'
    return "\n".join([*head, *body, foot, "</svg>\n"]).encode()


def _text(explanation: Explanation, y: float) -> tuple[list[str], float, int]:
    """Elements of one text that begins at `y`, where the next one begins, and the columns it fills."""
    title = f"{label(explanation.label)}  {explanation.probability:.4f}"
    told = [
        f'<text x="{_EDGE}" y="{y + 16:.1f}" font-size="{_SIZE}" font-weight="bold" '
        f'fill="#222222">{escaped(title)}</text>'
    ]
    y += _LINE
    last, widest = 0, columns(title)
    for line, column, text, effect in _placed(explanation):
        told += _word(_EDGE + column * _COLUMN, y + line * _LINE, text, effect, explanation)
        last, widest = line, max(widest, column + columns(text))
    return told, y + (last + 1) * _LINE + 10, widest


def _placed(explanation: Explanation) -> Iterator[tuple[int, int, str, float]]:
    """Line and column of each word, and the word with its effect; a line too long for the picture goes on."""
    line, column = 0, 0
    for text, effect in explanation.parts():
        if effect is None and text.isspace():
            column += bool(column)
            continue
        for piece in _pieces(shown(text)):
            wide = columns(piece)
            if column and column + wide > _ACROSS:
                line, column = line + 1, 0
            yield line, column, piece, effect or 0.0
            column += wide


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that fit on a line."""
    while columns(text) > _ACROSS:
        yield text[: _ACROSS // 2]
        text = text[_ACROSS // 2 :]
    yield text


def _word(x: float, y: float, text: str, effect: float, explanation: Explanation) -> list[str]:
    value, wide = strength(effect, explanation), columns(text) * _COLUMN
    lines = [f"<g><title>{escaped(text)}: {effect:+.3f}</title>"]
    if abs(value) >= FAINT:
        fill = colour(abs(value), FOR if value > 0 else AGAINST)
        lines.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="21" rx="3" fill="{fill}"/>')
    # The length is said, so that a host without the font sets the words where their colours are.
    length = f'textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs" ' if wide else ""
    lines.append(
        f'<text x="{x:.1f}" y="{y + 15:.1f}" font-size="{_SIZE}" fill="#111111" {length}'
        f'xml:space="preserve">{escaped(text)}</text></g>'
    )
    return lines
