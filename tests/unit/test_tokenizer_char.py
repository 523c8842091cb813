"""What is special about the char tokenizer; what all share is in test_tokenizer_checks."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools_char.tokenizer import FIRST_CHARACTER, FIRST_HALF, CharTokenizer

ABC = CharTokenizer("abc")


def test_ids_are_specials_then_half_bytes_then_sorted_characters() -> None:
    trained = CharTokenizer.train(["ba\n", "z€a"])
    assert trained.characters == "\nabz€"
    assert (trained.bos, trained.eos, FIRST_HALF, FIRST_CHARACTER) == (1, 2, 3, 19)
    assert trained.encode("\n€").tolist() == [19, 23]
    assert trained.vocab_size == 24


@pytest.mark.parametrize("text", ["é", "€", "🙂", "z", "a🙂bz€cé", "\x00", "\U0010ffff"])
def test_unknown_characters_are_the_nibbles_of_their_bytes(text: str) -> None:
    expected: list[int] = []
    for character in text:
        if character in "abc":
            expected.append(FIRST_CHARACTER + "abc".index(character))
        else:
            for byte in character.encode():
                expected += [FIRST_HALF + (byte >> 4), FIRST_HALF + (byte & 15)]
    assert ABC.encode(text).tolist() == expected
    assert ABC.decode(expected) == text


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert ABC.decode(ABC.encode("a\ud800b\udfff")) == "a\ufffdb\ufffd"
    assert ABC.decode(ABC.encode("\ud83d\ude42")) == "🙂"


def test_broken_half_bytes_decode_to_the_replacement_character() -> None:
    euro = ABC.encode("€").tolist()
    a = ABC.encode("a").tolist()
    assert ABC.decode(euro[:1] + a) == "\ufffda"
    assert ABC.decode(euro[:4] + a) == "\ufffda"
    assert ABC.decode([*euro[:4], ABC.eos, *euro]) == "\ufffd€"
    assert ABC.decode(euro[:3]) == "\ufffd\ufffd"
    assert ABC.decode([0]) == "\ufffd"


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.text(), st.text(min_size=1))
def test_any_text_comes_back_from_any_vocabulary(text: str, corpus: str) -> None:
    trained = CharTokenizer.train([corpus])
    assert trained.decode(trained.encode(text)) == text


def test_the_rarest_are_left_out() -> None:
    corpus = "aaabbc"
    assert CharTokenizer.train([corpus], vocab_size=FIRST_CHARACTER + 2).characters == "ab"
    assert CharTokenizer.train([corpus], min_count=2).characters == "ab"


def test_extending_appends_what_is_new() -> None:
    assert CharTokenizer("zb").extend(["abx"]).characters == "zbax"


def test_megabytes_are_encoded_at_memory_speed() -> None:
    text = "To be, or not to be: that is the question.\n" * 50_000
    trained = CharTokenizer.train([text])
    began = time.process_time()
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert CharTokenizer("T").encode(text).size > ids.size
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_nothing_to_learn_from(texts: list[str]) -> None:
    with pytest.raises(DataError, match="no text"):
        CharTokenizer.train(texts)


def test_wrong_options_say_what_is_right() -> None:
    with pytest.raises(UsageError, match="Did you mean 'min_count'"):
        CharTokenizer.train(["a"], mincount=2)
    with pytest.raises(UsageError, match="at least 20"):
        CharTokenizer.train(["a"], vocab_size=5)
    with pytest.raises(UsageError, match="min_count"):
        CharTokenizer.train(["a"], min_count=0)


def test_wrong_ids_and_payloads_are_named() -> None:
    with pytest.raises(DataError, match="token 99"):
        ABC.decode(np.array([20, 99]))
    with pytest.raises(DataError, match="token -1"):
        ABC.decode([-1])
    with pytest.raises(DataError, match="damaged"):
        CharTokenizer.from_payload({})
    with pytest.raises(DataError, match="twice"):
        CharTokenizer("aa")


def test_the_last_code_point_may_be_in_the_vocabulary() -> None:
    trained = CharTokenizer(chr(sys.maxunicode) + "a")
    assert trained.encode(chr(sys.maxunicode) + "b").tolist()[0] == FIRST_CHARACTER
