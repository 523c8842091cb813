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


class TestPreparedWord(TokenizerChecks):
    kind = "word"
    options = {  # noqa: RUF012
        **{"min_count": 1, "lowercase": True, "normalize": "nfd", "newlines": False},
        **{"stop_words": "zebra, lion", "stemmer": "english"},
    }
    corpus = ("first citizen: before we proceed any further, hear me speak",)
    lossless = False


class TestSentencePiece(TokenizerChecks):
    kind = "sentencepiece"
