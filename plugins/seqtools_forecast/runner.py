"""A forecaster's file in memory, run by names; for checks at export and in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqtools.runtime.plain import plain_session


class Runner:
    """A serialized model under onnxruntime, one thread.

    Attributes:
        inputs, outputs: names, in file order.
    """

    def __init__(self, data: bytes) -> None:
        self._session = plain_session(data, arena=False)
        self.inputs = [value.name for value in self._session.get_inputs()]
        self.outputs = [value.name for value in self._session.get_outputs()]

    def __call__(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """The named outputs; feeds that the file has no input for are left out."""
        given = {name: value for name, value in feeds.items() if name in self.inputs}
        results: list[Any] = self._session.run(list(names), given)
        return results
