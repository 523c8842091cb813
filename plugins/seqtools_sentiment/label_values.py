"""What stands where a label is expected: one name or several, a number, or a share for each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqtools.errors import DataError
from seqtools_sentiment.examples import Example

BETWEEN = "|"
"""Stands between several labels in one cell."""

# How far shares may be from summing to 1, as they are rounded in files.
_ROUNDED = 0.02


class Read(NamedTuple):
    """A text as read, and the value of its label: text, number, list, or shares by class."""

    text: str
    value: Any
    where: str


def settled(rows: Sequence[Read]) -> list[Example]:
    """Examples of what was read.

    Shares that are all 0 or 1 name labels: one each or any number. Other shares sum to 1, or count votes.

    Raises:
        DataError: a text has no label, a label is no name, or shares do not sum to 1; with the line.
    """
    shares = [row.value for row in rows if isinstance(row.value, Mapping)]
    certain = all(value in (0, 1) for row in shares for value in row.values())
    return [
        _shared(row, certain)
        if isinstance(row.value, Mapping)
        else Example(row.text, _names(row), (), row.where)
        for row in rows
    ]


def _names(row: Read) -> tuple[str, ...]:
    """Labels by their names; a list may be empty."""
    if isinstance(row.value, list):
        return tuple(dict.fromkeys(_name(value, row.where) for value in row.value))
    if isinstance(row.value, str) and BETWEEN in row.value:
        parts = [part.strip() for part in row.value.split(BETWEEN)]
        return tuple(dict.fromkeys(part for part in parts if part))
    return (_name(row.value, row.where),)


def _name(value: Any, where: str) -> str:
    """A label as it is called everywhere; 4, 4.0 and "4.0" are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "":
        raise DataError(where, "the text has no label", "Add it or delete the line")
    if not isinstance(text, str | int | float):
        cause = f"its label is {str(text)[:40]!r}, which is no name, number, list or object of shares"
        raise DataError(where, cause, "Mend the line")
    try:
        number = float(text)
    except ValueError:
        return str(text)
    return str(int(number)) if number.is_integer() and "_" not in str(text) else str(text)


def _shared(row: Read, certain: bool) -> Example:
    shares = {str(name): _number(value, row.where) for name, value in row.value.items()}
    there = {name: share for name, share in shares.items() if share > 0}
    if certain:
        return Example(row.text, tuple(there), (), row.where)
    total = math.fsum(there.values())
    votes = max(shares.values(), default=0) > 1
    if not total or (not votes and abs(total - 1) > _ROUNDED):
        cause = f"the shares of its classes sum to {total:g}, not to 1"
        raise DataError(row.where, cause, "Mend it; labels that do not exclude each other are 0 or 1 each")
    return Example(row.text, tuple(there), tuple(share / total for share in there.values()), row.where)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool | int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    raise DataError(where, f"the share {value!r} is no number from 0 on", "Mend the line")
