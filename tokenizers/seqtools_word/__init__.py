"""The `word` tokenizer: words, numbers, punctuation and newlines; rare words become <unk>."""

from __future__ import annotations

from seqtools.plugin import TokenizerSpec, hookimpl


@hookimpl
def seqtools_tokenizers() -> list[TokenizerSpec]:
    """Offer the tokenizer and its graph face."""
    return [
        TokenizerSpec(
            name="word",
            target="seqtools_word.tokenizer:WordTokenizer",
            graph="seqtools_word.graph:WordGraph",
            summary="words, numbers, punctuation and newlines; rare words become <unk>",
        )
    ]
