"""What `seqtools tag` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from seqtools.batching import WINDOW_LINES, windows
from seqtools.errors import UsageError
from seqtools.lines import Line
from seqtools.output import warn
from seqtools.writing import whole_file, writer
from seqtools_tag.printing import Printer
from seqtools_tag.request import Request

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
        lines = asked.source.lines(stack)
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
        live = asked.stream or asked.source.live
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
    from seqtools.pictures.terminal import colours

    return bool(colours(sys.stdout))


def _open(asked: Request) -> Tagger:
    from seqtools.bundled import open_model
    from seqtools_tag.run import open_tagger

    file = open_model("tag", asked.model)
    return open_tagger(file, device=asked.device, threads=asked.threads, deadline=asked.deadline)


def _picture(path: str | None, model: Tagger, stack: ExitStack) -> Callable[[TagResult], None] | None:
    if path is None:
        return None
    from seqtools_tag.html_page import Page

    file = stack.enter_context(whole_file(Path(path)))
    return stack.enter_context(Page(file, model.labels.types if model.labels.spans else model.classes)).add
