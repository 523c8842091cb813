"""What every tokenizer promises, as a suite of tests to inherit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from seqtools import loader
from seqtools.plugin import Tokenizer

CORPUS = (
    "First Citizen:\nBefore we proceed any further, hear me speak.\n",
    "All:\nSpeak, speak. The quick brown fox jumps over the lazy dog 0123456789 times!\n",
)
STRANGE = (
    "",
    "\n",
    "  two  spaces ",
    "naïve café, Ωmega, 日本語, 🦊",
    "a\u0301 e\u0301",
    "\tTab\r\n",
    "\x00\x7f",
)


class TokenizerChecks:
    """Inherit, say the registered name, and what differs from the defaults.

    Attributes:
        kind: the name it is registered under; its plugin must be installed.
        options: given to `train`, as a recipe would.
        lossless: whether any Unicode text comes back as it was.
        corpus: texts to learn from; they come back as they were in any case.
        strange: texts that a lossless tokenizer must bring back too.
    """

    kind: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    lossless: ClassVar[bool] = True
    corpus: ClassVar[Sequence[str]] = CORPUS
    strange: ClassVar[Sequence[str]] = STRANGE

    @pytest.fixture
    def trained(self) -> Tokenizer:
        """A tokenizer that has learnt the corpus."""
        return self.train()

    def train(self) -> Tokenizer:
        """Learn the corpus, as a recipe would."""
        return loader.tokenizer_class(self.kind).train(list(self.corpus), **self.options)

    def test_known_text_comes_back(self, trained: Tokenizer) -> None:
        """`decode(encode(text)) == text` for what it has learnt."""
        for text in self.corpus:
            assert trained.decode(trained.encode(text)) == text

    def test_any_text_comes_back(self, trained: Tokenizer) -> None:
        """The same for any Unicode text, where the kind promises it."""
        for text in self.strange:
            ids = trained.encode(text)
            assert not self.lossless or trained.decode(ids) == text

    def test_ids_are_dense_int64(self, trained: Tokenizer) -> None:
        """`[time]`, int64, `0 <= id < vocab_size`, none for an empty text."""
        for text in (*self.corpus, *self.strange):
            ids = trained.encode(text)
            assert ids.dtype == np.int64
            assert ids.ndim == 1
            assert ((ids >= 0) & (ids < trained.vocab_size)).all()
        assert trained.encode("").shape == (0,)

    def test_the_payload_says_everything(self, trained: Tokenizer) -> None:
        """Rebuilt from its JSON, it gives the same ids."""
        again = loader.tokenizer_from(
            json.loads(json.dumps({"kind": self.kind, "payload": trained.payload()}))
        )
        assert again.payload() == trained.payload()
        assert again.vocab_size == trained.vocab_size
        for text in (*self.corpus, *self.strange):
            assert (again.encode(text) == trained.encode(text)).all()

    def test_training_is_deterministic(self, trained: Tokenizer) -> None:
        """The same texts give the same vocabulary."""
        assert self.train().payload() == trained.payload()

    def test_extending_keeps_every_id(self, trained: Tokenizer) -> None:
        """New pieces go to the end; old ids mean what they meant."""
        wider = trained.extend(["Ünseen wørds: zyzzyva, ξένος"])
        assert wider.vocab_size >= trained.vocab_size
        for text in self.corpus:
            assert wider.decode(trained.encode(text)) == text

    def test_streaming_gives_the_same_text(self, trained: Tokenizer) -> None:
        """Pieces pushed one by one add up to `decode`, with no half character on the way."""
        for text in (*self.corpus, *self.strange):
            ids = trained.encode(text)
            stream = trained.stream()
            pieces = [stream.push(int(token)) for token in ids]
            assert "".join(pieces) + stream.flush() == trained.decode(ids)

    def test_sampled_segmentations_spell_the_same_text(self, trained: Tokenizer) -> None:
        """`encode_sampled` may cut differently, never to another text."""
        rng = np.random.default_rng(0)
        for text in self.corpus:
            assert trained.decode(trained.encode_sampled(text, rng)) == text

    def test_special_ids_are_told(self, trained: Tokenizer) -> None:
        """Start and end are ids of the vocabulary and leave no text behind."""
        for special in (trained.bos, trained.eos):
            assert 0 <= special < trained.vocab_size
            assert trained.decode([special]) == ""
        assert -1 <= trained.unknown < trained.vocab_size
