"""What `seqtools translate` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from seqtools.batching import WINDOW_LINES, windows
from seqtools.errors import UsageError
from seqtools.lines import Line
from seqtools.output import note, warn
from seqtools.writing import writer
from seqtools_translate.request import Request
from seqtools_translate.settings import Settings

if TYPE_CHECKING:
    from seqtools_translate.glossary import Entry, Glossary
    from seqtools_translate.results import TranslationResult
    from seqtools_translate.run import Translator


def translate(asked: Request) -> None:
    """Translate what is asked for."""
    asked.check()
    _check_map(asked.attention_map)
    glossary = _glossary(asked.glossary)
    model = _open(asked)
    if not model.attends and (asked.alignment or asked.attention_map):
        name = "alignment" if asked.alignment else "attention-map"
        raise UsageError(name, f"{model.file.path} is a model without attention", "Drop it")
    settings = _settings(asked, model)
    with ExitStack() as stack:
        lines = asked.source.lines(stack)
        say = writer(asked.output, stack)
        run = _Run(asked, model, settings, glossary, say)
        try:
            run.all(lines)
        finally:
            run.tell()


class _Run:
    """One pass over the input.

    Args:
        asked, model, settings, glossary: what to do.
        say: writes lines and flushes.
    """

    def __init__(
        self,
        asked: Request,
        model: Translator,
        settings: Settings,
        glossary: Glossary | None,
        say: Callable[[str], None],
    ) -> None:
        self._asked, self._model, self._settings, self._glossary = asked, model, settings, glossary
        self._say, self._printer = say, asked.printer
        self._foreign_first = self._foreign_lines = self._foreign_tokens = 0
        self._drawn = not asked.attention_map

    def all(self, lines: Iterable[Line]) -> None:
        """Translate line after line, in windows."""
        asked = self._asked
        live = asked.stream or asked.source.live
        if live and self._plain and asked.output in (None, "-") and sys.stdout.isatty():
            for line in lines:
                self._live(line)
            return
        for window in windows(lines, lambda line: len(line.text), longest=1 if live else WINDOW_LINES):
            self._window(window)

    @property
    def _plain(self) -> bool:
        """Whether nothing but the translation is printed, so that its beginning can be before its end."""
        printer = self._printer
        more = printer.alignment or printer.scores or self._glossary or not self._drawn
        return printer.format == "text" and not more

    def _live(self, line: Line) -> None:
        """One line on a terminal, shown as far as it is settled."""
        chosen = self._settings
        for piece in self._model.stream(
            line.text, prefix=self._asked.prefix, number=line.number - 1, settings=chosen
        ):
            self._say(piece)
        self._say("\n")
        unknowns, cut = self._model.look(line.text, settings=chosen)
        self._remark(line, unknowns, cut)

    def _window(self, window: list[Line]) -> None:
        looks = bool(self._printer.alignment) or not self._drawn
        results = self._model.translate_batch(
            [line.text for line in window],
            prefix=self._asked.prefix,
            glossary=self._glossary,
            attention=looks,
            first=window[0].number - 1,
            settings=self._settings,
        )
        pairs = list(zip(window, results, strict=True))
        told = (text for line, result in pairs for text in self._printer.lines(line, result))
        self._say("".join(f"{text}\n" for text in told))
        for line, result in pairs:
            self._remark(line, result.unknowns, result.cut, result.unmet)
        if not self._drawn:
            self._draw(pairs)

    def _remark(self, line: Line, unknowns: int, cut: bool, unmet: Sequence[Entry] = ()) -> None:
        """What a person should know about one line."""
        if cut or line.cut:
            cure = "" if self._settings.split_long else "; --split-long splits it"
            told = f"cut to {self._settings.max_source} tokens" if cut else "cut to a megabyte"
            warn(f"line {line.number} is too long and was {told}{cure}")
        if unmet:
            from seqtools_translate.glossary import spelled

            warn(f"line {line.number}: the glossary could not be followed: {spelled(unmet)}")
        if unknowns:
            self._foreign_tokens += unknowns
            self._foreign_lines += 1
            self._foreign_first = self._foreign_first or line.number

    def _draw(self, pairs: list[tuple[Line, TranslationResult]]) -> None:
        """The attention map of the first line that says something."""
        from seqtools_translate.attention_map import write

        for line, result in pairs:
            words = result.word_attention[0]
            if words is not None and words.target:
                write(self._asked.attention_map or "", words.source, words.target, words.matrix)
                self._drawn = True
                if line.number > 1 or len(pairs) > 1:
                    note(f"the attention map shows line {line.number}")
                return

    def tell(self) -> None:
        """What was met in the whole input."""
        if self._foreign_lines:
            lines = f"{self._foreign_lines:,} line" + "s" * (self._foreign_lines > 1)
            tokens = f"{self._foreign_tokens:,} token" + "s" * (self._foreign_tokens > 1)
            first = f" (the first is line {self._foreign_first})" if self._foreign_lines > 1 else ""
            warn(f"{tokens} in {lines}{first} are unknown to this model; is it the right language?")


def _check_map(path: str | None) -> None:
    """Complain about a kind of picture that nobody draws before anything is translated."""
    if path is None:
        return
    from seqtools_translate.attention_map import KINDS

    if path != "ansi" and Path(path).suffix.lower().lstrip(".") not in KINDS:
        cause = f"'{path}' is no kind of map that is known"
        raise UsageError("attention-map", cause, "End the name with .svg, .html or .png, or say: ansi")


def _settings(asked: Request, model: Translator) -> Settings:
    """The settings of the run; random ones are told, so that they can be used again."""
    settings = model.settings(**asked.options)
    if settings.samples and asked.options.get("seed") is None:
        import secrets

        settings = settings.but(seed=secrets.randbits(32))
        note(f"seed: {settings.seed}")
    return settings


def _open(asked: Request) -> Translator:
    from seqtools.bundled import open_model
    from seqtools_translate.run import open_ensemble

    files = [open_model("translate", path) for path in asked.model or (None,)]
    return open_ensemble(
        files,
        weights=_weights(asked.weights),
        average=asked.ensemble_by,
        device=asked.device,
        threads=asked.threads,
        deadline=asked.deadline,
    )


def _weights(told: str | None) -> list[float] | None:
    if told is None:
        return None
    try:
        return [float(weight) for weight in told.replace(",", " ").split()]
    except ValueError as error:
        raise UsageError("weights", f"{told!r} are no numbers", "Write them like: --weights 2,1,1") from error


def _glossary(path: str | None) -> Glossary | None:
    if path is None:
        return None
    from seqtools_translate.glossary import Glossary

    return Glossary.open(path)
