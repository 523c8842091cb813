r"""Sentence pairs from files, one at a time: memory does not grow with the corpus.

Parallel files (line n of one is the translation of line n of the other), tab-separated files and JSON
Lines with two fields, each plain or gzip. Only `\n` and `\r\n` end a line.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from seqtools.errors import DataError
from seqtools.texts import decode, split_lines
from seqtools.tokens import well_formed
from seqtools.wording import counted

_JSON_LINES = (".jsonl", ".ndjson")
_LINE_ENDS = re.compile(r"[\r\n]+")


class Pair(NamedTuple):
    """A sentence and its translation; neither holds a line end.

    Attributes:
        source, target: the two sides, blanks around them kept.
        file: where the source side was read.
        line: its number there, from 1.
    """

    source: str
    target: str
    file: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        """File and line, as errors name them."""
        return f"{self.file}, line {self.line}"


@dataclass
class Report:
    """What one reading found; complete once its iterator is used up.

    Attributes:
        kept: pairs given out.
        blank_source, blank_target: pairs dropped because only that side was empty or blank.
        blank_both: pairs dropped because both were.
    """

    kept: int = 0
    blank_source: int = 0
    blank_target: int = 0
    blank_both: int = 0
    _hash: Any = field(default_factory=hashlib.sha256, repr=False, compare=False)

    @property
    def dropped(self) -> int:
        """Pairs that were left out."""
        return self.blank_source + self.blank_target + self.blank_both

    @property
    def sha256(self) -> str:
        """Digest of the pairs kept, in order, whatever kind of file they came from."""
        digest: str = self._hash.hexdigest()
        return digest

    def keep(self, pair: Pair) -> bool:
        """Count a pair; whether both of its sides say something."""
        has_source, has_target = bool(pair.source.strip()), bool(pair.target.strip())
        if has_source and has_target:
            self.kept += 1
            self._hash.update(f"{pair.source}\n{pair.target}\n".encode())
            return True
        self.blank_both += not has_source and not has_target
        self.blank_source += has_target and not has_source
        self.blank_target += has_source and not has_target
        return False

    def line(self) -> str:
        """One line for people."""
        told = counted(self.kept, "pair")
        if self.dropped:
            parts = (
                (self.blank_source, "no source"),
                (self.blank_target, "no target"),
                (self.blank_both, "neither"),
            )
            reasons = ", ".join(f"{count:,} with {what}" for count, what in parts if count)
            told += f", {self.dropped:,} dropped ({reasons})"
        return told


@dataclass(frozen=True)
class Pairs:
    """Where sentence pairs lie; can be read again and again.

    Attributes:
        sources: source files; without targets, files that hold both sides: JSON Lines by their name
            (.jsonl, .ndjson), all others tab-separated, `source TAB target`, further columns unread.
        targets: as many target files, in the same order; or none.
        source_field, target_field: fields of JSON Lines records; dots lead inwards (`translation.de`).
    """

    sources: tuple[Path, ...]
    targets: tuple[Path, ...] = ()
    source_field: str = "source"
    target_field: str = "target"

    def check(self) -> None:
        """Complain of wrong paths before anything is read.

        Raises:
            DataError: no file, a file that is not there, or not as many targets as sources.
        """
        if not self.sources:
            raise DataError("sentence pairs", "no file is named", "Name files with --source and --target")
        for path in (*self.sources, *self.targets):
            if path.is_dir():
                raise DataError(str(path), "it is a folder", "Name the files in it")
            if not path.exists():
                raise DataError(str(path), "there is no such file", "Check the path")
        if self.targets and len(self.sources) != len(self.targets):
            raise DataError(
                "sentence pairs",
                f"there are {_count(len(self.sources), 'source file')} "
                f"and {_count(len(self.targets), 'target file')}",
                "Name a target file for each source file, in the same order",
            )

    def read(self, report: Report | None = None) -> Iterator[Pair]:
        """All pairs whose two sides say something, in order.

        Args:
            report: counts and digests what is read; a fresh one for each reading.

        Raises:
            DataError: as `check`; parallel files of different length (with both counts), text that is not
                UTF-8 (with the byte offset), a tab-separated row without one side, a record that is not
                JSON or lacks a field (with the line).
        """
        report = Report() if report is None else report
        return (pair for pair in self.all() if report.keep(pair))

    def all(self) -> Iterator[Pair]:
        """As `read`, blank sides included: one pair for each line of parallel files."""
        self.check()
        if self.targets:
            for source, target in zip(self.sources, self.targets, strict=True):
                yield from _parallel(source, target)
            return
        for path in self.sources:
            if path.name.removesuffix(".gz").endswith(_JSON_LINES):
                yield from _records(path, self.source_field, self.target_field)
            else:
                yield from _rows(path)


def held_out(source: str, fraction: float) -> bool:
    """Whether a source sentence belongs to the validation part: the same answer always and everywhere.

    Blanks around and between words do not matter, so what differs in them alone stays together.
    """
    digest = hashlib.sha256(" ".join(source.split()).encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def split_by_hash(pairs: Iterable[Pair], fraction: float) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs, told apart by the source sentence's SHA-256.

    A sentence with several translations stands on one side only. The split of a pair does not change
    when pairs are added, taken away or shuffled.

    Args:
        fraction: share of source sentences to hold out, 0 to 1.
    """
    train: list[Pair] = []
    valid: list[Pair] = []
    for pair in pairs:
        (valid if held_out(pair.source, fraction) else train).append(pair)
    return train, valid


