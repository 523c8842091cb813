"""Labelled texts as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from types import TracebackType
from typing import IO

from seqtools_tag.results import TagResult
from seqtools_tag.schemes import OUTSIDE

_HUES = (205, 40, 300, 130, 0, 260, 170, 70, 330, 230, 100, 20)
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>seqtools tag</title><style>
body { font: 16px/2 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em;
  color: #1c1c1c; background: #fff; }
p { margin: .6em 0; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { color: inherit; background: hsl(var(--hue) 85% 88%); border-radius: .3em; padding: .15em .3em; }
mark small { font-size: .65em; font-weight: 600; letter-spacing: .03em; margin-left: .4em;
  color: hsl(var(--hue) 70% 27%); }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #181818; }
  mark { background: hsl(var(--hue) 45% 27%); }
  mark small { color: hsl(var(--hue) 85% 82%); } }
</style></head><body>
"""
_FOOT = "</body></html>\n"


class Page:
    """A page that is written text by text.

    Args:
        file: where to.
        kinds: what is coloured, in order: types of spans, or labels.
    """

    def __init__(self, file: IO[bytes], kinds: Sequence[str]) -> None:
        self._file = file
        self._hues = {kind: _HUES[place % len(_HUES)] for place, kind in enumerate(kinds)}

    def __enter__(self) -> Page:
        self._file.write(_HEAD.encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.write(_FOOT.encode())

    def add(self, result: TagResult) -> None:
        """A paragraph for one text; none for a blank one."""
        if result.words:
            told = self._marked(result)
            self._file.write(f"<p>{told}</p>\n".encode("utf-8", "replace"))

    def _marked(self, result: TagResult) -> str:
        """The text with its spans marked, or with every word where labels are plain."""
        marks = [(span.start, span.end, span.label, span.probability) for span in result.spans]
        if not marks:
            rows = zip(result.offsets, result.labels, result.probabilities, strict=True)
            marks = [(*place, label, share) for place, label, share in rows if label not in (OUTSIDE, "")]
        told, position = [], 0
        for start, end, label, share in marks:
            hue = self._hues.get(label, 0)
            told.append(escape(result.text[position:start]))
            told.append(
                f'<mark style="--hue: {hue}" title="{share:.2f}">{escape(result.text[start:end])}'
                f"<small>{escape(label)}</small></mark>"
            )
            position = end
        return "".join([*told, escape(result.text[position:])])
