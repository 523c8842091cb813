"""A `generate` file behind its frozen inputs and outputs; for decoders it is a `StepModel`."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.runtime.session import Session

_INPUTS = ("tokens", "lengths", "state", "steps", "temperature", "top_k", "top_p", "uniforms")
# Values of the output layer computed at once while reading a long text (16 MB).
_LOGITS_AT_ONCE = 4_000_000
# An int8 run takes one scale for all rows of a batch, so neighbours would change a row's text.
_ONE_ROW_PROFILES = ("int8", "int4")


class FileModel:
    """Runs the one graph for priming, single steps, scoring and writing.

    Attributes:
        state_width: columns of the packed state; a row of zeros is a fresh start.
        vocab: number of tokens.

    Raises:
        ModelFileError: the file lacks an input of its task.
    """

    def __init__(self, file: ModelFile, session: Session, vocab: int) -> None:
        self._run, self._has_text = session.run, file.form == "text"
        shapes = {port.name: port.shape for port in file.inputs}
        missing = [name for name in _INPUTS if name not in shapes]
        width = (shapes.get("state") or ("",))[-1]
        if missing or not isinstance(width, int):
            cause = f"it has no usable input '{missing[0] if missing else 'state'}'"
            raise ModelFileError(str(file.path), cause, "Export it again with: seqtools export RUN -o FILE")
        self.vocab, self.state_width = vocab, width
        self._one_row = file.profile in _ONE_ROW_PROFILES
        self._read_at_once = min(max(_LOGITS_AT_ONCE // vocab, 32), 2048)

    def start(self, batch: int) -> FloatArray:
        """A fresh state, `[batch, S]`."""
        return np.zeros((batch, self.state_width), np.float32)

    def first(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Log-probabilities `[batch, vocab]` of the first token of a fresh start, and its state."""
        state = self.start(batch)
        return self.next_log_probs(state), state

    def reorder(self, state: FloatArray, rows: IntArray) -> FloatArray:
        """State of the given rows, in that order."""
        return state[rows]

    def step(self, tokens: IntArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Feed `tokens [rows]`; next log-probabilities `[rows, vocab]` and the new state."""
        ahead, after = self._rows(["next_log_probs", "next_state"], tokens[:, None], state)
        return ahead, after

    def next_log_probs(self, state: FloatArray) -> FloatArray:
        """Log-probabilities `[rows, vocab]` of the token that follows a state."""
        ahead: FloatArray = self._rows(["next_log_probs"], np.zeros((len(state), 0), np.int64), state)[0]
        return ahead

    def score(self, tokens: IntArray, state: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Log-probability of each of `tokens [batch, time]`, which follow `state`; the state after them."""
        state = self.start(len(tokens)) if state is None else state
        told, after = self._rows(["log_probs", "next_state"], tokens, state)
        return told, after

    def score_long(self, tokens: IntArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As `score`, in pieces that bound memory, for `tokens [time]` and one row of state `[S]`."""
        told, after = [np.zeros(0, np.float32)], state[None]
        for first in range(0, len(tokens), self._read_at_once):
            part, after = self.score(tokens[None, first : first + self._read_at_once], after)
            told.append(part[0])
        return np.concatenate(told), after[0]

    def prime(self, tokens: IntArray, state: FloatArray) -> FloatArray:
        """State `[S]` after `tokens [time]` were read in state `[S]`."""
        return self.score_long(tokens, state)[1]

    def write(
        self, state: FloatArray, noise: FloatArray, temperature: float, top_k: int, top_p: float
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """The decoding loop in the graph, one turn for each row of `noise [steps, batch]`.

        Returns:
            Tokens `[batch, steps]`, their log-probabilities `[batch, steps]`, the state after them.
        """
        settings = {
            "temperature": np.array(temperature, np.float32),
            "top_k": np.array(min(top_k, self.vocab), np.int64),
            "top_p": np.array(top_p, np.float32),
        }
        outputs = ["new_tokens", "new_log_probs", "next_state"]
        nothing = np.zeros((len(state), 0), np.int64)
        tokens, chosen, after = self._rows(outputs, nothing, state, noise, settings)
        return tokens, chosen, after

    def _rows(
        self,
        outputs: list[str],
        tokens: IntArray,
        state: FloatArray,
        noise: FloatArray | None = None,
        settings: dict[str, Any] | None = None,
    ) -> list[Any]:
        """One run; row by row where the arithmetic depends on the neighbours."""
        noise = np.zeros((0, len(tokens)), np.float32) if noise is None else noise
        if not self._one_row or len(tokens) < 2:
            return self._run(outputs, self._feeds(tokens, state, noise, settings))
        parts = [
            self._run(
                outputs, self._feeds(tokens[i : i + 1], state[i : i + 1], noise[:, i : i + 1], settings)
            )
            for i in range(len(tokens))
        ]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def _feeds(
        self, tokens: IntArray, state: FloatArray, noise: FloatArray, settings: dict[str, Any] | None
    ) -> dict[str, Any]:
        batch, time = tokens.shape
        feeds = {
            "tokens": np.ascontiguousarray(tokens, np.int64),
            "lengths": np.full(batch, time, np.int64),
            "state": np.ascontiguousarray(state),
            "steps": np.array(len(noise), np.int64),
            "temperature": np.array(0, np.float32),
            "top_k": np.array(0, np.int64),
            "top_p": np.array(1, np.float32),
            "uniforms": np.ascontiguousarray(noise),
            **(settings or {}),
        }
        if self._has_text:
            feeds["text"] = np.full(batch, "", object)
        return feeds
