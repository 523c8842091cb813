"""What is special about the byte tokenizer; what all share is in test_tokenizer_checks."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools_byte.tokenizer import VOCAB_SIZE, ByteTokenizer

BYTES = ByteTokenizer()


def test_ids_are_bytes_after_three_specials() -> None:
    assert BYTES.encode("A€").tolist() == [0x41 + 3, 0xE2 + 3, 0x82 + 3, 0xAC + 3]
    assert BYTES.vocab_size == VOCAB_SIZE == 259


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=20))
def test_broken_bytes_decode_as_python_does(data: bytes) -> None:
    ids = [byte + 3 for byte in data]
    assert BYTES.decode(ids) == data.decode("utf-8", "replace")
    stream = BYTES.stream()
    incremental = codecs.getincrementaldecoder("utf-8")("replace")
    for token, byte in zip(ids, data, strict=True):
        assert stream.push(token) == incremental.decode(bytes([byte]))
    assert stream.flush() == incremental.decode(b"", final=True)


def test_a_character_does_not_reach_over_the_end_of_a_text() -> None:
    euro = BYTES.encode("€").tolist()
    assert BYTES.decode([*euro[:2], BYTES.eos, *euro, BYTES.bos, euro[2]]) == "\ufffd€\ufffd"


def test_surrogates_become_characters_or_the_replacement() -> None:
    assert BYTES.decode(BYTES.encode("\ud83d\ude42\ud83d")) == "🙂\ufffd"


def test_there_are_no_options_and_no_other_ids() -> None:
    assert ByteTokenizer.train([], vocab_size=500).vocab_size == VOCAB_SIZE
    with pytest.raises(UsageError, match="no such option"):
        ByteTokenizer.train([], lowercase=True)
    with pytest.raises(DataError, match="ids 0 to 258"):
        BYTES.decode([259])
