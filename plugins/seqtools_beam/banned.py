"""Token sequences that must not appear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchConstraint, SearchRows, SearchSetup
from seqtools_beam.sequences import checked

_OFF = np.float32(-np.inf)


class Banned(SearchConstraint):
    """Forbids the last token of a sequence wherever the tokens before it have just been written.

    Inputs: for each sentence the list of its forbidden sequences, each a list of tokens.
    """

    def __init__(self) -> None:
        self._singles: list[IntArray] = []
        self._longer: list[list[IntArray]] = []

    def start(self, setup: SearchSetup) -> Any:
        """For the sequences of one run; None if there are none."""
        if setup.inputs is None or not any(len(told) for told in setup.inputs):
            return None
        run = Banned()
        for told in setup.inputs:
            sequences: Sequence[list[int]] = checked(told, setup, "a forbidden sequence")
            singles = [sequence[0] for sequence in sequences if len(sequence) == 1]
            run._singles.append(np.array(singles, np.int64))
            run._longer.append([np.array(sequence) for sequence in sequences if len(sequence) > 1])
        return run

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """Set what would complete a sequence to -inf in `scores [rows, vocab]`."""
        for sentence in np.unique(rows.sentences):
            mine = np.flatnonzero(rows.sentences == sentence)
            scores[np.ix_(mine, self._singles[sentence])] = _OFF
            for sequence in self._longer[sentence]:
                before = len(sequence) - 1
                if rows.tokens.shape[1] >= before:
                    begun = (rows.tokens[mine, -before:] == sequence[:-1]).all(axis=1)
                    scores[mine[begun], sequence[-1]] = _OFF
