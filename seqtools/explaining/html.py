"""Texts with their words weighed as one web page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from seqtools.explaining.colours import AGAINST, FAINT, FOR, strength
from seqtools.explaining.explanation import Explanation
from seqtools.explaining.svg import legend
from seqtools.pictures.svg import colour, escaped

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What speaks for the labels</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem;
  color: #222; background: #fff; line-height: 1.8; }}
article {{ margin: 1.5rem 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 1rem; margin: 0; }}
h2 span {{ color: #666; font-weight: normal; }}
p {{ margin: 0; white-space: pre-wrap; }}
mark {{ color: #111; border-radius: 3px; padding: .1em 0; }}
footer {{ color: #666; font-size: .85rem; }}
</style>
</head>
<body>
{articles}
<footer>{legend}; rest the pointer on a word for its effect on the label's log-odds, in nats.</footer>
</body>
</html>
"""


def render(explanations: Sequence[Explanation]) -> bytes:
    """A page of some texts, as a file's bytes."""
    articles = "\n".join(map(_article, explanations))
    return _PAGE.format(articles=articles, legend=legend(explanations).capitalize()).encode(
        "utf-8", "replace"
    )


def _article(explanation: Explanation) -> str:
    words = "".join(_word(*stretch, explanation) for stretch in explanation.stretches())
    label, share = escaped(explanation.label), explanation.probability
    subject = f"<u>{escaped(explanation.subject)}</u>: " if explanation.subject else ""
    title = f"<h2>{subject}{label} <span>{share:.4f}</span></h2>"
    return f'<article>\n{title}\n<p dir="auto">{words}</p>\n</article>'


def _word(text: str, effect: float | None, about: bool, explanation: Explanation) -> str:
    shown = f"<u>{escaped(text)}</u>" if about else escaped(text)
    if effect is None:
        return shown
    value = strength(effect, explanation)
    told = f'title="{effect:+.3f}"'
    if abs(value) < FAINT:
        return f"<span {told}>{shown}</span>"
    fill = colour(abs(value), FOR if value > 0 else AGAINST)
    return f'<mark {told} style="background:{fill}">{shown}</mark>'
