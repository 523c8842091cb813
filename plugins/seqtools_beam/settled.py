"""What all hypotheses of a sentence agree on: safe to print while a search goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtools_beam.beam import Beam
from seqtools_beam.hypotheses import Hypothesis


def settled(beam: Beam, place: int, told: int, complete: Sequence[Hypothesis]) -> list[int]:
    """New tokens after the `told` first ones that the final answer is bound to have.

    Every answer goes on from a live row or is a complete hypothesis, so what they share stays.

    Args:
        beam: all rows.
        place: of the sentence among those left.
        told: tokens told before.
        complete: hypotheses that have left the beam.
    """
    rows = np.arange(place * beam.width, (place + 1) * beam.width)
    rows = rows[beam.live[rows]]
    start = int(beam.rows.starts[rows[0]]) if len(rows) else 0
    texts = [
        beam.rows.tokens[row, start : start + int(beam.rows.lengths[row])].tolist() for row in rows.tolist()
    ]
    texts += [one.tokens for one in complete]
    shared = []
    for column in zip(*(text[told:] for text in texts), strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared
