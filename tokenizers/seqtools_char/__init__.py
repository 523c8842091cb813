"""The `char` tokenizer: one id a character; others spelled as half-bytes, so every text round trips."""

from __future__ import annotations

from seqtools.plugin import TokenizerSpec, hookimpl


@hookimpl
def seqtools_tokenizers() -> list[TokenizerSpec]:
    """Offer the tokenizer and its graph face."""
    return [
        TokenizerSpec(
            name="char",
            target="seqtools_char.tokenizer:CharTokenizer",
            graph="seqtools_char.graph:CharGraph",
            summary="one id a character; others spelled as half-bytes, so every text round trips",
        )
    ]
