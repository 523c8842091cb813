"""How labels are printed: a line of label and probability for each text, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtools.explaining.explanation import Explanation
    from seqtools.lines import Line
    from seqtools_sentiment.results import Classification

UNSURE = "unsure"
"""What is printed in the place of a label that is not sure enough."""

_CONTROLS = dict.fromkeys((9, 10, 13), " ")


@dataclass(frozen=True)
class Printer:
    """What is printed of a result.

    Attributes:
        as_json: JSON Lines; else a line of fields with tabs between.
        several: labels do not exclude each other.
        top_k: print so many of the most probable labels; None those that count.
        threshold: with `top_k`, only those from here on.
        weighed: how to show a text's words with their effects, or None.
    """

    as_json: bool = False
    several: bool = False
    top_k: int | None = None
    threshold: float | None = None
    weighed: Callable[[Explanation], str] | None = None

    def line(self, line: Line, result: Classification, explanation: Explanation | None = None) -> str:
        """What to print for one line of input, without the line end."""
        if self.as_json:
            return json.dumps(self._record(line, result, explanation), ensure_ascii=False)
        if result.blank:
            return ""
        fields = [field for name, share in self._shown(result) for field in (name, f"{share:.4f}")]
        if explanation is not None and self.weighed is not None:
            fields.append(self.weighed(explanation))
        return "\t".join(fields)

    def _shown(self, result: Classification) -> list[tuple[str, float]]:
        """The labels to print, with their probabilities."""
        if self.top_k is not None:
            least = self.threshold or 0.0
            return [(_plain(name), share) for name, share in result.top(self.top_k) if share >= least]
        if result.abstains and not self.several:
            return [(UNSURE, result.probability)]
        return [(_plain(name), result.probabilities[name]) for name in result.labels]

    def _record(self, line: Line, result: Classification, explanation: Explanation | None) -> dict[str, Any]:
        """The record that was read, or the text; then what was made of it."""
        told: dict[str, Any] = dict(line.record) if line.record is not None else {"text": line.text}
        counts = not result.blank and not result.abstains
        told["label"] = result.labels[0] if counts else None
        if self.several:
            told["labels"] = [] if result.blank else list(result.labels)
        told["score"] = None if result.blank else _rounded(result.score)
        shares = dict(result.top(self.top_k)) if self.top_k is not None else result.probabilities
        told["probabilities"] = {name: _rounded(share) for name, share in shares.items()}
        told["tokens"] = result.tokens
        if explanation is not None:
            told["explanation"] = explanation.as_json()
        return told


def _plain(name: str) -> str:
    """A label that fits in a field; one from training data might hold a tab."""
    return name.translate(_CONTROLS)


def _rounded(value: float | None) -> float | None:
    """Six digits after the point: what float32 knows of a probability."""
    return None if value is None else round(value, 6)
