"""Options of the word tokenizer that prepare a text: what counts as one word, what is left out."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, MissingDependencyError, UsageError
from seqtools_word.folding import Folding
from seqtools_word.graph import ranges
from seqtools_word.stop_words import ENGLISH
from seqtools_word.tokenizer import WordTokenizer

PLAIN = {"lowercase": True, "normalize": "nfd", "newlines": False}
ALL = {**PLAIN, "normalize": "nfkd", "accents": False, "digits": True, "stop_words": "english"}
NEAR = st.sampled_from([*"aàÀßΣςσİıﬁ½２\u0301\u0327\u212b\uac01\u304c≠'’-.,\"<> \t\n\r0123"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | NEAR, max_size=40)
quickly = settings(max_examples=100, deadline=None, derandomize=True)


def learn(text: str, **options: Any) -> WordTokenizer:
    return WordTokenizer.train([text], **{"min_count": 1, **options})


def copied(tokenizer: WordTokenizer) -> WordTokenizer:
    return WordTokenizer.from_payload(json.loads(json.dumps(tokenizer.payload())))


def test_composed_and_decomposed_letters_are_one() -> None:
    trained = learn("Café naïve", **PLAIN)
    wanted = trained.encode("café NAÏVE").tolist()
    assert trained.encode(unicodedata.normalize("NFD", "CAFÉ Naïve")).tolist() == wanted
    assert trained.unknown not in wanted
    assert trained.encode("cafe").tolist() == [trained.unknown]


def test_line_ends_are_blanks_where_newlines_are_off() -> None:
    trained = learn("a film\nto see", **PLAIN)
    wanted = trained.encode("A film to see").tolist()
    for text in ("A film to see\n", "a film\r\nto see\r\n", "\n\na film\n\nto see", "a\tfilm to\u2028see"):
        assert trained.encode(text).tolist() == wanted
    assert "\n" not in trained.words
    kept = learn("a\nb")
    assert kept.encode("a\r\nb").tolist() == kept.encode("a\nb").tolist() != kept.encode("a b").tolist()


def test_compatible_characters_accents_and_digits() -> None:
    wide = learn("file 1⁄2", normalize="nfkd")
    assert wide.encode("ﬁle ½").tolist() == wide.encode("file 1⁄2").tolist()
    bare = learn("Ho\u0323a café", normalize="nfd", accents=False)
    assert bare.cut("Họa CAFÉ a\u0301\u0327") == ["Hoa", "CAFE", "a"]
    assert learn("x", digits=True).cut("1,234.5 in 1999 A1") == ["0,000.0", "in", "0000", "A0"]
    assert learn("x", **ALL).cut("１９９９ ２²") == ["0000", "00"]


def test_stop_words_leave_no_token() -> None:
    trained = learn("it is not good", stop_words="english", **PLAIN)
    assert trained.cut("It is NOT good, I'm afraid; it’s") == ["not", "good", ",", "afraid", ";"]
    assert trained.encode("it is").tolist() == []
    assert not {"is", "it"} & set(trained.words)
    own = learn("foo bar baz", stop_words="Foo, BAZ", lowercase=True)
    assert own.cut("foo bar baz") == ["bar"]
    assert not {"not", "no", "never", "n't", "don't"} & set(ENGLISH.split())


def test_forms_of_a_word_share_its_id() -> None:
    text = "films film filmed loving loved loves love love gem"
    trained = learn(text, stemmer="english", min_count=2)
    assert trained.words[3:] == ["love", "film"]
    assert trained.encode("loving loves films").tolist() == [3, 3, 4]
    assert trained.decode([3, 4]) == "love film"
    # What training never met is unknown, even where the stemmer would know its family; so is a rare one.
    assert trained.encode("lovingly filming gem").tolist() == [0, 0, 0]
    wider = trained.extend(["filming gems gem"])
    assert wider.words == [*trained.words, "gem"]
    assert wider.encode("filming gems film").tolist() == [4, 5, 4]
    assert wider.extend([text, " gems"]).payload() == wider.payload()


def test_stems_of_decomposed_words() -> None:
    trained = learn("été étés", stemmer="french", **PLAIN)
    assert trained.vocab_size == 4
    assert trained.encode("ÉTÉS été").tolist() == [3, 3]


@pytest.mark.parametrize("options", [PLAIN, ALL, {"stemmer": "english"}, {"newlines": False}])
def test_payloads_keep_every_option(options: dict[str, Any]) -> None:
    trained = learn("Été films film of 1999\n", **options)
    again = copied(trained)
    assert again.payload() == trained.payload()
    assert options.items() - {"stop_words": 0}.items() <= again._options().items() or "stop_words" in options
    assert (
        again.encode("ÉTÉ Films film\nof 2000").tolist() == trained.encode("ÉTÉ Films film\nof 2000").tolist()
    )


def test_payloads_made_before_these_options() -> None:
    old = {"words": ["the", "é"], "mode": "text", "lowercase": True, "unk": "<unk>"}
    trained = WordTokenizer.from_payload(old)
    assert trained.payload() == old
    assert trained.cut("É e\u0301\n1") == ["é", "e\u0301", "\n", "1"]


@quickly
@given(text=TEXT)
def test_folding_is_done_once_and_for_all(text: str) -> None:
    for form in ("none", "nfd", "nfkd"):
        for accents in (True, form == "none"):
            folding = Folding(lowercase=True, normalize=form, accents=accents, digits=True)
            folded = folding.text(text)
            assert folding.text(folded) == folded
            assert folded == "".join(map(folding.character, text))


@quickly
@given(text=TEXT)
def test_line_ends_and_forms_of_unicode_change_no_id(text: str) -> None:
    trained = learn(text + " a", **PLAIN)
    wanted = trained.encode(text).tolist()
    # Marks that stand in another order than composition puts them are told about in folding.py.
    composed = unicodedata.normalize("NFC", text)
    if "".join(unicodedata.normalize("NFD", c) for c in composed) == unicodedata.normalize("NFD", text):
        assert (
            trained.encode(composed).tolist() == trained.encode(unicodedata.normalize("NFD", text)).tolist()
        )
    assert trained.encode(f"{text}\n").tolist() == trained.encode(f"{text}\r\n").tolist() == wanted
    assert trained.encode(text.replace("\r\n", "\n").replace("\n", "\r\n")).tolist() == wanted


@quickly
@given(text=TEXT)
def test_chunks_between_blanks_are_read_as_the_whole_text(text: str) -> None:
    for options in ({}, PLAIN, ALL, {"mode": "whitespace"}):
        trained = learn(f"{text} a film", **options)
        cut = [trained.ids.get(word, 0) for word in trained.cut(text)]
        assert trained.encode(text).tolist() == cut == trained.encode(text).tolist()


def test_case_and_decomposition_agree_on_every_character() -> None:
    folding = Folding(lowercase=True, normalize="nfd")
    for point in (*range(0xD800), *range(0xE000, 0x30000)):
        character = chr(point)
        parts = unicodedata.normalize("NFD", character)
        if parts != character:
            assert folding.character(character) == folding.text(parts)


def test_tables_hold_what_a_vocabulary_can_tell() -> None:
    folding = Folding(lowercase=True, normalize="nfd")
    table = folding.table("abce\u0301")
    assert table["É"] == "e\u0301" and table["A"] == "a"
    assert not {"D", "Δ", "한"} & set(table)
    # A kana with its mark is two tokens, so it is there whatever the vocabulary is.
    assert table["が"] == "か\u3099" and table["≠"] == "=\u0338"
    assert Folding().table("abc") == {}
    assert not any(chr(point).lower() != chr(point) for point in range(0x30000, sys.maxunicode + 1))


def test_ranges_of_characters() -> None:
    assert ranges("cba") == r"\x{61}-\x{63}"
    assert ranges("a]^-") == r"\x{2d}-\x{2d}\x{5d}-\x{5e}\x{61}-\x{61}"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"normalize": "nfc"}, "'nfc' is unknown. Use none, nfd or nfkd"),
        ({"accents": False}, "Set normalize to nfd or nfkd"),
        ({"stemmer": "klingon"}, "there is none for 'klingon'.*english"),
        ({"stop_words": "of the, a"}, "'of the' is not one word"),
        ({"lowercased": True}, "Did you mean 'lowercase'"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        learn("a a", **options)


def test_a_stemmer_needs_its_package_in_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = learn("film films", stemmer="english")
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    assert copied(trained).encode("films").tolist() == [3]
    with pytest.raises(MissingDependencyError, match="snowballstemmer"):
        learn("film films", stemmer="english")


@pytest.mark.parametrize(
    "change", [{"forms": {"a": 99}}, {"forms": 3}, {"normalize": "x"}, {"stop_words": 1}]
)
def test_damaged_options_are_named(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"damaged|belongs to no word"):
        WordTokenizer.from_payload({**learn("a b").payload(), **change})
