"""Labelled texts from files: CSV, TSV, JSON Lines, fastText's lines, a file for each class; plain or gzip."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqtools.errors import DataError
from seqtools.plugin import Reporter
from seqtools.texts import decode, split_lines
from seqtools.tokens import well_formed
from seqtools_sentiment import columns
from seqtools_sentiment.columns import Columns
from seqtools_sentiment.examples import Example
from seqtools_sentiment.label_values import Read, settled
from seqtools_sentiment.recipe import LabelledDataConfig
from seqtools_sentiment.tables import TableRow, delimiter_of, read_table

_CURE = "Say its encoding with --encoding (latin-1, windows-1252, …), or convert it: iconv -f latin1 -t utf-8"
_FORMS = (
    "Give CSV or TSV, JSON Lines, lines that begin with __label__NAME, or a file for each class: NAME=FILE"
)
_MARKED = re.compile(r"(?:^|(?<=\s))__label__(\S+)")
# Rows that a first row is compared with, to tell whether it names the columns.
_COMPARED = 2000


def read_examples(
    files: Sequence[str], data: LabelledDataConfig, report: Reporter | None = None
) -> list[Example]:
    """All labelled texts of some files, in order, blank texts included.

    Args:
        files: each a path, or `NAME=PATH` for a file that holds texts of one class, a text a line.
        data: columns and encoding.
        report: told which columns are read.

    Raises:
        DataError: a file is missing, of another encoding or in no known form; a column is not there (those
            that are, are listed); a row is malformed or has no label (with its line).
        UsageError: there is no such encoding.
    """
    if not files:
        raise DataError("labelled texts", "no file is named", _FORMS)
    sources = [_source(file) for file in files]
    for _, path in sources:
        if path.is_dir():
            raise DataError(str(path), "it is a folder", "Name the files in it; NAME=FILE for one of a class")
        if not path.exists():
            raise DataError(str(path), "there is no such file", "Check the path")
    rows = [row for label, path in sources for row in _read(path, label, data, report)]
    return settled([Read(_clean(row.text), row.value, row.where) for row in rows])


def _source(file: str) -> tuple[str, Path]:
    """The label of a whole file, "" if it has none, and its path."""
    label, equals, path = file.partition("=")
    if equals and label and path and not Path(file).exists():
        return label, Path(path)
    return "", Path(file)


def _read(path: Path, label: str, data: LabelledDataConfig, report: Reporter | None) -> Iterator[Read]:
    lines = split_lines(decode(path, data.encoding, cure=_CURE))
    if label:
        return _plain(lines, path, label)
    kept = list(lines)
    first = next((line for line in kept if line.strip()), "")
    if not first:
        raise DataError(str(path), "it is empty", "Give a file with labelled texts")
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".jsonl", ".ndjson")) or first.lstrip().startswith("{"):
        return _records(kept, path, data, report)
    if name.endswith(".json"):
        raise DataError(str(path), "it is not JSON Lines", "Write a record a line: jq -c '.[]' FILE")
    if _MARKED.match(first.lstrip()):
        return _marked(kept, path)
    delimiter = delimiter_of(first) if name.endswith(".csv") else "\t"
    if name.endswith((".csv", ".tsv")) or "\t" in first:
        return _table(read_table(kept, str(path), delimiter), path, data, report)
    raise DataError(str(path), "its first line has no label", _FORMS)


def _plain(lines: Iterator[str], path: Path, label: str) -> Iterator[Read]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Read(line, label, f"{path}, line {number}")


def _marked(lines: Sequence[str], path: Path) -> Iterator[Read]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where, found = f"{path}, line {number}", _MARKED.findall(line)
        if not found:
            raise DataError(where, "it has no __label__", "Write: __label__NAME the text")
        yield Read(_MARKED.sub("", line).strip(), found, where)


def _records(
    lines: Sequence[str], path: Path, data: LabelledDataConfig, report: Reporter | None
) -> Iterator[Read]:
    chosen: Columns | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        record = _record(line, where)
        if chosen is None:
            chosen = columns.choose(list(record), [record], data.text, data.label, where)
            _tell(chosen, path, report)
        yield Read(chosen.text_of(record, where), chosen.label_of(record, where), where)


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(where, f"it is not JSON ({error})", "Mend the line") from error
    if not isinstance(record, dict):
        raise DataError(where, "it is not a JSON object", 'Write it like: {"text": "…", "label": "…"}')
    return record


def _table(
    rows: Sequence[TableRow], path: Path, data: LabelledDataConfig, report: Reporter | None
) -> Iterator[Read]:
    names = _header(rows, data)
    body = rows[1:] if names else rows
    names = names or [str(number) for number in range(1, len(rows[0].cells) + 1)]
    if len(names) == 1:
        raise DataError(str(path), f"it has one column ('{names[0]}')", _FORMS)
    records = [dict(zip(names, row.cells, strict=True)) for row in body]
    chosen = columns.choose(names, records[:_COMPARED], data.text, data.label, str(path))
    _tell(chosen, path, report)
    for row, record in zip(body, records, strict=True):
        where = f"{path}, line {row.line}"
        yield Read(chosen.text_of(record, where), chosen.label_of(record, where), where)


def _header(rows: Sequence[TableRow], data: LabelledDataConfig) -> list[str]:
    """Names in the first row; [] if it is a row like the others.

    It names the columns if it holds a name that was asked for or is widely used, or if a column of few
    different cells, as labels are, does not hold its cell again.
    """
    first = [cell.strip() for cell in rows[0].cells]
    asked = {part.strip() for part in f"{data.text},{data.label}".split(",")} - {""}
    if len(set(first)) < len(first) or not all(first):
        return []
    if asked:
        return [] if all(part.isdigit() for part in asked) and not asked <= set(first) else first
    below = [
        [cell.strip() for cell in column]
        for column in zip(*(row.cells for row in rows[1:_COMPARED]), strict=True)
    ]
    if not below or any(cell in column for cell, column in zip(first, below, strict=True)):
        return first if not below and any(map(columns.known_name, first)) else []
    few = any(len(set(column)) <= len(column) / 2 for column in below)
    return first if few or any(map(columns.known_name, first)) else []


def _tell(chosen: Columns, path: Path, report: Reporter | None) -> None:
    if report:
        labels = f"label{'s' if len(chosen.labels) > 1 else ''} '{', '.join(chosen.labels)}'"
        report(f"columns of {path.name}: text '{', '.join(chosen.text)}', {labels}")


def _clean(text: str) -> str:
    """Text that every host reads alike: no halves of surrogate pairs, no U+0000, which would end it."""
    return well_formed(text).replace("\0", " ")
