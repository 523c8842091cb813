"""Our own tokenizers pass the suite that strangers inherit, reached as strangers' are."""

from __future__ import annotations

from seqtools.testing import TokenizerChecks


class TestChar(TokenizerChecks):
    kind = "char"


class TestByte(TokenizerChecks):
    kind = "byte"


class TestWord(TokenizerChecks):
    kind = "word"
    options = {"min_count": 1}  # noqa: RUF012  (a ClassVar of the base)
    lossless = False  # a word never seen becomes <unk>


class TestSentencePiece(TokenizerChecks):
    kind = "sentencepiece"
