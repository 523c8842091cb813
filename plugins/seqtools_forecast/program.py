"""What `seqtools forecast` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools.errors import DataError
from seqtools.output import note
from seqtools_forecast.column_options import NAMES
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.request import Request
from seqtools_forecast.width_report import WidthReport

if TYPE_CHECKING:
    from seqtools_forecast.about import About
    from seqtools_forecast.forecasts import Forecasts
    from seqtools_forecast.run import Forecaster
    from seqtools_forecast.store import SeriesStore

MOST_DRAWN = 12
"""Series in one picture."""


def forecast(asked: Request) -> None:
    """Forecast what is asked for."""
    from seqtools_forecast.asked_levels import chosen
    from seqtools_forecast.matching import remarks
    from seqtools_forecast.replaying import check_adapt
    from seqtools_forecast.tables_out import write_rows

    asked.check()
    model = open_model(asked.model, device=asked.device, threads=asked.threads, deadline=asked.deadline)
    model.horizon(asked.horizon)
    model.check_samples(asked.samples)
    check_adapt(asked.followed, paths=asked.samples is not None)
    wanted = chosen(asked.wanted, model.shape.levels)
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        store = read(asked, model.about, Path(folder), tail=_tail(asked, model))
        for remark in remarks(model.file.card, store):
            note(remark)
        run = _Run(asked, model, store, wanted)
        parts = run.parts()
        first = next(parts)
        columns = first.columns(wanted, samples=bool(asked.samples))
        write_rows(asked.output, asked.kind, columns, run.batches(first, parts))
        run.tell_widths()
        run.draw()


def _tail(asked: Request, model: Forecaster) -> int:
    """The last steps of each series that are needed; 0 for all."""
    from seqtools_forecast.drawing import shown
    from seqtools_forecast.replaying import steps_wanted

    adapt = asked.followed
    if isinstance(adapt, str):
        return 0
    wanted = steps_wanted(model.shape, adapt) if adapt else 0
    return max(2 * model.shape.context, wanted, shown(model.horizon(asked.horizon)))


def open_model(path: str | None, **settings: Any) -> Forecaster:
    """Open a model file of this task; without a path the one that comes along.

    Raises:
        ModelFileError: it is not usable, or of another task.
    """
    from seqtools import bundled
    from seqtools_forecast.run import open_forecaster

    return open_forecaster(bundled.open_model("forecast", path), **settings)


def read(asked: Any, about: About, folder: Path, *, tail: int = 0) -> SeriesStore:
    """The tables that are asked for, by the columns that are named, else by those of the model.

    Args:
        asked: has `files` and the options of `column_options`.
        tail: keep only the last steps of each series; 0 for all.
    """
    from seqtools_forecast.reading import read_series

    named = columns(asked, about)
    return read_series(list(asked.files), named, folder / "series", note, tail=tail, known=about.known())


def columns(asked: Any, about: About) -> SeriesDataConfig:
    """Which columns are what: covariates as in training, or none; the others as told or found."""
    from seqtools_forecast.columns import NONE

    told = {name: value for name in NAMES if (value := getattr(asked, f"{name}_column")) is not None}
    ours = {
        "past": ",".join(about.past) or NONE,
        "future": ",".join(about.future) or NONE,
        "static": ",".join((*about.numbers, *about.categories)) or NONE,
        "target": ",".join(about.targets) if about.shape.targets > 1 else "",
    }
    return replace(SeriesDataConfig(), **{**ours, **told})


class _Run:
    """One pass over the series."""

    def __init__(
        self, asked: Request, model: Forecaster, store: SeriesStore, wanted: tuple[float, ...]
    ) -> None:
        self._asked, self._model, self._store, self._wanted = asked, model, store, wanted
        self._drawn: list[tuple[Forecasts, int]] = []
        self._widths = WidthReport(wanted)

    def parts(self) -> Iterator[Forecasts]:
        """Forecasts of the series that are wanted.

        Raises:
            DataError: a series that is named is not there.
        """
        asked, store = self._asked, self._store
        missing = set(asked.only) - set(store.names)
        if missing:
            known = ", ".join(store.names[:5]) + (", …" if len(store) > 5 else "")
            raise DataError(f"series '{min(missing)}'", f"it is not there; there are {known}", "Check --only")
        return self._model.stream(
            store,
            horizon=asked.horizon,
            samples=asked.samples,
            seed=asked.seed,
            adapt=asked.followed,
            batch_size=asked.batch_size,
            only=asked.only,
        )

    def batches(self, first: Forecasts, others: Iterator[Forecasts]) -> Iterator[list[Any]]:
        """Columns of rows to write; what a picture wants is kept."""
        asked = self._asked
        for part in _chained(first, others):
            self._widths.add(part)
            if asked.plot:
                room = MOST_DRAWN - len(self._drawn)
                self._drawn += [(part, index) for index in range(min(room, len(part)))]
            yield from part.rows(self._wanted, samples=bool(asked.samples))

    def tell_widths(self) -> None:
        """Say how wide intervals have become."""
        for line in self._widths.lines():
            note(line)

    def draw(self) -> None:
        """Draw what was kept."""
        if not self._asked.plot:
            return
        from seqtools_forecast.drawing import collect
        from seqtools_forecast.plotting import plot

        panels = [
            panel for part, index in self._drawn for panel in collect(part, index, self._store, self._wanted)
        ]
        wanted = len(set(self._asked.only)) or len(self._store)
        if len(panels) > MOST_DRAWN or wanted > len(self._drawn):
            note(f"The picture shows the first {min(len(panels), MOST_DRAWN)}; --only chooses others")
        plot(self._asked.plot, panels[:MOST_DRAWN])


def _chained(first: Forecasts, others: Iterator[Forecasts]) -> Iterator[Forecasts]:
    yield first
    yield from others
