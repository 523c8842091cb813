"""Which column of a table, or field of a record, is the text and which the label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtools.errors import DataError
from seqtools.suggest import closest

TEXTS = (
    *("text", "sentence", "review", "review text", "review body", "comment", "comment text", "content"),
    *("body", "message", "tweet", "document", "utterance", "question", "phrase", "snippet", "description"),
    *("query", "sms", "post", "input", "summary", "headline", "title"),
)
LABELS = (
    *("label", "labels", "class", "category", "sentiment", "stars", "star rating", "rating", "score"),
    *("target", "polarity", "topic", "intent", "emotion", "label text", "tag", "tags", "gold", "y", "output"),
)
"""Names of columns that need not be told, the likeliest first; case, `_` and `-` do not matter."""

_PLAIN = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        text: several are joined with a blank.
        labels: several hold a number from 0 to 1 each: how much the text is of that class.
    """

    text: tuple[str, ...]
    labels: tuple[str, ...]

    def text_of(self, record: Mapping[str, Any], where: str) -> str:
        """The text of a record.

        Raises:
            DataError: it is missing, or no string.
        """
        return " ".join(_string(reach(record, name, where, "--text"), name, where) for name in self.text)

    def label_of(self, record: Mapping[str, Any], where: str) -> Any:
        """The label's value, or a mapping of the names of several columns to theirs.

        Raises:
            DataError: it is missing.
        """
        if len(self.labels) == 1:
            return reach(record, self.labels[0], where, "--label")
        return {name: _share(reach(record, name, where, "--label"), name, where) for name in self.labels}


def reach(record: Mapping[str, Any], name: str, where: str, option: str) -> Any:
    """A field's value; dots lead inwards (`review.text`)."""
    value: Any = record
    for key in [name] if name in record else name.split("."):
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(map(str, record))
            raise DataError(where, f"there is no field '{name}', but {there}", _cure(name, record, option))
        value = value[key]
    return value


def choose(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], text: str, label: str, where: str
) -> Columns:
    """The columns asked for, and by their names or contents those not asked for.

    Args:
        names: of all columns.
        rows: the first records, by which two columns without telling names are told apart.
        text, label: as asked for, several with commas; "" finds them.
        where: the file, for errors.

    Raises:
        DataError: a column is not there, or none can be told to be it, or one is to be both; what is there
            is listed.
    """
    texts, labels = _asked(names, text, where, "--text"), _asked(names, label, where, "--label")
    for name in sorted({*texts} & {*labels}):
        cause = f"column '{name}' is said to be text and label both; there are {_shown(names, rows)}"
        raise DataError(where, cause, "Name one column for each with --text and --label")
    taken = {*texts, *labels}
    texts = texts or _named(names, TEXTS, taken)
    labels = labels or _named(names, LABELS, {*taken, *texts})
    if len(names) == 2 and not (texts and labels):
        texts, labels = _of_two(names, rows, texts, labels)
    if texts and labels:
        return Columns(texts, labels)
    what, option = ("text", "--text") if not texts else ("label", "--label")
    raise DataError(where, f"no column is known to be the {what}; there are {_shown(names, rows)}",
                    f"Name it with {option} NAME")  # fmt: skip


def known_name(cell: str) -> bool:
    """Whether a cell of the first row looks like a name that needs not be told."""
    return plain(cell) in TEXTS or plain(cell) in LABELS


def plain(name: str) -> str:
    """A name without regard to case and to what joins its words."""
    return _PLAIN.sub(" ", name.strip().lower())


def _asked(names: Sequence[str], asked: str, where: str, option: str) -> tuple[str, ...]:
    if not asked:
        return ()
    several = (asked,) if asked in names else tuple(part.strip() for part in asked.split(","))
    for name in several:
        if name not in names and name.partition(".")[0] not in names:
            there = ", ".join(f"'{one}'" for one in names)
            cause = f"there is no column '{name}'; there are {there}"
            raise DataError(where, cause, _cure(name, names, option))
    return several


def _cure(name: str, names: Iterable[str], option: str) -> str:
    near = closest(name, map(str, names))
    return f"Did you mean {option} '{near}'?" if near else f"Name one of them with {option}"


def _named(names: Sequence[str], known: Sequence[str], taken: set[str]) -> tuple[str, ...]:
    free = {plain(name): name for name in reversed(names) if name not in taken}
    return next(((free[name],) for name in known if name in free), ())


def _of_two(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], texts: tuple[str, ...], labels: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of two columns, the one of more words is the text; of as many, the one whose cells differ more."""
    if not texts and not labels:
        cells = {name: [str(row[name]) for row in rows] for name in names}
        words = {name: sum(len(cell.split()) for cell in cells[name]) for name in names}
        texts = (max(names, key=lambda name: (words[name], len(set(cells[name])))),)
    other = next(name for name in names if name not in (texts or labels))
    return (texts or (other,)), (labels or (other,))


def _shown(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Names with what their first cell begins with."""
    first = rows[0] if rows else {}
    return ", ".join(f"'{name}' ({str(first.get(name, ''))[:20]!r}, …)" for name in names)


def _string(value: Any, name: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise DataError(where, f"field '{name}' is not a string", "Mend it, or name another with --text")


def _share(value: Any, name: str, where: str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        cause = f"column '{name}' holds {value!r}, but several columns of labels hold 0 to 1 each"
        raise DataError(where, cause, "Mend it, or name one column with --label")
    return share