def _parallel(source: Path, target: Path) -> Iterator[Pair]:
    lefts, rights = split_lines(decode(source)), split_lines(decode(target))
    for number, (left, right) in enumerate(itertools.zip_longest(lefts, rights), 1):
        if left is not None and right is not None:
            yield Pair(left, right, str(source), number)
            continue
        # One has ended; the rest of the other is counted for the message.
        lines_left = number + sum(1 for _ in lefts) - (left is None)
        lines_right = number + sum(1 for _ in rights) - (right is None)
        raise DataError(
            f"{source} and {target}",
            f"they have {_count(lines_left, 'line')} and {_count(lines_right, 'line')}",
            "Line n of one must be the translation of line n of the other",
        )


def _rows(path: Path) -> Iterator[Pair]:
    for number, line in enumerate(split_lines(decode(path)), 1):
        source, tab, rest = line.partition("\t")
        target = rest.partition("\t")[0]
        # An empty line is no row; a row with one side is a slip that would be silent if it were dropped.
        if line.strip() and not (source.strip() and target.strip()):
            raise _half_row(f"{path}, line {number}", tab, bool(source.strip()), bool(target.strip()))
        yield Pair(source, target, str(path), number)


def _half_row(where: str, tab: str, has_source: bool, has_target: bool) -> DataError:
    if not tab:
        cause, cure = "the row has one column: a source without a target", "Write SOURCE, a TAB and TARGET"
        return DataError(where, cause, f"{cure}; for parallel files give --source and --target")
    if has_source:
        return DataError(where, "the row has a source without a target", "Add the target or delete the row")
    if has_target:
        return DataError(where, "the row has a target without a source", "Add the source or delete the row")
    return DataError(where, "its first two columns are blank", "Write SOURCE, a TAB and TARGET")


def _records(path: Path, source_field: str, target_field: str) -> Iterator[Pair]:
    for number, line in enumerate(split_lines(decode(path)), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(where, f"it is not JSON ({error})", "Mend the line") from error
        source = _text(record, source_field, where, "source")
        yield Pair(source, _text(record, target_field, where, "target"), str(path), number)


def _text(record: Any, name: str, where: str, side: str) -> str:
    """A field's text on one line: line ends inside become blanks, as a pair is one line on each side."""
    value = record
    for key in [name] if isinstance(record, dict) and name in record else name.split("."):
        if not isinstance(value, dict) or key not in value:
            cure = f"Name the field with --{side}-field NAME"
            raise DataError(where, f"the record has no field '{name}'", cure)
        value = value[key]
    if not isinstance(value, str):
        raise DataError(where, f"field '{name}' is not a string", "Mend the line")
    return _LINE_ENDS.sub(" ", well_formed(value))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
