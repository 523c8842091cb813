"""Texts with their words weighed as SVG: valid XML that needs nothing else, with the effects as tooltips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqtools.explaining.colours import AGAINST, FAINT, FOR, strength
from seqtools.explaining.explanation import Explanation
from seqtools.pictures.svg import colour, escaped
from seqtools.pictures.wording import columns, label, shown

_FONT = "font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace"
_SIZE, _SMALL, _COLUMN, _LINE = 15, 11, 9.0, 26.0
_ACROSS = 92  # columns of a line
_EDGE = 20.0
_LEGEND = "blue speaks for the label, orange against it"


def render(explanations: Sequence[Explanation]) -> bytes:
    """A picture of some texts below each other, as a file's bytes."""
    body: list[str] = []
    key = legend(explanations)
    y, widest = _EDGE, max(columns(_LEGEND), columns(key) * _SMALL // _SIZE)
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
    foot = f'<text x="{_EDGE}" y="{y + 14:.1f}" font-size="{_SMALL}" fill="#555555">{key}</text>'
    return "\n".join([*head, *body, foot, "</svg>\n"]).encode()


def legend(explanations: Sequence[Explanation]) -> str:
    """What colours and lines mean."""
    marked = any(one.about is not None for one in explanations)
    return f"{_LEGEND}; the words that got it are underlined" if marked else _LEGEND


def _text(explanation: Explanation, y: float) -> tuple[list[str], float, int]:
    """Elements of one text that begins at `y`, where the next one begins, and the columns it fills."""
    subject = f"{label(explanation.subject)}: " if explanation.subject else ""
    title = f"{subject}{label(explanation.label)}  {explanation.probability:.4f}"
    told = [
        f'<text x="{_EDGE}" y="{y + 16:.1f}" font-size="{_SIZE}" font-weight="bold" '
        f'fill="#222222">{escaped(title)}</text>'
    ]
    y += _LINE
    last, widest = 0, columns(title)
    for line, column, text, effect, about in _placed(explanation):
        x, top = _EDGE + column * _COLUMN, y + line * _LINE
        told += _word(x, top, text, effect, explanation)
        told += _underlined(x, top, text) if about else []
        last, widest = line, max(widest, column + columns(text))
    return told, y + (last + 1) * _LINE + 10, widest


def _placed(explanation: Explanation) -> Iterator[tuple[int, int, str, float, bool]]:
    """Line and column of each word, the word, its effect, and whether it got the label; long lines go on."""
    line, column = 0, 0
    for text, effect, about in explanation.stretches():
        if effect is None and text.isspace():
            column += bool(column)
            continue
        for piece in _pieces(shown(text)):
            wide = columns(piece)
            if column and column + wide > _ACROSS:
                line, column = line + 1, 0
            yield line, column, piece, effect or 0.0, about
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


def _underlined(x: float, y: float, text: str) -> list[str]:
    wide = columns(text) * _COLUMN
    return [f'<rect x="{x:.1f}" y="{y + 22:.1f}" width="{wide:.1f}" height="2" fill="#222222"/>']
