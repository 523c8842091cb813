"""How translations are printed: plain lines, n-best lists as Marian and Moses write them, JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtools.lines import Line
    from seqtools_translate.results import Hypothesis, TranslationResult

FORMATS = ("text", "nbest", "json")
ALIGNMENTS = ("hard", "soft")
_BAR = " ||| "


@dataclass(frozen=True)
class Printer:
    """What is printed of a result.

    Attributes:
        format: `text` (one line), `nbest` (one line a hypothesis: `id ||| text ||| score`) or `json`.
        alignment: `hard` (`0-0 1-2`), `soft` (matrix as JSON) or "".
        scores: print them in `text`, too.
        every: print all hypotheses in `json`, too.
    """

    format: str = "text"
    alignment: str = ""
    scores: bool = False
    every: bool = False

    def lines(self, line: Line, result: TranslationResult) -> Iterator[str]:
        """What to print for one line of input, without line ends."""
        if self.format == "json":
            yield json.dumps(self._record(line, result), ensure_ascii=False)
        elif self.format == "nbest":
            for one in result.best:
                yield _BAR.join([str(line.number - 1), *self._fields(one, score=True)])
        else:
            yield _BAR.join(self._fields(result.best[0], score=self.scores))

    def _fields(self, one: Hypothesis, *, score: bool) -> list[str]:
        aligned = self._aligned(one)
        told = aligned if isinstance(aligned, str) else json.dumps(aligned["matrix"])
        return [one.text, *([told] if self.alignment else []), *([f"{one.score:.4f}"] if score else [])]

    def _record(self, line: Line, result: TranslationResult) -> dict[str, Any]:
        """The record that was read, or the text; then what was made of it."""
        told: dict[str, Any] = dict(line.record) if line.record is not None else {"text": line.text}
        told |= self._told(result.best[0])
        if self.every:
            told["hypotheses"] = [self._told(one) for one in result.best]
        return told

    def _told(self, one: Hypothesis) -> dict[str, Any]:
        told: dict[str, Any] = {
            "translation": one.text,
            "score": one.score,
            "log_prob": one.log_prob,
            "tokens": one.tokens,
            "log_probs": one.log_probs,
        }
        if self.alignment:
            told["alignment"] = self._aligned(one)
        return told

    def _aligned(self, one: Hypothesis) -> str | dict[str, Any]:
        """The alignment as `0-0 1-2`, or the words of both sides and the matrix between them."""
        if one.words is None or self.alignment != "soft":
            return one.words.pharaoh() if one.words is not None else ""
        return {"source": one.words.source, "target": one.words.target, "matrix": one.words.rounded()}
