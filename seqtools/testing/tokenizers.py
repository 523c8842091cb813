"""What every tokenizer promises, as a suite of tests to inherit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

BROKEN = ("\ud800", "a\udfffb", "\ud83e\udd8a")
"""Strings that no UTF-8 can express: lone surrogates, and a pair that is one character in two halves."""

# Inherited tests run on many classes, which hypothesis asks to be told of; no examples are stored on disk.
_quickly = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.differing_executors],
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
    _trained: ClassVar[Tokenizer]

    @pytest.fixture
    def trained(self) -> Tokenizer:
        """A tokenizer that has learnt the corpus."""
        return self.shared()

    @classmethod
    def train(cls) -> Tokenizer:
        """Learn the corpus, as a recipe would."""
        trained: Tokenizer = loader.tokenizer_class(cls.kind).train(list(cls.corpus), **cls.options)
        return trained

    @classmethod
    def shared(cls) -> Tokenizer:
        """The trained tokenizer, trained once a class: tokenizers do not change."""
        if "_trained" not in cls.__dict__:
            cls._trained = cls.train()
        return cls._trained

    def test_known_text_comes_back(self, trained: Tokenizer) -> None:
        """`decode(encode(text)) == text` for what it has learnt."""
        for text in self.corpus:
            assert trained.decode(trained.encode(text)) == text

    def test_any_text_comes_back(self, trained: Tokenizer) -> None:
        """The same for any Unicode text, where the kind promises it."""
        for text in self.strange:
            ids = trained.encode(text)
            assert not self.lossless or trained.decode(ids) == text

    @_quickly
    @given(text=st.text())
    def test_drawn_text_comes_back(self, text: str) -> None:
        """The same for texts that hypothesis makes up; no kind crashes on any."""
        trained = self.shared()
        decoded = trained.decode(trained.encode(text))
        assert decoded == text or not self.lossless

    @pytest.mark.parametrize("text", BROKEN)
    def test_surrogates_do_not_crash(self, trained: Tokenizer, text: str) -> None:
        """Text that is no Unicode text is read as well as it can be, and comes back as Unicode text."""
        assert trained.decode(trained.encode(text)).encode("utf-8").decode("utf-8")

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
        """New pieces go to the end; old ids mean what they meant; the tokenizer itself stays as it is."""
        before = trained.payload()
        wider = trained.extend(["Ünseen wørds: zyzzyva, ξένος"])
        assert trained.payload() == before
        assert wider.vocab_size >= trained.vocab_size
        for token in range(trained.vocab_size):
            assert wider.decode([token]) == trained.decode([token])
        for text in self.corpus:
            assert wider.decode(trained.encode(text)) == text
        assert wider.extend(self.corpus).payload() == wider.payload()

    def test_streaming_gives_the_same_text(self, trained: Tokenizer) -> None:
        """Pieces pushed one by one add up to `decode`, with no half character on the way."""
        for text in (*self.corpus, *self.strange):
            ids = trained.encode(text)
            decoded = trained.decode(ids)
            stream = trained.stream()
            shown = ""
            for token in ids.tolist():
                shown += stream.push(token)
                assert decoded.startswith(shown)
            assert shown + stream.flush() == decoded

    @_quickly
    @given(data=st.data())
    def test_any_ids_decode(self, data: st.DataObject) -> None:
        """A model may write any ids: they decode to Unicode text, whole or streamed."""
        trained = self.shared()
        ids = data.draw(st.lists(st.integers(0, trained.vocab_size - 1), max_size=40))
        stream = trained.stream()
        streamed = "".join(map(stream.push, ids)) + stream.flush()
        assert streamed == trained.decode(ids) == trained.decode(np.array(ids, dtype=np.int64))
        assert streamed.encode("utf-8").decode("utf-8") == streamed

    def test_sampled_segmentations_spell_the_same_text(self, trained: Tokenizer) -> None:
        """`encode_sampled` may cut differently, never to another text, and depends on the generator alone."""
        for text in self.corpus:
            ids = trained.encode_sampled(text, np.random.default_rng(3))
            assert trained.decode(ids) == text
            assert (trained.encode_sampled(text, np.random.default_rng(3)) == ids).all()

    def test_special_ids_are_told(self, trained: Tokenizer) -> None:
        """Start and end are ids of the vocabulary and leave no text behind."""
        for special in (trained.bos, trained.eos):
            assert 0 <= special < trained.vocab_size
            assert trained.decode([special]) == ""
        assert -1 <= trained.unknown < trained.vocab_size
