"""A translator in memory, run by names with every input filled in; for checks at export and in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.runtime.plain import plain_session

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


class Runner:
    """A serialized model under onnxruntime, one thread; `fused`: with onnxruntime-extensions."""

    def __init__(self, data: bytes, *, fused: bool = False) -> None:
        self._session = plain_session(data, fused=fused)
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        self._names = list(shapes)
        self._state, self._encoded = int(shapes["state"][1]), int(shapes["encoded"][2])

    def feeds(
        self, sources: Sequence[Sequence[int]], *, targets: Sequence[Sequence[int]] = (), **given: Any
    ) -> dict[str, NDArray[Any]]:
        """All inputs for a fresh start.

        Args:
            sources: ids of each sentence, without the end.
            targets: ids to feed first, of each row; none for no row if it is empty.
            given: further inputs by name; scalars and lists become arrays.
        """
        batch = len(sources)
        source, lengths = padded(sources)
        tokens, token_lengths = padded(targets or [[]] * batch)
        feeds: dict[str, Any] = {
            "source": source,
            "source_lengths": lengths,
            "encoded": np.zeros((batch, 0, self._encoded), np.float32),
            "state": np.zeros((batch, self._state), np.float32),
            "coverage": np.zeros((batch, 0), np.float32),
            "tokens": tokens,
            "token_lengths": token_lengths,
            "beam_size": 0,
            "max_lengths": [0] * batch,
            "min_lengths": [0] * batch,
            "alpha": 1.0,
            "shortlist": np.zeros(0, np.int64),
            "text": np.full(batch, "", object),
        }
        feeds |= given
        return {name: _array(feeds[name], name) for name in self._names}

    def search(
        self, sources: Sequence[Sequence[int]], *, beam: int, longest: Sequence[int], **given: Any
    ) -> dict[str, NDArray[Any]]:
        """The outputs of a search by name."""
        names = ["hypotheses", "hypothesis_lengths", "scores", "token_log_probs", "attention"]
        feeds = self.feeds(sources, beam_size=beam, max_lengths=list(longest), **given)
        return dict(zip(names, self.run(names, feeds), strict=True))

    def run(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """The named outputs."""
        results: list[Any] = self._session.run(list(names), dict(feeds))
        return results


def _array(value: Any, name: str) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    return np.array(value, np.float32 if name == "alpha" else np.int64)


def padded(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Rows of ids as one array `[rows, longest]`, padded with 0, and their lengths."""
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.zeros((len(rows), int(lengths.max(initial=0))), np.int64)
    for line, row in zip(ids, rows, strict=True):
        line[: len(row)] = row
    return ids, lengths
