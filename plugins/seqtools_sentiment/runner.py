"""A classifier in memory, run by names; for checks at export and in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.runtime.plain import plain_session


class Runner:
    """A serialized model under onnxruntime, one thread; `fused`: with onnxruntime-extensions."""

    def __init__(self, data: bytes, *, fused: bool = False) -> None:
        self._session = plain_session(data, fused=fused, arena=False)
        self.inputs = [value.name for value in self._session.get_inputs()]
        self.outputs = [value.name for value in self._session.get_outputs()]

    def feeds(self, rows: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """The inputs for texts, or for rows of ids where the form is "ids"."""
        return {"text": np.array(list(rows), object)} if self.inputs == ["text"] else padded(rows)

    def __call__(self, names: Sequence[str], rows: Sequence[Any]) -> list[Any]:
        """The named outputs for texts, or for rows of ids."""
        return self.run(names, self.feeds(rows))

    def run(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """The named outputs."""
        results: list[Any] = self._session.run(list(names), dict(feeds))
        return results


def padded(rows: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """The inputs of the form "ids" for rows of ids."""
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = np.zeros((len(rows), int(lengths.max(initial=0))), np.int64)
    for line, row in zip(tokens, rows, strict=True):
        line[: len(row)] = row
    return {"tokens": tokens, "lengths": lengths}
