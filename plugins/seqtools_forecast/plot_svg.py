"""Forecasts as SVG: nothing needed but text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from seqtools.pictures.svg import escaped
from seqtools.pictures.wording import shown
from seqtools_forecast.drawing import Band, Panel, places, tick_text, ticks

WIDTH, HEIGHT = 900, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 34, 34
_INK, _BLUE, _GRID = "#333333", "#08519c", "#dddddd"


def render(panels: Sequence[Panel]) -> bytes:
    """A picture's bytes."""
    height = HEIGHT * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *(
            f'<g transform="translate(0 {HEIGHT * place})">\n{panel_body(panel)}\n</g>'
            for place, panel in enumerate(panels)
        ),
        "</svg>\n",
    ]
    return "\n".join(parts).encode()


def panel_body(panel: Panel) -> str:
    """One panel's elements, in a space of `WIDTH` times `HEIGHT`."""
    scale = _Scale(panel)
    seen = len(panel.history)
    lines = [
        f'<text x="{_LEFT}" y="20" font-weight="bold" fill="{_INK}">{escaped(shown(panel.title))}</text>',
        *_axes(panel, scale),
        *(_band(band, scale, seen, place) for place, band in enumerate(panel.bands)),
        f'<line x1="{scale.x(seen - 0.5):.1f}" x2="{scale.x(seen - 0.5):.1f}" y1="{_TOP}" '
        f'y2="{HEIGHT - _BOTTOM}" stroke="#999999" stroke-dasharray="2 3"/>',
        _line(enumerate(panel.history), scale, _INK, 1.3, "history"),
        _line(enumerate(panel.mean, seen), scale, _BLUE, 1.8, "mean"),
        _legend(panel),
    ]
    return "\n".join(lines)


class _Scale:
    """Where steps and values lie."""

    def __init__(self, panel: Panel) -> None:
        self.low, self.high = panel.limits()
        self._last = max(panel.steps - 1, 1)

    def x(self, step: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * step / self._last

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def _axes(panel: Panel, scale: _Scale) -> list[str]:
    marks = ticks(scale.low, scale.high)
    step = marks[1] - marks[0] if len(marks) > 1 else abs(marks[0]) if marks else 1.0
    found = []
    for mark in marks:
        y = scale.y(mark)
        found.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        found.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_INK}">'
            f"{escaped(tick_text(mark, step))}</text>"
        )
    named = places(panel.steps)
    for place in named:
        side = "start" if place == 0 else "end" if place == panel.steps - 1 else "middle"
        found.append(
            f'<text x="{scale.x(place):.1f}" y="{HEIGHT - 12}" text-anchor="{side}" fill="{_INK}">'
            f"{escaped(panel.stamps[place])}</text>"
        )
    return found


def _band(band: Band, scale: _Scale, first: int, place: int) -> str:
    there = [step for step in range(len(band.low)) if np.isfinite(band.low[step] + band.high[step])]
    edge = [(first + step, band.high[step]) for step in there]
    edge += [(first + step, band.low[step]) for step in reversed(there)]
    points = " ".join(f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in edge)
    title = f"<title>{band.percentage:g} %</title>"
    return (
        f'<polygon points="{points}" fill="{_BLUE}" fill-opacity="{0.12 + 0.12 * place:g}">{title}</polygon>'
    )


def _line(points: Iterable[tuple[int, float]], scale: _Scale, ink: str, width: float, title: str) -> str:
    """A line that breaks where a value is missing."""
    path, drawing = [], False
    for step, value in points:
        if np.isfinite(value):
            path.append(f"{'L' if drawing else 'M'}{scale.x(step):.1f} {scale.y(float(value)):.1f}")
        drawing = bool(np.isfinite(value))
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{ink}" stroke-width="{width}" '
        f'stroke-linejoin="round" stroke-linecap="round"><title>{title}</title></path>'
    )


def _legend(panel: Panel) -> str:
    words = ["mean", *(f"{band.percentage:g} %" for band in reversed(panel.bands))]
    told = " · ".join(words)
    return f'<text x="{WIDTH - _RIGHT}" y="20" text-anchor="end" fill="{_BLUE}">{escaped(told)}</text>'
