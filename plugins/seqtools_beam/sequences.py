"""Token sequences that callers give: checked before a search starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seqtools.errors import UsageError
from seqtools.search import SearchSetup


def checked(told: Iterable[Sequence[int]], setup: SearchSetup, what: str) -> list[list[int]]:
    """The distinct sequences as lists of ints, in order; empty ones say nothing and are left out.

    Raises:
        UsageError: a token is the end token or not in the vocabulary.
    """
    sequences = dict.fromkeys(tuple(int(token) for token in sequence) for sequence in told)
    for sequence in sequences:
        for token in sequence:
            if token == setup.eos or not 0 <= token < setup.vocab:
                cause = f"{what} holds the token {token}"
                cure = f"Use ids 0 to {setup.vocab - 1}, without the end token"
                raise UsageError("beam search", cause, cure)
    return [list(sequence) for sequence in sequences if sequence]
