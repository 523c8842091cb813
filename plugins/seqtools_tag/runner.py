"""A tagger in memory, run by names; for checks at export and in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqtools.runtime.plain import plain_session


class Row(NamedTuple):
    """What a file says of one text."""

    words: list[str]
    labels: list[str]
    probabilities: NDArray[np.float32]
    shares: NDArray[np.float32]


class Runner:
    """A serialized model under onnxruntime, one thread."""

    def __init__(self, data: bytes) -> None:
        self._session = plain_session(data)
        self.outputs = [value.name for value in self._session.get_outputs()]

    def run(self, names: Sequence[str], feeds: dict[str, NDArray[Any]]) -> list[Any]:
        """The named outputs."""
        results: list[Any] = self._session.run(list(names), feeds)
        return results

    def rows(self, texts: Sequence[str], *, pretokenized: bool = False) -> list[Row]:
        """What the file says of texts in one batch."""
        names = ["words", "labels", "probabilities", "class_probabilities", "word_counts"]
        words, labels, *shares, counts = self.run(names, feeds(texts, pretokenized=pretokenized))
        return [
            Row(words[row, :count].tolist(), labels[row, :count].tolist(), *(x[row, :count] for x in shares))
            for row, count in enumerate(counts.tolist())
        ]


def feeds(texts: Sequence[str], *, pretokenized: bool = False) -> dict[str, NDArray[Any]]:
    """The inputs of a file."""
    return {"text": np.array(texts, object), "pretokenized": np.array([pretokenized])}
