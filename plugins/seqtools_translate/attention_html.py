"""An attention map as one web page: both sentences, the map, and the weights under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from seqtools_translate.attention_svg import svg

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attention</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  color: #222; background: #fff; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; }}
dt {{ color: #666; }}
dd {{ margin: 0; }}
figure {{ margin: 1rem 0; overflow-x: auto; }}
g:hover rect {{ stroke: #d94801; stroke-width: 2; }}
</style>
</head>
<body>
<dl>
<dt>source</dt><dd dir="auto">{source}</dd>
<dt>translation</dt><dd dir="auto">{translation}</dd>
</dl>
<figure>
{map}</figure>
<p>Each row shows where a word of the translation looks, in percent; rest the pointer on a field for more.</p>
</body>
</html>
"""


def render(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> bytes:
    """A page of `[translation words, source words]` that loads nothing from elsewhere."""
    page = _PAGE.format(
        source=_text(" ".join(source)),
        translation=_text(" ".join(translation)),
        map=svg(source, translation, matrix),
    )
    return page.encode()


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))
