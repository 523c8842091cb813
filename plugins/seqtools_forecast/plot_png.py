"""Forecasts as PNG, by matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtools.pictures.png import fonts, new_figure, saved
from seqtools.pictures.wording import shown
from seqtools_forecast.drawing import Panel, places

_WHAT = "forecast"


def render(panels: Sequence[Panel]) -> bytes:
    """A picture's bytes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(_WHAT, 9, 2.9 * len(panels) + 0.3)
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw(axes, panel)
    figure.tight_layout()
    return saved(figure, _WHAT)


def _draw(axes: Any, panel: Panel) -> None:
    seen = len(panel.history)
    ahead = np.arange(seen, panel.steps)
    for place, band in enumerate(panel.bands):
        told = f"{band.percentage:g} %"
        axes.fill_between(
            ahead, band.low, band.high, color="#1f6fb4", alpha=0.15 + 0.15 * place, lw=0, label=told
        )
    axes.plot(np.arange(seen), panel.history, color="#333333", lw=1.2, label="history")
    axes.plot(ahead, panel.mean, color="#08519c", lw=1.6, label="mean")
    axes.axvline(seen - 0.5, color="#999999", lw=0.8, ls=":")
    named = places(panel.steps)
    axes.set_xticks(named, [panel.stamps[place] for place in named], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title(shown(panel.title), fontsize=10, fontfamily=fonts(), loc="left", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.legend(fontsize=8, frameon=False, ncols=len(panel.bands) + 2, loc="upper left")
