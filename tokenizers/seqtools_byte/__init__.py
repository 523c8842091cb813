"""The `byte` tokenizer: one id a UTF-8 byte; 259 ids for every language."""

from __future__ import annotations

from seqtools.plugin import TokenizerSpec, hookimpl


@hookimpl
def seqtools_tokenizers() -> list[TokenizerSpec]:
    """Offer the tokenizer and its graph face."""
    return [
        TokenizerSpec(
            name="byte",
            target="seqtools_byte.tokenizer:ByteTokenizer",
            graph="seqtools_byte.graph:ByteGraph",
            summary="one id a UTF-8 byte; 259 ids for every language",
        )
    ]
