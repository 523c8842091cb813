"""Tables of series into a store: read once, laid on their grid, with what was found along the way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

from seqtools.errors import DataError
from seqtools.lines import opened
from seqtools.plugin import Reporter
from seqtools_forecast.chunk import WholeSeries
from seqtools_forecast.columns import NONE, Columns, Sample, choose, missing_column
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.intake import Intake
from seqtools_forecast.known import NOTHING, Known
from seqtools_forecast.laying import Laying
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.tables_in import SeriesFile, Table, table_of
from seqtools_forecast.tail import Tail
from seqtools_forecast.years import meaning


def read_series(
    files: Sequence[str | Path],
    data: SeriesDataConfig,
    folder: Path,
    report: Reporter | None = None,
    *,
    tail: int = 0,
    mixed: bool = False,
    known: Known = NOTHING,
) -> SeriesStore:
    """Read tables of any format into a store.

    Memory is bounded by the number of series and the longest of them, however many rows there are.

    Args:
        files: `-` is stdin, `.gz` is unpacked. Several are one table; without a column that names series,
            each file is a series.
        data: which columns are read, and the frequency if it is given.
        folder: of the store; rows lie there too while they are sorted.
        report: told what was found.
        tail: of each series only so many last steps are kept; 0 keeps all.
        mixed: series may differ in frequency; each lies on its own grid, the store tells the commonest.
        known: what a model knows that shall forecast them.

    Raises:
        DataError: a file is broken, or does not hold series; with its row where there is one.
        MissingDependencyError: a Parquet file, and pyarrow is not installed.
    """
    paths = [str(file) for file in files]
    with closing(_Tables(data, folder, report, known, several=len(paths) > 1, tail=tail)) as tables:
        for path in paths:
            tables.read(path)
        laying = Laying(tables.taken(), data, folder, known, tail=tail, mixed=mixed)
        store = laying.store()
    if report:
        for line in laying.lines(store):
            report(line)
    return store


class _Tables:
    """Files into one intake, which the first of them opens.

    Args:
        data, folder, report, known, tail: see `read_series`.
        several: files without a column of names are a series each.
    """

    def __init__(
        self,
        data: SeriesDataConfig,
        folder: Path,
        report: Reporter | None,
        known: Known,
        *,
        several: bool,
        tail: int = 0,
    ) -> None:
        self._data, self._folder, self._several, self._tail = data, folder, several, tail
        self._known = known
        self._say = report or (lambda _: None)
        self._intake: Intake | None = None

    def close(self) -> None:
        """Remove what was spooled."""
        if self._intake is not None:
            self._intake.close()

    def taken(self) -> Intake:
        """All rows.

        Raises:
            DataError: there was no file.
        """
        if self._intake is None:
            raise DataError("series", "no file is given", "Name a table")
        return self._intake

    def _open(self, columns: Columns, categories: frozenset[str] | None) -> None:
        """Begin to take in rows of these columns."""
        asked = Frequency.parse(self._data.frequency) if self._data.frequency else None
        tail = Tail(self._tail, len(columns.targets), asked) if self._tail else None
        when = meaning(asked, self._known.frequency)
        self._intake = Intake(columns, self._folder, categories, tail, when)

    def read(self, path: str) -> None:
        """Take in a file."""
        known = self._known.frequency
        usual = known.name if known and not known.is_integer else ""
        with opened(path) as (stream, name):
            table = table_of(stream, name, self._data.frequency, usual)
            if isinstance(table, SeriesFile):
                self._series(table, name)
            else:
                self._rows(table, name, "stdin" if path == "-" else Path(path).name.partition(".")[0])

    def _rows(self, table: Table, name: str, stem: str) -> None:
        if self._intake is None:
            columns = choose(table.sample, self._data, self._known.targets)
            self._open(columns, self._known.categories)
            self._say(f"{name}: {table.form}; {columns.told()}")
        intake = self.taken()
        columns = intake.columns
        _check_same(columns, table.sample)
        known = intake.names
        # A table without targets goes on with the covariates of the series before.
        goes_on = known and not set(columns.targets) & set(table.sample.names)
        alone = stem if self._several or len(columns.targets) > 1 else columns.targets[0]
        for chunk in table.chunks:
            intake.table(chunk, known[-1] if goes_on else alone)
        if intake.stamps.remark:
            self._say(intake.stamps.remark)

    def _series(self, file: SeriesFile, name: str) -> None:
        first = next(file.series, None)
        if first is None:
            raise DataError(name, "it holds no series", "Give a table with values")
        if self._intake is None:
            columns, categories = _columns_of(_wanted(first, self._data))
            self._open(columns, categories)
            aside = sorted(set(_named(_columns_of(first)[0])) - set(_named(columns)))
            self._say(f"{name}: {file.form}" + (f"; left aside: {', '.join(aside)}" if aside else ""))
        for place, series in enumerate(chain([first], file.series)):
            self.taken().whole(_wanted(series, self._data), str(place))


def _check_same(columns: Columns, sample: Sample) -> None:
    """A further table has the columns of the first one, or goes on with covariates that are known ahead."""
    goes_on = columns.future and not set(columns.targets) & set(sample.names)
    needed = [columns.id, columns.time, *(columns.future if goes_on else columns.values)]
    for name in needed:
        if name and name not in sample.names:
            raise missing_column(sample, name, "Give tables with the same columns")


def _wanted(series: WholeSeries, data: SeriesDataConfig) -> WholeSeries:
    """A series without the kinds of covariates of which none is asked for."""
    static = data.static != NONE
    return replace(
        series,
        past=None if data.past == NONE else series.past,
        future=None if data.future == NONE else series.future,
        numbers=series.numbers if static else (),
        categories=series.categories if static else (),
    )


def _named(columns: Columns) -> tuple[str, ...]:
    return (*columns.past, *columns.future, *columns.static)


def _columns_of(series: WholeSeries) -> tuple[Columns, frozenset[str]]:
    """Names for what has none, and which static ones are categories."""

    def several(name: str, count: int) -> tuple[str, ...]:
        return (name,) if count == 1 else tuple(f"{name}_{place}" for place in range(1, count + 1))

    width = series.values.shape[1]
    categories = several("feat_static_cat", len(series.categories))
    return Columns(
        "unique_id",
        "ds",
        ("y",) if width == 1 else tuple(f"c{place}" for place in range(1, width + 1)),
        several("past_feat_dynamic_real", 0 if series.past is None else series.past.shape[1]),
        several("feat_dynamic_real", 0 if series.future is None else series.future.shape[1]),
        (*several("feat_static_real", len(series.numbers)), *categories),
    ), frozenset(categories)
