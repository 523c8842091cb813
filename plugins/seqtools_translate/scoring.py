"""Forced scoring: how likely is a given translation?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtools.batching import batches
from seqtools.errors import UsageError
from seqtools.runtime.arrays import IntArray
from seqtools.tokens import EOS
from seqtools_translate.alignment import word_attention, words_of
from seqtools_translate.file_model import Given
from seqtools_translate.opened import Opened
from seqtools_translate.results import Scored

# Values of the output layer computed at once (64 MB), and at most for one pair (512 MB).
_LOGITS_AT_ONCE, _LOGITS_OF_ONE = 16_000_000, 128_000_000


def score_pairs(opened: Opened, sources: Sequence[str], targets: Sequence[str]) -> list[Scored]:
    """Log-probabilities of targets given sources, in order.

    Raises:
        UsageError: a target is too long.
    """
    read = [opened.source.encode(text) for text in sources]
    given = [np.append(opened.target.encode(text.strip()), EOS) for text in targets]
    vocab = opened.model.vocab
    longest = max(map(len, given), default=0)
    if longest * vocab > _LOGITS_OF_ONE:
        cause = f"a target has {longest:,} tokens, too many to score at once"
        raise UsageError("score", cause, f"Use at most {_LOGITS_OF_ONE // vocab:,}")
    lengths = [max(map(len, pair)) for pair in zip(read, given, strict=True)]
    found: dict[int, Given] = {}
    for rows in batches(lengths, max(_LOGITS_AT_ONCE // vocab, 1), "tokens"):
        told = opened.model.score([read[row] for row in rows], [given[row] for row in rows])
        found.update(zip(rows, told, strict=True))
    return [
        _scored(opened, sources[row], targets[row], read[row], given[row][:-1], found[row])
        for row in range(len(read))
    ]


def _scored(opened: Opened, source: str, target: str, read: IntArray, ids: IntArray, given: Given) -> Scored:
    words = word_attention(
        source,
        target,
        given.attention,
        words_of(opened.source.tokenizer, read.tolist()),
        words_of(opened.target.tokenizer, ids.tolist()),
    )
    return Scored(source, target, ids.tolist(), given.log_probs.astype(float).tolist(), words)
