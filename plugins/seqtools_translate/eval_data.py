"""What is evaluated: source sentences and one or more translations of each, as files hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import DataError
from seqtools.texts import decode, split_lines
from seqtools_translate.pairs import Pairs, Report


@dataclass(frozen=True)
class EvaluationData:
    """Sentences and their references.

    Attributes:
        names: files they came from, as given.
        sources: `[sentences]`.
        references: columns of as many lines, at least one.
        dropped: pairs of a file with both sides that were left out, as a side was blank.
    """

    names: tuple[str, ...]
    sources: list[str]
    references: list[list[str]]
    dropped: int = 0


def read_parallel(source: Path, targets: Sequence[Path]) -> EvaluationData:
    """One source file and its translations, line for line; blank lines stay, so that places agree.

    Raises:
        DataError: a file is unusable, empty or has another number of lines.
    """
    sources = read_lines(source)
    columns = [read_lines(target) for target in targets]
    for target, column in zip(targets, columns, strict=True):
        check_count(len(sources), str(source), len(column), str(target))
    return _checked(EvaluationData((str(source), *map(str, targets)), sources, columns))


def read_pairs(pairs: Pairs) -> EvaluationData:
    """Files that hold both sides; pairs with a blank side are left out and counted.

    Raises:
        DataError: a file is unusable or empty.
    """
    report = Report()
    found = list(pairs.read(report))
    names = tuple(str(path) for path in pairs.sources)
    sources, targets = [pair.source for pair in found], [pair.target for pair in found]
    return _checked(EvaluationData(names, sources, [targets], report.dropped))


def read_lines(path: Path) -> list[str]:
    r"""Lines of a plain or gzip file; only `\n` and `\r\n` end one."""
    return list(split_lines(decode(path)))


def check_count(first: int, name: str, second: int, other: str) -> None:
    """Complain of files that cannot belong together.

    Raises:
        DataError: the counts differ; both are told.
    """
    if first != second:
        raise DataError(
            f"{name} and {other}",
            f"they have {first:,} and {second:,} lines",
            "Line n of one must belong to line n of the other",
        )


def _checked(data: EvaluationData) -> EvaluationData:
    if not data.sources:
        raise DataError(", ".join(data.names), "there is no sentence in it", "Give sentences to translate")
    return data
