"""A glossary: what a term must, or must never, become. One entry a line, with a tab between its sides.

    # comment
    hot dog<TAB>Hotdog      where "hot dog" stands in the source, the translation says "Hotdog"
    cat<TAB>-Kater          where "cat" stands, it never says "Kater"
    Berlin<TAB>             where "Berlin" stands, it never says "Berlin"
    <TAB>-dings             it never says "dings"

A term is found at word borders only; in lower case it is found in any case, with a capital in it just as it
is written. Of terms that overlap the longer one counts. `\\-` begins a target that starts with a hyphen. What
stands after a second tab is a remark.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqtools.errors import DataError
from seqtools.texts import decode, split_lines

# Scripts that put no blanks between words: Thai to Lao, Burmese, Khmer, kana, Han.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_STARTS = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+|[^\w\s]")
_ALONE = re.compile(f"[{_SPACELESS}]")


@dataclass(frozen=True)
class Entry:
    """One line of a glossary.

    Attributes:
        source: the term looked for; "" is in every text.
        target: what the translation is to say, or not.
        never: it is never to be said.
        line: number of the line, from 1.
    """

    source: str
    target: str
    never: bool = False
    line: int = 0

    def __str__(self) -> str:
        said = f"never {self.target!r}" if self.never else repr(self.target)
        return f"{self.source!r} -> {said}" if self.source else said


@dataclass(frozen=True)
class Glossary:
    """Entries, found in texts by their terms."""

    entries: tuple[Entry, ...]
    _everywhere: tuple[Entry, ...] = field(init=False, repr=False)
    _by_start: dict[str, list[tuple[re.Pattern[str], Entry]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts: dict[str, list[tuple[re.Pattern[str], Entry]]] = {}
        for entry in self.entries:
            first = _STARTS.search(entry.source)
            if first:
                starts.setdefault(first[0].lower(), []).append((_pattern(entry.source), entry))
        object.__setattr__(self, "_by_start", starts)
        object.__setattr__(self, "_everywhere", tuple(e for e in self.entries if not e.source))

    @classmethod
    def of(cls, terms: Iterable[tuple[str, str]]) -> Glossary:
        """From pairs of source and target, written as in a file."""
        return cls(tuple(_entry(source, target, 0) for source, target in terms))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Glossary:
        """Read a file.

        Raises:
            DataError: it is missing, not UTF-8, or a line is no entry (with its number).
        """
        name, entries = str(path), []
        for number, line in enumerate(split_lines(decode(Path(path))), 1):
            if not line.strip() or line.startswith("#"):
                continue
            source, tab, rest = line.partition("\t")
            if not tab:
                cure = "Write SOURCE, a tab and TARGET"
                raise DataError(f"{name}, line {number}", "it has no tab between two terms", cure)
            entry = _entry(source, rest.partition("\t")[0], number)
            entries.append(entry)
        return cls(tuple(entries))

    def found_in(self, text: str) -> list[Entry]:
        """The entries that apply to a text, each once, in the order of the text."""
        kept: dict[Entry, None] = dict.fromkeys(self._everywhere)
        end = 0
        for start in _STARTS.finditer(text):
            if start.start() < end or inside_word(text, start.start()):
                continue
            matches = list(self._at(text, start))
            if matches:
                end = max(stop for _, stop in matches)
                kept.update(dict.fromkeys(entry for entry, stop in matches if stop == end))
        return list(kept)

    def _at(self, text: str, start: re.Match[str]) -> Iterator[tuple[Entry, int]]:
        """Entries whose term stands there, and where each ends."""
        for pattern, entry in self._by_start.get(start[0].lower(), ()):
            match = pattern.match(text, start.start())
            if match and not inside_word(text, match.end()):
                yield entry, match.end()


def inside_word(text: str, place: int) -> bool:
    """Whether a word goes on across a place; marks belong to the letter before them."""
    return 0 < place < len(text) and _letter(text[place - 1]) and _letter(text[place])


def _letter(char: str) -> bool:
    return (char.isalnum() or unicodedata.category(char)[0] == "M") and not _ALONE.match(char)


def _pattern(term: str) -> re.Pattern[str]:
    """The term with any blanks between its words; in any case if it has no capital."""
    flags = re.IGNORECASE if term == term.lower() else re.NOFLAG
    return re.compile(r"\s+".join(map(re.escape, term.split())), flags)


def _entry(source: str, target: str, line: int) -> Entry:
    source, target = source.strip(), target.strip()
    if not target:
        return Entry(source, source, True, line)
    if target.startswith("\\-"):
        return Entry(source, target[1:], False, line)
    if target.startswith("-") and len(target) > 1:
        return Entry(source, target[1:].strip(), True, line)
    return Entry(source, target, False, line)


def says(text: str, phrase: str) -> bool:
    """Whether a text holds a phrase that begins where a word begins; endings may follow."""
    start = text.find(phrase)
    while start >= 0:
        if not inside_word(text, start):
            return True
        start = text.find(phrase, start + 1)
    return False


def spelled(entries: Sequence[Entry]) -> str:
    """Entries for a one-line message."""
    return ", ".join(map(str, entries))
