"""Forecasts as a page: the pictures, and the numbers below each."""

from __future__ import annotations

from collections.abc import Sequence

from seqtools.pictures.svg import escaped
from seqtools.pictures.wording import shown
from seqtools_forecast.drawing import Panel
from seqtools_forecast.plot_svg import HEIGHT, WIDTH, panel_body

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Forecast</title>
<style>
body { font-family: sans-serif; max-width: 920px; margin: 2em auto; color: #222 }
svg { width: 100%; height: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
td, th { padding: 2px 10px; text-align: right; border-bottom: 1px solid #eee }
td:first-child, th:first-child { text-align: left }
summary { cursor: pointer; color: #08519c }
</style></head><body>
"""


def render(panels: Sequence[Panel]) -> bytes:
    """A page's bytes; it needs nothing from elsewhere."""
    return (_HEAD + "\n".join(map(_section, panels)) + "\n</body></html>\n").encode()


def _section(panel: Panel) -> str:
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12" role="img" '
        f'aria-label="{escaped(shown(panel.title))}">\n{panel_body(panel)}\n</svg>'
    )
    return f"<section>\n{picture}\n<details><summary>Numbers</summary>\n{_table(panel)}\n</details></section>"


def _table(panel: Panel) -> str:
    inner = list(reversed(panel.bands))
    heads = ["", *(f"lo {band.percentage:g}" for band in panel.bands), "mean"]
    heads += [f"hi {band.percentage:g}" for band in inner]
    rows = ["<tr>" + "".join(f"<th>{escaped(head)}</th>" for head in heads) + "</tr>"]
    for step, stamp in enumerate(panel.stamps[len(panel.history) :]):
        values = [band.low[step] for band in panel.bands] + [panel.mean[step]]
        values += [band.high[step] for band in inner]
        cells = "".join(f"<td>{value:,.6g}</td>" for value in values)
        rows.append(f"<tr><td>{escaped(stamp)}</td>{cells}</tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"
