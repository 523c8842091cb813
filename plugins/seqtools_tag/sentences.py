"""Labelled sentences from CoNLL columns and CoNLL-U, plain or gz. The standard library only.

Columns: a word a line, its columns parted by tabs or blanks, an empty line between sentences. Lines of
`-DOCSTART-` are skipped. CoNLL-U has ten columns between tabs; comments, ranges (`8-9`) and words that only
the analysis has (`8.1`) are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import DataError, UsageError
from seqtools.lines import Line, opened, read_lines

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""Names of CoNLL-U's columns."""

DOCUMENT = "-DOCSTART-"
_ID = re.compile(r"[0-9]+(?:[-.][0-9]+)?")
_HEAD = re.compile(r"[0-9]+|_")
_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Sentence:
    """Words and their labels; blanks inside words are taken out.

    Attributes:
        words, labels: as many of one as of the other.
        line: number of its first line in the file, 0 if it comes from none.
    """

    words: tuple[str, ...]
    labels: tuple[str, ...]
    line: int = 0


@dataclass(frozen=True)
class Columns:
    """Which columns are read, as the recipe names them.

    Attributes:
        label: a number (-1 is the last), a CoNLL-U name, or "" for upos in CoNLL-U and the last elsewhere.
        word: the same, or "" for form in CoNLL-U and the first elsewhere.
    """

    label: str = ""
    word: str = ""


def read_sentences(path: Path, columns: Columns = Columns()) -> list[Sentence]:
    """The sentences of a file.

    Raises:
        DataError: it cannot be read, has no sentences, or a line has another number of columns than those
            before it (told with its number).
        UsageError: a column is named that the file does not have.
    """
    with opened(str(path)) as (stream, name):
        found = list(_Reader(name, columns).sentences(read_lines(stream, name)))
    if not found:
        raise DataError(str(path), "it holds no sentences", "Give lines of a word and its label")
    return found


class _Reader:
    """What is known of a file while it is read: its separator and columns, from the first line on."""

    def __init__(self, name: str, columns: Columns) -> None:
        self.name, self.columns = name, columns
        self.treebank = name.removesuffix(".gz").endswith((".conllu", ".conll-u"))
        self.count = 0
        self.separator: str | None = None
        self.word = self.label = -1

    def sentences(self, lines: Iterable[Line]) -> Iterator[Sentence]:
        rows: list[tuple[str, str]] = []
        start = 0
        for line in lines:
            if line.cut:
                raise self.error(line, "it is longer than a megabyte", "Is it a file of columns?")
            text = line.text
            if not text.strip() or text.startswith(DOCUMENT):
                if rows:
                    yield _sentence(rows, start)
                rows = []
            elif not (self.is_comment(text) and not rows):
                if not rows:
                    start = line.number
                row = self.row(line)
                rows += [row] if row else []
        if rows:
            yield _sentence(rows, start)

    def is_comment(self, text: str) -> bool:
        """Whether a line before a sentence's first word is a comment; `#` may be a word, too."""
        if self.treebank or not self.count:
            return text.startswith("#") if self.treebank else text.startswith("# ")
        return text.startswith("# ") and len(text.split(self.separator)) != self.count

    def row(self, line: Line) -> tuple[str, str] | None:
        """Word and label of a line; None where it is no word of the text."""
        if not self.count:
            self.begin(line)
        parts = line.text.split(self.separator)
        if len(parts) != self.count:
            cause = f"it has {_columns(len(parts))}, the lines before it {self.count}"
            cure = "Mend the line; words of one sentence stand below each other, an empty line ends it"
            raise self.error(line, cause, cure)
        if self.treebank:
            if not _ID.fullmatch(parts[0]):
                raise self.error(line, f"'{parts[0][:20]}' is no id of a word", "Is it CoNLL-U?")
            if not parts[0].isdigit():
                return None
        word, label = "".join(parts[self.word].split()), parts[self.label].strip()
        if not word or not label:
            raise self.error(line, f"its {'label' if word else 'word'} is empty", "Mend the line")
        return word, label

    def begin(self, line: Line) -> None:
        """Take the file's form from its first line with a word."""
        text = line.text
        parts = text.split("\t")
        self.treebank |= len(parts) == len(CONLLU) and bool(
            _ID.fullmatch(parts[0]) and _HEAD.fullmatch(parts[6])
        )
        self.separator = "\t" if self.treebank or len(parts) > 1 else None
        self.count = len(text.split(self.separator))
        if self.treebank and self.count != len(CONLLU):
            cause = f"it has {_columns(self.count)} between tabs, CoNLL-U has {len(CONLLU)}"
            raise self.error(line, cause, "Mend the line, or rename a file of other columns")
        if self.count < 2:
            raise self.error(
                line, "it has one column", "Give a word and its label, with a tab or blank between"
            )
        self.word = self.place(self.columns.word, CONLLU.index("form") if self.treebank else 0)
        self.label = self.place(self.columns.label, CONLLU.index("upos") if self.treebank else -1)

    def place(self, column: str, default: int) -> int:
        """The number of a column as it is named."""
        if not column:
            return default
        if self.treebank and column.lower() in CONLLU:
            return CONLLU.index(column.lower())
        cause = f"the file has the columns 0 to {self.count - 1}"
        cause += f" ({', '.join(CONLLU)})" if self.treebank else ""
        if _NUMBER.fullmatch(column) and -self.count <= int(column) < self.count:
            return int(column)
        raise UsageError(f"{self.name}, column '{column}'", f"there is none; {cause}", "Name one of these")

    def error(self, line: Line, cause: str, cure: str) -> DataError:
        return DataError(f"{self.name}, line {line.number}", cause, cure)


def _sentence(rows: Sequence[tuple[str, str]], line: int) -> Sentence:
    return Sentence(tuple(word for word, _ in rows), tuple(label for _, label in rows), line)


def _columns(count: int) -> str:
    return f"{count} column" + ("s" if count != 1 else "")
