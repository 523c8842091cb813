"""What `seqtools sentiment` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from seqtools.batching import WINDOW_LINES, windows
from seqtools.errors import UsageError
from seqtools.explaining.drawing import Drawing
from seqtools.lines import Line
from seqtools.output import warn
from seqtools.writing import writer
from seqtools_sentiment.printing import Printer
from seqtools_sentiment.request import Request

if TYPE_CHECKING:
    from seqtools.explaining.explanation import Explanation
    from seqtools_sentiment.results import Classification
    from seqtools_sentiment.run import Classifier


def classify(asked: Request) -> None:
    """Classify what is asked for."""
    asked.check()
    model = _open(asked)
    _check_choice(asked, model)
    with ExitStack() as stack:
        lines = asked.source.lines(stack)
        run = _Run(asked, model, writer(asked.output, stack))
        run.all(lines)
        run.draw()


class _Run:
    """One pass over the input.

    Args:
        asked, model: what to do.
        say: writes lines and flushes.
    """

    def __init__(self, asked: Request, model: Classifier, say: Callable[[str], None]) -> None:
        self._asked, self._model, self._say = asked, model, say
        self._drawing = Drawing(asked.explain_to) if asked.explain_to else None
        several = model.labels.objective == "sigmoid"
        self._printer = Printer(asked.as_json, several, asked.top_k, asked.threshold, _weighed(asked))

    def all(self, lines: Iterable[Line]) -> None:
        """Classify line after line, in windows."""
        asked = self._asked
        live = asked.stream or asked.source.live
        for window in windows(lines, lambda line: len(line.text), longest=1 if live else WINDOW_LINES):
            self._window(window)

    def _window(self, window: list[Line]) -> None:
        asked = self._asked
        results = self._model.classify_batch(
            [line.text for line in window],
            threshold=asked.threshold,
            abstain=asked.abstain,
            batch_size=asked.batch_size,
        )
        told = (self._told(line, result) for line, result in zip(window, results, strict=True))
        if asked.explains:  # each takes a while, so each is shown when it is there
            for text in told:
                self._say(f"{text}\n")
        else:
            self._say("".join(f"{text}\n" for text in told))
        for line in window:
            if line.cut:
                warn(f"line {line.number} is too long and was cut to a megabyte")

    def _told(self, line: Line, result: Classification) -> str:
        explanation = None
        if self._asked.explains and not result.blank:
            explanation = self._model.explain(
                result.text,
                result.labels[0] if result.labels else None,
                method=self._asked.explain_by or "occlusion",
                batch_size=self._asked.batch_size,
            )
            if self._drawing:
                self._drawing.add(explanation)
        return self._printer.line(line, result, explanation if self._asked.explain else None)

    def draw(self) -> None:
        """The picture of what was explained."""
        if self._drawing:
            self._drawing.write()


def _weighed(asked: Request) -> Callable[[Explanation], str] | None:
    """How to print weighed words: in colours on a terminal that has some, else with numbers."""
    if not asked.explain or asked.as_json:
        return None
    from seqtools.explaining.ansi import chosen

    return chosen(asked.output)


def _check_choice(asked: Request, model: Classifier) -> None:
    """Complain about options that do not fit the model's labels, before anything is read."""
    from seqtools_sentiment.results import Choice

    Choice(asked.threshold, asked.abstain).check(model.labels.objective)
    if asked.top_k is not None and asked.top_k > len(model.classes):
        cause = f"the model has {len(model.classes)} classes: {', '.join(model.classes)}"
        raise UsageError("top-k", cause, f"Use {len(model.classes)} or less")


def _open(asked: Request) -> Classifier:
    """The model named, or the bundled one."""
    from seqtools.bundled import open_model
    from seqtools_sentiment.run import open_classifier

    file = open_model("sentiment", asked.model)
    return open_classifier(file, device=asked.device, threads=asked.threads, deadline=asked.deadline)
