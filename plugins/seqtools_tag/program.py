"""What `seqtools tag` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from seqtools.batching import WINDOW_LINES, windows
from seqtools.errors import UsageError
from seqtools.lines import Line, opened, read_lines, with_record
from seqtools.output import warn
from seqtools.writing import whole_file, writer
from seqtools_tag.printing import Printer
from seqtools_tag.request import Request, typed

if TYPE_CHECKING:
    from seqtools_tag.results import TagResult
    from seqtools_tag.run import Tagger


def tag(asked: Request) -> None:
    """Label what is asked for."""
    asked.check()
    model = _open(asked)
    # Complains before anything is written.
    model.tag("", threshold=asked.threshold, abstain=asked.abstain, top_k=asked.top_k)
    if asked.top_k and model.labels.spans and asked.chosen_format == "inline":
        cause = "brackets around spans hold one label each"
        raise UsageError("top-k", cause, "Add --format conll or --json")
    with ExitStack() as stack:
        lines = _lines(asked, stack)
        say = writer(asked.output, stack)
        picture = _picture(asked.html, model, stack)
        run = _Run(asked, model, say, picture)
        run.all(lines)


class _Run:
    """One pass over the input.

    Args:
        asked, model: what to do.
        say: writes lines and flushes.
        draw: takes every result for a picture.
    """

    def __init__(
        self,
        asked: Request,
        model: Tagger,
        say: Callable[[str], None],
        draw: Callable[[TagResult], None] | None,
    ) -> None:
        self._asked, self._model, self._say, self._draw = asked, model, say, draw
        labels = model.labels
        kinds = labels.types if labels.spans else model.classes
        self._printer = Printer(asked.chosen_format, labels.spans, kinds, asked.with_scores, _colours(asked))

    def all(self, lines: Iterable[Line]) -> None:
        """Label line after line, in windows."""
        asked = self._asked
        live = asked.stream or (asked.reads_stdin and sys.stdin is not None and sys.stdin.isatty())
        for window in windows(lines, lambda line: len(line.text), longest=1 if live else WINDOW_LINES):
            self._window(window)

    def _window(self, window: list[Line]) -> None:
        asked = self._asked
        results = self._model.tag_batch(
            [line.text for line in window],
            pretokenized=asked.pretokenized,
            threshold=asked.threshold,
            abstain=asked.abstain,
            top_k=asked.top_k,
            batch_size=asked.batch_size,
        )
        pairs = list(zip(window, results, strict=True))
        told = (text for line, result in pairs for text in self._printer.lines(line, result))
        self._say("".join(f"{text}\n" for text in told))
        for line, result in pairs:
            if line.cut:
                warn(f"line {line.number} is too long and was cut to a megabyte")
            if result.parts > 1:
                warn(f"line {line.number} is too long to be a sentence and was read in {result.parts} parts")
            if self._draw is not None:
                self._draw(result)


def _colours(asked: Request) -> bool:
    """Whether labels are coloured: on a terminal, unless the environment says otherwise."""
    if asked.chosen_format == "json" or asked.output not in (None, "-"):
        return False
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


def _open(asked: Request) -> Tagger:
    from seqtools import loader
    from seqtools.bundled import bundled_model
    from seqtools.model_file import ModelFile
    from seqtools_tag.run import open_tagger

    path = Path(asked.model) if asked.model else bundled_model(loader.task("tag"))
    file = ModelFile.open(path, expect_task="tag")
    return open_tagger(file, device=asked.device, threads=asked.threads, deadline=asked.deadline)


def _lines(asked: Request, stack: ExitStack) -> Iterator[Line]:
    """The lines to label: TEXT, a file, or what is piped in."""
    if asked.text is not None and asked.text != "-":
        stream: IO[bytes] = io.BytesIO(f"{typed(asked.text)}\n".encode("utf-8", "replace"))
        name = "TEXT"
    else:
        stream, name = stack.enter_context(opened(asked.input))
    lines = read_lines(stream, name)
    if not asked.records:
        return lines
    field, needed = asked.text_field or "text", asked.records_only
    return (with_record(line, name, field, needed=needed, option="--text-field") for line in lines)


def _picture(path: str | None, model: Tagger, stack: ExitStack) -> Callable[[TagResult], None] | None:
    if path is None:
        return None
    from seqtools_tag.html_page import Page

    file = stack.enter_context(whole_file(Path(path)))
    return stack.enter_context(Page(file, model.labels.types if model.labels.spans else model.classes)).add
