"""Beam search over a `generate` file, by the decoder `beam` of whichever plugin offers it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.errors import UsageError
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools_generate.file_model import FileModel

OPTIONS = (
    "length_penalty",
    "alpha",
    "word_reward",
    "no_repeat_ngram",
    "repetition_penalty",
    "min_length",
    "scorers",
    "constraints",
)
"""Options of the search that writing a text has a use for."""


@dataclass(frozen=True)
class Primed:
    """A `StepModel` that has read something: one row of it for each text.

    Args:
        model: the file.
        state: `[batch, S]`, after what was read.
    """

    model: FileModel
    state: FloatArray

    def start(self, batch: int) -> FloatArray:
        """The states after what was read, `[batch, S]`."""
        if batch != len(self.state):
            raise ValueError(f"{batch} rows of {len(self.state)} were asked for")
        return self.state

    def first(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Log-probabilities `[batch, vocab]` of what follows."""
        state = self.start(batch)
        return self.model.next_log_probs(state), state

    def step(self, tokens: IntArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Feed `tokens [rows]`."""
        return self.model.step(tokens, state)

    def reorder(self, state: FloatArray, rows: IntArray) -> FloatArray:
        """State of the given rows."""
        return self.model.reorder(state, rows)


def search(
    primed: Primed,
    tokenizer: Tokenizer,
    *,
    beam_size: int,
    n_best: int,
    max_tokens: int,
    eos: int,
    options: dict[str, Any],
) -> list[list[Any]]:
    """Hypotheses for each row of a primed model, best first, no text twice.

    Raises:
        UsageError: an option is unknown or out of range, or nothing would end the text.
    """
    if max_tokens < 0:
        raise UsageError("max-tokens", "-1 has no end here", "Give a length")
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        cause = f"the search has no option '{unknown[0]}' here"
        raise UsageError("generate", cause, f"Known: {', '.join(OPTIONS)}")
    found = loader.lookup(loader.registry().decoders, "decoder", "beam").load()
    chosen = found.Options(beam_size=beam_size, n_best=n_best, **options)

    def key(tokens: list[int]) -> Hashable:
        return tokenizer.decode(tokens)

    batch = len(primed.state)
    lengths = np.full(batch, max_tokens, np.int64)
    hypotheses: list[list[Any]] = found(chosen).run(primed, batch, eos=eos, max_lengths=lengths, key=key)
    return hypotheses
