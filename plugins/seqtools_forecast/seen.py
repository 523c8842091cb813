"""Which steps of series a model may have been trained on, by where its file says that its training ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools.wording import counted

if TYPE_CHECKING:
    from seqtools.plugin import IntArray
    from seqtools_forecast.about import About
    from seqtools_forecast.past import Windows
    from seqtools_forecast.store import SeriesStore


def fresh(about: About, store: SeriesStore) -> IntArray | None:
    """How many steps at the end of each series came after training, `[series]`; None where none can tell."""
    ours, theirs = about.frequency, store.frequency
    if about.until is None or (ours.unit, ours.step) != (theirs.unit, theirs.step):
        return None
    steps: IntArray = np.clip(store.starts + store.lengths - about.until, 0, store.lengths)
    return steps


def flattery(about: About, store: SeriesStore, windows: Windows) -> str:
    """What to say of windows that begin before training ended; "" where there is nothing to say."""
    steps = fresh(about, store)
    if steps is None or about.until is None:
        return ""
    before = int((windows.origin < (store.lengths - steps)[windows.series]).sum())
    if not before:
        return ""
    begin = "begins" if before == 1 else "begin"
    (last,) = store.frequency.text(np.array([about.until - 1]))
    return (
        f"{before:,} of {counted(len(windows), 'window')} {begin} before the end of the model's training "
        f"({last}): if it saw these series, it flatters itself there"
    )
