"""What reading found in the series, counted while they pass by, and told in lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqtools.wording import counted
from seqtools_forecast import pieces
from seqtools_forecast.facts import SHORT
from seqtools_forecast.regular import Laid

_SHOWN = 10
"""Names kept as examples."""


@dataclass
class Finding:
    """Series that something holds of.

    Attributes:
        series: how many.
        count: of steps or rows within them.
        names: of the first of them.
    """

    series: int = 0
    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str, count: int = 1) -> None:
        """One more series."""
        self.series += 1
        self.count += count
        if len(self.names) < _SHOWN:
            self.names.append(name)

    def payload(self) -> dict[str, Any]:
        """JSON-safe."""
        return {"series": self.series, "count": self.count, "names": self.names}


KINDS = (
    *("gaps", "duplicates", "unsorted", "missing", "constant", "zero", "negative", "short", "late_starts"),
    *("dropped", "irregular"),
)
_TOLD = {
    "gaps": "{steps} without a row in {series}: left missing",
    "duplicates": "{rows} whose step came before in {series}: {duplicates} counts",
    "unsorted": "rows out of order in {series}: sorted",
    "missing": "{values} empty in {series}: left missing",
    "constant": "{series} never change",
    "zero": "{series} hold nothing but zeros",
    "short": f"{{series}} have fewer than {SHORT} steps",
    "late_starts": "{series} start later than the first one",
    "dropped": "{series} have no value at all and are left out",
    "irregular": "{series} lie on no regular steps and are left out",
}


class Findings:
    """Counts over all series.

    Args:
        targets: number of targets.
        duplicates: what counts when a step is told twice.
        cut: series may have begun earlier than what is looked at.
    """

    def __init__(self, targets: int, duplicates: str, *, cut: bool = False) -> None:
        self._targets, self._duplicates, self._cut = targets, duplicates, cut
        self._found = {kind: Finding() for kind in KINDS}
        self._frequencies: Counter[str] = Counter()
        self._lengths: list[int] = []
        self._starts: list[int] = []
        self._names: list[str] = []

    def frequency(self, name: str) -> None:
        """A series has this frequency by itself."""
        self._frequencies[name] += 1

    def add(self, kind: str, name: str, count: int = 1) -> None:
        """A series of which something holds."""
        self._found[kind].add(name, count)

    def series(self, name: str, laid: Laid) -> None:
        """Look at a series on its grid."""
        values = laid.rows[: laid.length, : self._targets]
        self._lengths.append(laid.length)
        self._starts.append(laid.start)
        self._names.append(name)
        least, most = values.min(axis=0), values.max(axis=0)
        empty = 0
        if np.isnan(least).any():
            empty = pieces.total(values, np.isnan) - laid.gaps * self._targets
            least, most = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        for kind, count in (
            ("gaps", laid.gaps),
            ("duplicates", laid.duplicates),
            ("unsorted", int(laid.unsorted)),
            ("missing", empty),
            ("short", int(laid.length < SHORT)),
        ):
            if count:
                self.add(kind, name, count)
        lows, highs = least.tolist(), most.tolist()
        if lows == highs:
            self.add("constant" if any(lows) else "zero", name)
        if min(lows) < 0:
            self.add("negative", name, pieces.total(values, lambda some: some < 0))

    def report(self, rows: int) -> dict[str, Any]:
        """JSON-safe; see `SeriesStore.report`."""
        if self._starts and not self._cut:
            first = min(self._starts)
            for name, start in zip(self._names, self._starts, strict=True):
                if start > first:
                    self.add("late_starts", name, start - first)
        lengths = np.array(self._lengths or [0])
        return {
            "rows": rows,
            "series": len(self._lengths),
            "steps": int(lengths.sum()),
            "lengths": {
                "min": int(lengths.min()),
                "median": float(np.median(lengths)),
                "max": int(lengths.max()),
            },
            "frequencies": dict(self._frequencies.most_common()),
            **{kind: found.payload() for kind, found in self._found.items()},
        }

    def lines(self) -> list[str]:
        """What a person should know."""
        told = []
        for kind, text in _TOLD.items():
            found = self._found[kind]
            if found.series:
                series = f"{found.series:,} series" if found.series > 1 else f"series '{found.names[0]}'"
                if found.series == 1:
                    text = text.replace("} have", "} has").replace("} start ", "} starts ")
                    text = text.replace("} never change", "} never changes").replace("} lie", "} lies")
                    text = text.replace("} hold", "} holds")
                    text = text.replace("and are left", "and is left")
                nouns = {f"{noun}s": counted(found.count, noun) for noun in ("step", "row", "value")}
                told.append(text.format(**nouns, series=series, duplicates=self._duplicates))
        return told
