"""What is known after scoring a forecaster, as JSON and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtools.pictures.wording import columns, label
from seqtools.wording import counted
from seqtools_forecast.comparing import best_floor, called, relative, table, verdict
from seqtools_forecast.metrics import INTERVALS

_OWN = "model"
_MOST_STEPS = 12
_MOST_CUTOFFS = 30


@dataclass(frozen=True)
class Evaluation:
    """Figures, see `scoring`, and of what.

    Attributes:
        scores: by method, the forecaster first.
        steps: of the forecaster, for each step ahead.
        worst: of the forecaster's series with the greatest errors: `series`, `windows` and figures.
        cutoffs: for each turn of windows, the oldest first: `from` and `to` (last stamps before them),
            `windows`, and `scores` by method.
        windows, series, dropped: how many were scored, and windows that could not be.
        horizon: steps ahead.
        season: of MASE and the simple methods.
    """

    scores: Mapping[str, Mapping[str, float]]
    steps: Sequence[Mapping[str, float]]
    worst: Sequence[Mapping[str, Any]]
    cutoffs: Sequence[Mapping[str, Any]]
    windows: int
    series: int
    dropped: int
    horizon: int
    season: int

    @property
    def floors(self) -> bool:
        """Whether simple methods were scored, too."""
        return bool(best_floor(self.scores, _OWN))

    def as_json(self) -> dict[str, Any]:
        """JSON-safe."""
        others = {name: one for name, one in self.scores.items() if name != _OWN}
        told: dict[str, Any] = {
            "series": self.series,
            "windows": self.windows,
            "dropped": self.dropped,
            "horizon": self.horizon,
            "season": self.season,
            "scores": self.scores[_OWN],
            "floors": others,
            "relative": relative(self.scores),
            "steps": [{"step": place, **one} for place, one in enumerate(self.steps, start=1)],
            "cutoffs": [
                {**one, "scores": one["scores"][_OWN], "relative": relative(one["scores"]).get(_OWN)}
                for one in self.cutoffs
            ],
            "worst": list(self.worst),
        }
        return told | ({"verdict": self.verdict} if self.floors else {})

    @property
    def verdict(self) -> str:
        """Whether the forecaster earns its place."""
        return verdict(self.scores, _OWN)

    def summary(self) -> Iterator[str]:
        """The methods beside each other, and the verdict."""
        told = f"{counted(self.windows, 'window')} of {self.series:,} series, {counted(self.horizon, 'step')}"
        left = f"; {counted(self.dropped, 'window')} without values left out" if self.dropped else ""
        yield f"{told} ahead{left}"
        own = self.scores[_OWN]
        yield from table(self.scores) if self.floors else _alone({_OWN: own}, "method")
        widths = [
            f"{own[f'width_{share}']:.5g} ({share} %)" for share in INTERVALS if f"width_{share}" in own
        ]
        if widths:
            yield f"Intervals of the model are {', '.join(widths)} wide on average."
        if self.floors:
            yield self.verdict

    def by_step(self) -> Iterator[str]:
        """The forecaster's figures by step ahead; of a long horizon some steps."""
        many = len(self.steps)
        places = sorted(set(np.linspace(1, many, min(many, _MOST_STEPS)).round().astype(int).tolist()))
        yield from _alone({str(place): self.steps[place - 1] for place in places}, "step ahead")

    def by_cutoff(self) -> Iterator[str]:
        """The forecaster's figures by the last step that it saw, and beside the best simple method."""
        shown = self.cutoffs[-_MOST_CUTOFFS:]
        named = [_span(one) for one in shown]
        wide = max(16, *(columns(name) + 2 for name in named))
        head = f"{'cutoff':<{wide}}{'windows':>9}{'MASE':>10}{'sMAPE':>10}{'RMSE':>12}{'80 %':>8}{'95 %':>8}"
        yield head + (f"{'relative':>10}  best simple method" if self.floors else "")
        for name, one in zip(named, shown, strict=True):
            yield _cutoff(name.ljust(wide), one, floors=self.floors)
        if len(shown) < len(self.cutoffs):
            yield f"and {counted(len(self.cutoffs) - len(shown), 'cutoff')} before them"

    def by_series(self) -> Iterator[str]:
        """The series with the greatest errors."""
        yield from _alone({label(str(one["series"])): one for one in self.worst}, "worst series")


def _span(cutoff: Mapping[str, Any]) -> str:
    first, last = cutoff["from"], cutoff["to"]
    return str(first) if first == last else f"{first} … {last}"


def _cutoff(name: str, cutoff: Mapping[str, Any], *, floors: bool) -> str:
    scores, shares = cutoff["scores"], relative(cutoff["scores"])
    own = scores[_OWN]
    line = f"{name}{cutoff['windows']:>9,}"
    for key, form in (
        ("mase", "10.3f"),
        ("smape", "10.3f"),
        ("rmse", "12.5g"),
        ("coverage_80", "8.1%"),
        ("coverage_95", "8.1%"),
    ):
        line += f"{own[key]:>{form}}" if key in own else f"{'-':>{form.partition('.')[0]}}"
    if not floors:
        return line
    best = best_floor(scores, _OWN)
    line += f"{shares[_OWN]:>10.3f}" if _OWN in shares else f"{'-':>10}"
    return f"{line}  {called(best)} {shares[best]:.3f}" if best in shares else line


def _alone(scores: Mapping[str, Mapping[str, float]], first: str) -> Iterator[str]:
    """The table of `comparing` without its last column, which needs simple methods."""
    return (line[:-10].rstrip() for line in table(scores, first))
