"""Series from what Python programs hold: data frames and arrays."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.about import About
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.store import SeriesStore, from_arrays

_LINE = re.compile(r", line (\d+)$")
_MISSING = ("None", "nan", "NaT", "<NA>")


def taken(series: Any, about: About, folder: Path) -> SeriesStore:
    """A store of a data frame (anything with columns), an array or several.

    Raises:
        DataError: it is none of them, or lacks a column.
    """
    if hasattr(series, "to_frame"):  # one column, perhaps with an index of stamps
        series = series.to_frame(about.targets[0])
    if hasattr(series, "columns") and hasattr(series, "__getitem__"):
        return _frame(series, about, folder)
    return from_arrays(_arrays(series, about), folder, targets=about.targets)


def _arrays(series: Any, about: About) -> list[np.ndarray[Any, Any]]:
    """One array for each series, each `[time, targets]`."""
    width = about.shape.targets
    try:
        if isinstance(series, Sequence) and len(series) and np.ndim(series[0]):
            rows = [_numbers(one) for one in series]
        else:
            whole = _numbers(series)
            single = 1 if width == 1 else 2
            rows = [whole] if whole.ndim == single else list(whole) if whole.ndim == single + 1 else []
    except (TypeError, ValueError) as error:
        cause = f"they are no numbers ({error})"
        raise DataError("series", cause, "Give arrays of numbers, or a data frame") from error
    made = [row.reshape(len(row), -1) for row in rows if row.ndim in (1, 2) and row.size]
    if len(made) < max(len(rows), 1) or any(row.shape[1] != width for row in made):
        wanted = "[time] or [series, time]" if width == 1 else f"[time, {width}] or [series, time, {width}]"
        raise DataError("series", f"they are not of the shape {wanted}", "Give arrays of that shape")
    if any(np.isinf(row).any() for row in made):
        raise DataError("series", "a value is infinite", "Use NaN for what is missing")
    return made


def _numbers(values: Any) -> np.ndarray[Any, Any]:
    """Float64; what a mask hides is missing."""
    if np.iscomplexobj(values):
        raise TypeError("they are complex")
    if np.ma.isMaskedArray(values):
        return np.ma.filled(values.astype(np.float64), np.nan)
    return np.asarray(values, np.float64)


def _frame(frame: Any, about: About, folder: Path) -> SeriesStore:
    """By way of a table: frames of any library are read as files are."""
    from seqtools_forecast.reading import read_series

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "frame.csv"
    told = list(getattr(frame, "column_names", frame.columns))  # an Arrow table's `columns` are its values
    names, columns = [str(name) for name in told], [np.asarray(frame[name]) for name in told]
    index = np.asarray(getattr(frame, "index", None))
    if index.dtype.kind == "M" and index.shape == columns[0].shape:
        names, columns = [str(frame.index.name or "ds"), *names], [index, *columns]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows(zip(*(_texts(column) for column in columns), strict=True))
    try:
        return read_series([path], asked(about, names), folder / "series", known=about.known())
    except DataError as error:
        raise _of_frame(error, path) from error


def _of_frame(error: DataError, path: Path) -> DataError:
    """An error of the table as one of the frame: no file that nobody knows, no option that is not there."""
    subject = error.subject.replace(str(path), "data frame")
    subject = _LINE.sub(lambda found: f", row {int(found[1]) - 1}", subject)  # below the names
    cure = "Name its columns as in training, or unique_id, ds, y" if "--" in error.cure else error.cure
    return DataError(subject, error.cause, cure)


def asked(about: About, names: Sequence[str] = ()) -> SeriesDataConfig:
    """How to read a table for a model: its own columns, as far as the table has them."""
    targets = about.targets if set(about.targets) <= set(names) or not names else ()
    return replace(
        SeriesDataConfig(),
        target=",".join(targets),
        past=",".join(about.past),
        future=",".join(about.future),
        static=",".join((*about.numbers, *about.categories)),
    )


def _texts(column: np.ndarray[Any, Any]) -> list[str]:
    """Values as a table writes them; what is missing is empty."""
    if np.issubdtype(column.dtype, np.datetime64):
        days = column.astype("datetime64[D]")
        whole = bool(((days == column) | np.isnat(column)).all())
        texts = np.datetime_as_string(column, unit="D" if whole else "s").tolist()
        return ["" if text == "NaT" else text for text in texts]
    if np.issubdtype(column.dtype, np.floating):
        return ["" if np.isnan(value) else repr(value) for value in column.tolist()]
    return ["" if (text := str(value)) in _MISSING else text for value in column.tolist()]
