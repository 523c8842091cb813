"""What `seqtools score` does with its options."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seqtools.batching import windows
from seqtools.errors import DataError, UsageError
from seqtools.lines import Line, opened, read_lines
from seqtools.output import note
from seqtools.writing import writer

if TYPE_CHECKING:
    from seqtools_translate.results import Scored
    from seqtools_translate.run import Translator


class Pair(NamedTuple):
    """Two lines that belong together."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call, as typed; see `score_command`."""

    source: str | None
    target: str | None
    model: str | None
    output: str | None
    normalize: str
    as_json: bool
    batch_size: int
    device: str
    threads: int
    deadline: float

    def check(self) -> None:
        """Complain about options that make no sense.

        Raises:
            UsageError: they do not.
        """
        if self.batch_size < 1:
            raise UsageError("batch-size", f"{self.batch_size} is out of range", "Use 1 or more")
        if self.target is not None and self.source in (None, "-") and self.target == "-":
            raise UsageError("score", "both sides are stdin", "Give the two sides with a tab between them")


def score(asked: Request) -> None:
    """Print how likely each pair is."""
    asked.check()
    if asked.source is not None and asked.target is not None:
        _same_length(asked.source, asked.target)
    model = _open(asked)
    pairs = tokens = 0
    total = 0.0
    with ExitStack() as stack:
        found = _pairs(asked, stack)
        say = writer(asked.output, stack)
        for window in windows(
            found, lambda pair: len(pair.source) + len(pair.target), longest=asked.batch_size
        ):
            told = model.score_batch([pair.source for pair in window], [pair.target for pair in window])
            say("".join(f"{_line(asked, one)}\n" for one in told))
            pairs += len(told)
            tokens += sum(len(one.log_probs) for one in told)
            total += math.fsum(one.log_prob for one in told)
    if tokens:
        counted = f"{pairs:,} pair{'s' * (pairs != 1)}"
        note(f"{counted}, {tokens:,} tokens, perplexity {math.exp(-total / tokens):.3f}")


def _line(asked: Request, one: Scored) -> str:
    if asked.as_json:
        return json.dumps(one.as_json(asked.normalize), ensure_ascii=False)
    return f"{one.score(asked.normalize):.4f}"


def _open(asked: Request) -> Translator:
    from seqtools.bundled import open_model
    from seqtools_translate.run import open_translator

    file = open_model("translate", asked.model)
    return open_translator(file, device=asked.device, threads=asked.threads, deadline=asked.deadline)


def _pairs(asked: Request, stack: ExitStack) -> Iterator[Pair]:
    """The pairs of two files, or of one with tabs."""
    stream, name = stack.enter_context(opened(asked.source))
    lines = _whole(read_lines(stream, name), name)
    if asked.target is None:
        return (_sides(line, name) for line in lines)
    stream, other = stack.enter_context(opened(asked.target))
    return _zipped(lines, _whole(read_lines(stream, other), other), name, other)


def _whole(lines: Iterator[Line], name: str) -> Iterator[Line]:
    """The same lines; a part of one cannot be scored."""
    for line in lines:
        if line.cut:
            raise DataError(f"{name}, line {line.number}", "it is longer than a megabyte", "Split it")
        yield line


def _sides(line: Line, name: str) -> Pair:
    source, tab, target = line.text.partition("\t")
    if not tab:
        cause = "it has no tab between source and target"
        raise DataError(f"{name}, line {line.number}", cause, "Write SOURCE, a tab and TARGET")
    return Pair(source, target)


def _zipped(sources: Iterator[Line], targets: Iterator[Line], name: str, other: str) -> Iterator[Pair]:
    """Line by line; both counts are told where one side (perhaps a pipe) ends before the other."""
    count = 0
    for source in sources:
        target = next(targets, None)
        if target is None:
            raise _differ(name, count + 1 + sum(1 for _ in sources), other, count)
        count += 1
        yield Pair(source.text, target.text)
    more = sum(1 for _ in targets)
    if more:
        raise _differ(name, count, other, count + more)


def _same_length(source: str, target: str) -> None:
    """Compare the numbers of lines before anything is scored, where both sides are files.

    Raises:
        DataError: they differ, or a file cannot be read.
    """
    if not all(path != "-" and Path(path).is_file() for path in (source, target)):
        return
    counts = []
    for path in (source, target):
        with opened(path) as (stream, name):
            counts.append(sum(1 for _ in read_lines(stream, name)))
    if counts[0] != counts[1]:
        raise _differ(source, counts[0], target, counts[1])


def _differ(source: str, lines: int, target: str, others: int) -> DataError:
    cause = f"it has {lines:,} lines, but {target} has {others:,}"
    return DataError(source, cause, "Give files whose lines belong together")
