"""A confusion matrix as PNG, by matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools.pictures.confusion import shares
from seqtools.pictures.png import fonts, new_figure, saved
from seqtools.pictures.wording import columns, label

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

_WHAT = "confusion matrix"
_NUMBERS = 20  # up to so many classes there is room for numbers


def render(names: Sequence[str], counts: IntArray, noun: str = "texts") -> bytes:
    """A picture of `[right, said]`, as a file's bytes; `noun` is what is counted.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    heads = [label(name) for name in names]
    cell = min(0.7, max(0.2, 8 / len(heads)))
    margin = 0.09 * max(map(columns, heads)) + 0.8
    figure = new_figure(_WHAT, margin + cell * len(heads) + 1.2, margin + cell * len(heads) + 0.3)
    axes = figure.add_subplot()
    part = shares(counts)
    image = axes.imshow(part, cmap="Blues", vmin=0, vmax=1)
    size = 10 if cell > 0.35 else 7
    axes.set_xticks(range(len(heads)), heads, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(heads)), heads)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set(fontfamily=fonts(), fontsize=size, parse_math=False)  # a class may hold dollar signs
    axes.set_xlabel("said")
    axes.set_ylabel("right")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(heads) <= _NUMBERS:
        for row, column in np.ndindex(*counts.shape):
            ink = "white" if part[row, column] > 0.5 else "#222222"
            told = f"{counts[row, column]:,}"
            axes.text(column, row, told, ha="center", va="center", color=ink, fontsize=size - 1)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.03, ticks=[0, 0.5, 1], aspect=25)
    bar.set_label(f"share of the row's {noun}", fontsize=size - 2)
    bar.ax.tick_params(labelsize=size - 2)
    bar.outline.set_visible(False)
    return saved(figure, _WHAT)
