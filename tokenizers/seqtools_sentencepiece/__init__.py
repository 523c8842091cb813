"""The `sentencepiece` tokenizer: subwords (unigram or BPE) with byte fallback, trained on the corpus."""

from __future__ import annotations

from seqtools.plugin import TokenizerSpec, hookimpl


@hookimpl
def seqtools_tokenizers() -> list[TokenizerSpec]:
    """Offer the tokenizer; it has no face in stock ONNX operators, model files carry its proto."""
    return [
        TokenizerSpec(
            name="sentencepiece",
            target="seqtools_sentencepiece.tokenizer:SentencePieceTokenizer",
            summary="subwords (unigram or BPE) with byte fallback, trained on the corpus",
        )
    ]
