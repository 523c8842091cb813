"""Colours of words that speak for a label or against it: apart for eyes that see no red or green, too."""

from __future__ import annotations

from seqtools.explaining.explanation import Explanation

FOR = ((235, 243, 251), (158, 202, 225), (66, 146, 198))
"""Blue, light to strong (ColorBrewer); black letters can be read on all of it."""

AGAINST = ((254, 240, 222), (253, 190, 133), (241, 139, 60))
"""Orange, likewise."""

FAINT = 0.05
"""Less than this is not coloured."""

_LEAST = 1.0
# In nats: what changes nothing much stays pale, even if it is the largest effect of its text.


def strength(effect: float, explanation: Explanation) -> float:
    """From -1, against the label as nothing else in the text, to 1."""
    return effect / max(explanation.largest, _LEAST)
