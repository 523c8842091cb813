"""What is special about the word tokenizer; what all share is in test_tokenizer_checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools_word.tokenizer import WordTokenizer

PRINTED = (
    "\"Who's there?\" said Mr. Well-Known (the elder); 'tis 3.14 o'clock...\n\n"
    'He said, "Nay, answer me!" and left--quickly.\n'
    "“So,” ‘thus’ – été costs $5 or 1,000 €; 50% of [all] of it/them.\n"
)


def learn(text: str, **options: object) -> WordTokenizer:
    return WordTokenizer.train([text], **{"min_count": 1, **options})


def test_words_numbers_marks_and_newlines() -> None:
    cut = learn("x").cut('Don\'t "stop" well-known 1,000.5 a_b --...\n\t日本🙂')
    marks = ["--", "...", "\n", *"日本🙂"]
    assert cut == ["Don't", ' "', "stop", '"', "well-known", "1,000.5", "a", "_", "b", *marks]


def test_printed_text_comes_back_with_its_blanks() -> None:
    trained = learn(PRINTED)
    assert trained.decode(trained.encode(PRINTED)) == PRINTED.replace(" –", "–").replace("– ", "–")


def test_quotes_open_and_close() -> None:
    for text in ('"A" b "c"', '("A")', 'A "b" "c" d', 'a\n"b"\n', '"A," b, "c!"'):
        trained = learn(text)
        assert trained.decode(trained.encode(text)) == text


def test_whitespace_mode_reads_a_prepared_corpus() -> None:
    text = "no it was n't black <unk>\nbut N years\n"
    trained = learn(text, mode="whitespace")
    assert trained.decode(trained.encode(text)) == text
    assert trained.encode("black <unk> purple").tolist()[1:] == [0, 0]
    assert "<unk>" not in trained.words[3:]
    assert trained.encode("\n\n").tolist() == [trained.ids["\n"]] * 2


def test_the_marker_for_rare_words_is_one_word_in_text_mode_too() -> None:
    assert learn("a <unk>, b").cut("a <unk>, b") == ["a", "<unk>", ",", "b"]
    assert learn("a UNK b", unk="UNK").encode("UNK").tolist() == [0]
    none = learn("<unk>", unk="")
    assert none.cut("<unk>") == ["<", "unk", ">"]
    assert none.encode("<unk>").min() > 0


def test_words_that_look_like_our_special_ids_are_words() -> None:
    trained = learn("a <eos> <bos>", mode="whitespace")
    assert trained.decode(trained.encode("a <eos> <bos>")) == "a <eos> <bos>"
    assert trained.eos not in trained.encode("<eos>")


def test_words_are_not_cut_where_pieces_meet() -> None:
    text = 'hello "world" again, and again\n' * 20
    whole = learn(text)
    for size in (1, 2, 3, 7):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert WordTokenizer.train(pieces, min_count=1).payload() == whole.payload()


def test_frequent_words_come_first_and_rare_ones_are_unknown() -> None:
    trained = WordTokenizer.train(["b a b a b c"], min_count=2)
    assert trained.words[3:] == ["b", "a"]
    assert trained.encode("c").tolist() == [trained.unknown]
    assert trained.decode([0, 3]) == "<unk> b"
    assert learn("b a b a b c", vocab_size=4).words[3:] == ["b"]


def test_lower_case() -> None:
    trained = learn("The ΟΔΟΣ", lowercase=True)
    assert trained.decode(trained.encode("THE οδοσ")) == "the οδοσ"
    assert trained.unknown not in trained.encode("tHe οδος")


def test_extending_keeps_ids_and_appends() -> None:
    trained = learn("a b a")
    wider = trained.extend(["c d c a"])
    assert wider.words == [*trained.words, "c", "d"]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.text())
def test_a_cut_loses_blanks_only(text: str) -> None:
    for mode in ("text", "whitespace"):
        trained = WordTokenizer((), mode=mode, unk="")
        shown = "".join(trained.cut(text))
        assert "".join(shown.split()) == "".join(text.split())


def test_penn_treebank_comes_back(shared_data: Callable[[str], Path]) -> None:
    path = next(shared_data("ptb").rglob("*valid*"))
    text = path.read_text(encoding="utf-8")
    trained = learn(text, mode="whitespace")
    assert trained.decode(trained.encode(text)).split() == text.split()
    assert trained.vocab_size < 10_001


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mode": "words"}, "text or whitespace"),
        ({"unk": "a b"}, "marker"),
        ({"min_counts": 3}, "Did you mean 'min_count'"),
        ({"vocab_size": 2}, "at least 4"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        learn("a a", **options)


def test_a_corpus_without_frequent_words_says_what_to_do() -> None:
    with pytest.raises(DataError, match="min_count = 1"):
        WordTokenizer.train(["every word once"])
    with pytest.raises(DataError, match="no words"):
        WordTokenizer.train([" ", ""])


def test_damaged_payloads_are_named() -> None:
    good = learn("a b").payload()
    for change in ({"mode": "x"}, {"words": 3}):
        with pytest.raises(DataError, match="damaged"):
            WordTokenizer.from_payload({**good, **change})
    with pytest.raises(DataError, match="twice"):
        WordTokenizer(["a", "a"])
