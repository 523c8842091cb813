"""What `seqtools tag` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from seqtools.batching import WINDOW_LINES, windows
from seqtools.errors import UsageError
from seqtools.explaining.drawing import Drawing
from seqtools.lines import Line
from seqtools.output import warn
from seqtools.wording import counted
from seqtools.writing import whole_file, writer
from seqtools_tag.printing import Printer
from seqtools_tag.request import Request

if TYPE_CHECKING:
    from seqtools.explaining.explanation import Explanation
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
        run.draw()


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
        self._printer = Printer(
            asked.chosen_format, labels.spans, kinds, asked.with_scores, _colours(asked), _weighed(asked)
        )
        self._drawing = Drawing(asked.explain_to) if asked.explain_to else None

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
        told = ("".join(f"{text}\n" for text in self._told(line, result)) for line, result in pairs)
        if asked.explains:  # each takes a while, so each is shown when it is there
            for text in told:
                self._say(text)
        else:
            self._say("".join(told))
        for line, result in pairs:
            if line.cut:
                warn(f"line {line.number} is too long and was cut to a megabyte")
            if result.parts > 1:
                warn(f"line {line.number} is too long to be a sentence and was read in {result.parts} parts")
            if self._draw is not None:
                self._draw(result)

    def _told(self, line: Line, result: TagResult) -> Iterator[str]:
        """The lines to print for one line of input."""
        if not self._asked.explains:
            return self._printer.lines(line, result)
        words = self._places(line, result) if self._asked.words else None
        explanations = self._model.explain(result, words, method=self._asked.explain_by or "occlusion")
        if self._drawing:
            self._drawing.add(*explanations)
        return self._printer.lines(line, result, explanations if self._asked.explain else None)

    def _places(self, line: Line, result: TagResult) -> list[int]:
        """Where the words that are asked for stand; says which do not."""
        found: list[int] = []
        for word in self._asked.words if result.words else ():
            here = result.places(int(word) - 1 if word.isdecimal() else word)
            if not here:
                told = counted(len(result.words), "word") if word.isdecimal() else f"no word '{word}'"
                warn(f"line {line.number} has {told}, so --word {word} explains nothing there")
            found += here
        return found

    def draw(self) -> None:
        """The picture of what was explained."""
        if self._drawing:
            self._drawing.write("label")


def _weighed(asked: Request) -> Callable[[Explanation], str] | None:
    """How to print weighed words: in colours on a terminal that has some, else with numbers."""
    if not asked.explain or asked.chosen_format == "json":
        return None
    from seqtools.explaining.ansi import chosen

    return chosen(asked.output)


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
