"""From the rows of a beam to hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtools.runtime.arrays import FloatArray
from seqtools_beam.beam import Beam
from seqtools_beam.hypotheses import Hypothesis


def hypotheses_of(beam: Beam, ranked: FloatArray, unmet: Sequence[list[list[int]]]) -> list[Hypothesis]:
    """Each row as a hypothesis, without attention.

    Args:
        beam: the rows.
        ranked: what each is ranked by, `[rows]`.
        unmet: phrases that each lacks.
    """
    rows, found = beam.rows, []
    for row, score in enumerate(ranked.tolist()):
        start, finished = int(rows.starts[row]), bool(rows.finished[row])
        end = start + int(rows.lengths[row])
        found.append(
            Hypothesis(
                tokens=rows.tokens[row, start:end].tolist(),
                score=score,
                raw_score=float(rows.scores[row]),
                log_probs=beam.log_probs[row, start : end + finished].tolist(),
                finished=finished,
                unmet=unmet[row],
            )
        )
    return found


def attention_of(
    beam: Beam, row: int, steps: int, maps: Sequence[FloatArray], nothing: FloatArray
) -> FloatArray:
    """Attention `[steps, source]` with which a row's tokens were predicted.

    Args:
        beam: the rows.
        row: one of them.
        steps: tokens, the end token among them.
        maps: attention of each turn, `[rows then, source]`.
        nothing: what no steps give, `[0, source]`.
    """
    start = int(beam.rows.starts[row])
    columns = range(start, start + steps)
    return np.stack([maps[column][beam.sources[row, column]] for column in columns]) if steps else nothing
