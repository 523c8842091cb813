"""How labelled words are printed: in the line, a word a line (CoNLL), as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqtools.explaining.ansi import flat

if TYPE_CHECKING:
    from seqtools.explaining.explanation import Explanation
    from seqtools.lines import Line
    from seqtools_tag.results import TagResult

FORMATS = ("inline", "conll", "json")
_COLOURS = (36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91)
"""Foregrounds of a terminal, readable on black and on white."""

UNSURE = "unsure"
"""What is printed in the place of a label that is not sure enough."""

_RESET = "\x1b[0m"
_LINE_ENDS = str.maketrans("\n\r", "  ")


@dataclass(frozen=True)
class Printer:
    """What is printed of a result.

    Attributes:
        format: `inline`, `conll` or `json`.
        spanned: whether the labels mark spans.
        kinds: what is coloured, in order: types of spans, or labels.
        scores: print probabilities, too.
        colours: colour labels.
        weighed: how to show a text's words with their effects on a label, or None.
    """

    format: str = "inline"
    spanned: bool = False
    kinds: tuple[str, ...] = ()
    scores: bool = False
    colours: bool = False
    weighed: Callable[[Explanation], str] | None = None

    def lines(
        self, line: Line, result: TagResult, explanations: Sequence[Explanation] | None = None
    ) -> Iterator[str]:
        """What to print for one line of input, without line ends."""
        if self.format == "json":
            yield json.dumps(self._record(line, result, explanations), ensure_ascii=False)
            return
        yield from self._labelled(result)
        if self.weighed is not None:
            for one in explanations or ():
                yield "\t".join(["", *self._reasons(one), self.weighed(one)])

    def _reasons(self, one: Explanation) -> Iterator[str]:
        """A label, its probability and the words that got it."""
        kind = one.label if one.label in self.kinds else one.label.partition("-")[2]
        yield self._coloured(one.label, kind)
        yield f"{one.probability:.4f}"
        yield flat(one.subject)

    def _labelled(self, result: TagResult) -> Iterator[str]:
        """The text with its labels."""
        if self.format == "conll":
            yield from self._columns(result)
            yield ""
        elif self.spanned:
            yield self._with_spans(result)
        else:
            pairs = zip(result.words, self._labels(result), strict=True)
            yield " ".join(f"{word}/{told}" for word, told in pairs)

    def _labels(self, result: TagResult) -> Iterator[str]:
        """What stands behind each word in a line."""
        if result.alternatives is not None:
            yield from ("|".join(f"{name}:{share:.2f}" for name, share in row) for row in result.alternatives)
            return
        for label, share in zip(result.labels, result.probabilities, strict=True):
            yield f"{self._coloured(label or UNSURE, label)}{self._score('/', share)}"

    def _columns(self, result: TagResult) -> Iterator[str]:
        """A word and its label a line, or the most probable labels with their probabilities."""
        if result.alternatives is not None:
            for word, row in zip(result.words, result.alternatives, strict=True):
                yield "\t".join([word, *(cell for label, share in row for cell in (label, f"{share:.4f}"))])
            return
        for word, label, share in zip(result.words, result.labels, result.probabilities, strict=True):
            kind = label.partition("-")[2] if self.spanned else label
            yield f"{word}\t{self._coloured(label or UNSURE, kind)}{self._score(chr(9), share)}"

    def _with_spans(self, result: TagResult) -> str:
        """The text as it is, spans in brackets with their type in front."""
        # A record may hold a text of several lines; one comes out all the same.
        text, told, end = result.text.translate(_LINE_ENDS) if result.words else "", [], 0
        for span in result.spans:
            inside = f"[{span.label}{self._score(' ', span.probability)} {text[span.start : span.end]}]"
            told += [text[end : span.start], self._coloured(inside, span.label)]
            end = span.end
        return "".join([*told, text[end:]])

    def _record(
        self, line: Line, result: TagResult, explanations: Sequence[Explanation] | None
    ) -> dict[str, Any]:
        """The record that was read, or the text; then what was made of it."""
        told = result.as_json()
        if explanations is not None:
            told["explanation"] = [one.as_json() for one in explanations]
        return told if line.record is None else {**line.record, **{k: told[k] for k in told if k != "text"}}

    def _score(self, before: str, share: float) -> str:
        return f"{before}{share:.2f}" if self.scores else ""

    def _coloured(self, text: str, kind: str) -> str:
        if not self.colours or kind not in self.kinds:
            return text
        return f"\x1b[{_COLOURS[self.kinds.index(kind) % len(_COLOURS)]}m{text}{_RESET}"
