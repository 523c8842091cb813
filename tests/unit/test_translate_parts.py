"""The parts of the run side of `translate` that need no model."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from seqtools.batching import batches, windows
from seqtools.errors import DataError, UsageError
from seqtools.lines import LONGEST, Line, opened, read_lines, with_record
from seqtools_char.tokenizer import CharTokenizer
from seqtools_sentencepiece.tokenizer import SentencePieceTokenizer
from seqtools_translate.alignment import diagonal, word_attention, words_of
from seqtools_translate.glossary import Entry, Glossary, says
from seqtools_translate.never import Spelling
from seqtools_translate.settings import Settings
from seqtools_translate.splitting import split
from seqtools_translate.texts import SourceText, TargetText
from seqtools_word.tokenizer import WordTokenizer

quickly = budget(max_examples=60, deadline=None, derandomize=True)


# settings


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"beam_size": 0}, "beam-size: 0 is out of range. Use 1 (greedy) to 1000."),
        ({"n_best": 0}, "n-best: 0"),
        ({"beam_size": 3, "n_best": 4}, "n-best: 4 is more than the beam of 3 holds. Use --beam-size 4."),
        ({"alpha": -1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"max_length": 0}, "max-length"),
        ({"max_length": -5}, "max-length"),
        ({"min_length": -1}, "min-length"),
        ({"min_length": 9, "max_length": 8}, "min-length: 9 is above the maximum of 8"),
        ({"max_length_ratio": -1}, "max-length-ratio"),
        ({"length_penalty": "long"}, "length-penalty: 'long' is unknown"),
        ({"coverage_penalty": "google"}, "coverage-penalty"),
        ({"batch_type": "token"}, "Did you mean 'tokens'?"),
        ({"batch_size": 0}, "batch-size"),
        ({"prefix_bias": 1}, "prefix-bias"),
        ({"diverse_groups": 2}, "2 groups do not divide a beam of 5"),
        ({"patience": float("inf")}, "patience"),
        ({"sampling_topp": 0}, "sampling-topp"),
        ({"sampling_temperature": -1}, "sampling-temperature"),
        ({"seed": -1}, "seed"),
        ({"max_source": 0}, "max-source"),
        ({"beamsize": 5}, "there is no option 'beamsize'. Did you mean 'beam_size'?"),
        ({"beam_size": "five"}, "beam-size: 'five' is no whole number"),
        ({"beam_size": 2.5}, "beam-size: 2.5 is no whole number"),
        ({"alpha": "x"}, "alpha: 'x' is no number"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        Settings.chosen({}, asked)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_what_is_asked_for_wins_over_the_card_and_that_over_the_defaults() -> None:
    told = {"beam_size": 8, "alpha": 0.5, "of_a_later_version": 1}
    chosen = Settings.chosen(told, {"alpha": 0.7, "max_length": None})
    assert (chosen.beam_size, chosen.alpha, chosen.max_length) == (8, 0.7, 256)
    assert Settings.chosen(told, {"n_best": 12}).beam_size == 12  # nobody asked for a beam of 8
    assert Settings.chosen({}, {"batch_type": "tokens"}).batch_size == 512


@pytest.mark.parametrize(
    ("change", "host"),
    [
        ({}, False),
        ({"length_penalty": "none"}, False),
        ({"length_penalty": "average"}, False),
        ({"alpha": 0.3, "max_length": 9, "min_length": 2, "n_best": 3, "replace_unk": True}, False),
        ({"length_penalty": "wu"}, True),
        ({"word_reward": 0.1}, True),
        ({"coverage_penalty": "wu"}, True),
        ({"no_repeat_ngram": 2}, True),
        ({"repetition_penalty": 1.1}, True),
        ({"prefix_bias": 0.5}, True),
        ({"diverse_groups": 5}, True),
        ({"patience": 1.0}, True),
        ({"prune": 3.0}, True),
        ({"sampling_topk": 3}, True),
        ({"sampling_topp": 0.9}, True),
        ({"sampling_temperature": 1.0}, True),
    ],
    ids=str,
)
def test_the_graph_does_what_it_can(change: dict[str, Any], host: bool) -> None:
    assert Settings(**change).needs_host is host


def test_lengths_follow_the_source() -> None:
    assert Settings().lengths(20) == (50, 0)
    assert Settings(max_length=30).lengths(20) == (30, 0)
    assert Settings(max_length_ratio=0).lengths(3) == (256, 0)
    assert Settings(min_length=40).lengths(3) == (41, 40)  # more than the ratio alone would allow
    assert Settings(min_length=5, min_length_ratio=0.5).lengths(11) == (32, 6)
    assert Settings(min_length=8, max_length=8).lengths(1) == (8, 8)


# glossary


def found(glossary: Glossary, text: str) -> list[str]:
    return [str(entry) for entry in glossary.found_in(text)]


def test_terms_are_found_at_word_borders() -> None:
    glossary = Glossary.of([("dog", "Hund"), ("hot dog", "Hotdog"), ("US", "USA"), ("c++", "C++")])
    assert found(glossary, "A dog, a Dog and a HOT  dog.") == ["'dog' -> 'Hund'", "'hot dog' -> 'Hotdog'"]
    assert found(glossary, "Hot dogs, dogma, underdog") == []
    assert found(glossary, "US tells us") == ["'US' -> 'USA'"]
    assert found(glossary, "tell us") == []
    assert found(glossary, "I write C++, not c") == ["'c++' -> 'C++'"]


def test_scripts_without_blanks_and_marks() -> None:
    glossary = Glossary.of([("犬", "dog"), ("हिन्द", "India"), ("cafe\u0301", "Kaffee")])
    assert found(glossary, "私は犬が好き") == ["'犬' -> 'dog'"]
    assert found(glossary, "हिन्द") == ["'हिन्द' -> 'India'"]
    assert found(glossary, "हिन्दी") == []  # the vowel sign goes on with the word
    assert found(glossary, "cafe\u0301s, cafe") == []


def test_entries_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "terms.tsv"
    path.write_text("# what\n\ncat\tKatze\tremark\ncat\t-Kater\nBerlin\t\n\t-dings\nminus\t\\-5\r\n")
    glossary = Glossary.open(path)
    assert glossary.entries == (
        Entry("cat", "Katze", False, 3),
        Entry("cat", "Kater", True, 4),
        Entry("Berlin", "Berlin", True, 5),
        Entry("", "dings", True, 6),
        Entry("minus", "-5", False, 7),
    )
    assert found(glossary, "nothing") == ["never 'dings'"]
    assert found(glossary, "a cat") == ["never 'dings'", "'cat' -> 'Katze'", "'cat' -> never 'Kater'"]


def test_bad_glossaries(tmp_path: Path) -> None:
    path = tmp_path / "g.tsv"
    path.write_bytes(b"a\tb\n \t \n\t\n")  # blank lines may hold tabs
    assert len(Glossary.open(path).entries) == 1
    for data, told in (
        (b"a\tb\ncat Katze\n", "line 2: it has no tab between two terms"),
        (b"a\tb\xff\n", "offset 3"),
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match=told):
            Glossary.open(path)


def test_a_phrase_is_said_where_a_word_begins() -> None:
    assert says("ein Hund", "Hund") and says("Hunde", "Hund") and says("„Hund“", "Hund")
    assert not says("Windhund und hund", "Hund") and not says("xHund", "Hund")
    assert says("xHund Hund", "Hund")


# lines


def test_lines_end_with_newlines_only() -> None:
    data = "\ufeffa\u0085b\u2028c\r\n\n \rd\v\f\x1c\nlast".encode()
    lines = list(read_lines(io.BytesIO(data), "in"))
    assert [line.text for line in lines] == ["a\u0085b\u2028c", "", " \rd\v\f\x1c", "last"]
    assert [line.number for line in lines] == [1, 2, 3, 4]
    assert list(read_lines(io.BytesIO(b""), "in")) == []
    assert [line.text for line in read_lines(io.BytesIO(b"\n"), "in")] == [""]


@quickly
@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_any_lines_come_in_as_they_are(texts: list[str]) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()
    wanted = [text.removesuffix("\r") for text in texts]
    if wanted:
        wanted[0] = wanted[0].removeprefix("\ufeff")
    assert [line.text for line in read_lines(io.BytesIO(data), "in")] == wanted


def test_invalid_utf8_is_told_by_line_and_offset() -> None:
    lines = read_lines(io.BytesIO(b"\xef\xbb\xbfgood\nb\xe4d\nmore\n"), "in.txt")
    assert next(lines).text == "good"
    with pytest.raises(DataError, match=r"in.txt, line 2: it is not UTF-8: byte 0xe4 at offset 9\."):
        next(lines)


def test_a_line_without_end_is_cut_and_the_next_one_is_whole() -> None:
    long = "é" * LONGEST
    lines = list(read_lines(io.BytesIO(f"a\nx{long}\nb\n".encode()), "in"))
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[1].cut and lines[1].text == "x" + "é" * (LONGEST // 2 - 1)
    assert (lines[2].text, lines[2].cut) == ("b", False)


def test_gz_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress("ä\nb\n".encode()))
    with opened(str(tmp_path / "a.gz")) as (stream, name):
        assert [line.text for line in read_lines(stream, name)] == ["ä", "b"]
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"abc" * 999)[:30])
    with opened(str(tmp_path / "bad.gz")) as (stream, name), pytest.raises(DataError, match="whole"):
        list(read_lines(stream, name))
    with pytest.raises(DataError, match="cannot be read"), opened(str(tmp_path / "none")):
        pass


def test_records() -> None:
    line = with_record(Line(3, '{"id": 7, "text": "a"}'), "in", "text", needed=False)
    assert (line.number, line.text, line.record) == (3, "a", {"id": 7, "text": "a"})
    assert with_record(Line(1, "plain"), "in", "text", needed=False) == Line(1, "plain")
    assert with_record(Line(1, " "), "in", "text", needed=True) == Line(1, " ")
    for text, told in (
        ("plain", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"a": 1}', "its field 'text' is not there"),
        ('{"text": 1}', "its field 'text' is not a string"),
        ('{"text": ', "not JSON"),
    ):
        with pytest.raises(DataError, match=f"in, line 9: .*{told}"):
            with_record(Line(9, text), "in", "text", needed=True)


# batching


@quickly
@given(st.lists(st.integers(1, 60)), st.integers(1, 40), st.sampled_from(["sents", "tokens"]))
def test_batches_hold_every_text_once(lengths: list[int], size: int, kind: str) -> None:
    made = list(batches(lengths, size, kind))
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    for batch in made:
        cost = len(batch) * (max(lengths[index] for index in batch) if kind == "tokens" else 1)
        assert cost <= size or len(batch) == 1


@quickly
@given(st.lists(st.integers(0, 30)), st.integers(1, 5), st.integers(1, 50))
def test_windows_keep_order_and_bounds(sizes: list[int], longest: int, largest: int) -> None:
    made = list(windows(sizes, lambda size: size, longest=longest, largest=largest))
    assert [size for window in made for size in window] == sizes
    assert all(0 < len(window) <= longest for window in made)
    assert all(sum(window) <= largest or len(window) == 1 for window in made)


def test_an_error_waits_for_the_lines_before_it() -> None:
    def lines() -> Any:
        yield from "abc"
        raise DataError("in", "it breaks")

    made = windows(lines(), len, longest=2)
    assert [next(made), next(made)] == [["a", "b"], ["c"]]
    with pytest.raises(DataError):
        next(made)


def test_a_window_of_one_does_not_wait_for_the_next_line() -> None:
    def lines() -> Any:
        yield "a"
        raise AssertionError("read ahead")

    assert next(windows(lines(), len, longest=1)) == ["a"]


# splitting


def count_words(text: str) -> int:
    return len(text.split())


def test_splitting_prefers_ends_of_sentences() -> None:
    text = 'One two three. "Four five!" Six seven, eight nine ten eleven twelve. End.'
    parts = split(text, 5, count_words)
    assert parts == [
        'One two three. "Four five!"',
        "Six seven,",
        "eight nine ten eleven twelve.",
        "End.",
    ]
    assert split("short", 5, count_words) == ["short"]
    assert split("一二。三四。五六七", 3, len) == ["一二。", "三四。", "五六七"]


@quickly
@given(st.text("ab .!,\u3002", max_size=80), st.integers(1, 9))
def test_splitting_loses_nothing_but_blanks(text: str, longest: int) -> None:
    parts = split(text, longest, len)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= longest and part.strip() for part in parts)


# alignment


def test_subwords_belong_to_words() -> None:
    pieces = SentencePieceTokenizer.train(
        ["the cat sat on the mat " * 9, "a naïve café"], vocab_size=300, algorithm="bpe"
    )
    text = "the  catmat, 日本 é!"
    ids = pieces.encode(text).tolist()
    words = words_of(pieces, ids)
    assert len(words) == len(ids)
    spelled = [""] * 4
    stream = pieces.stream()
    for token, word in zip(ids, words, strict=True):
        piece = stream.push(token)
        if word >= 0:
            spelled[word] += piece.strip()
    assert spelled == text.split()


def test_words_of_words_and_characters() -> None:
    words = WordTokenizer(["the", "cat", ",", "sat"])
    assert words_of(words, words.encode("the cat, zyx sat").tolist()) == [0, 1, 1, 2, 3]
    chars = CharTokenizer("abc ")
    assert words_of(chars, chars.encode("ab  c").tolist()) == [0, 0, -1, -1, 1]
    assert words_of(chars, chars.encode("a ü").tolist())[-4:] == [1, 1, 1, 1]  # half-bytes


def test_word_attention_by_hand() -> None:
    # source "ab c" + end, target "x yz" + end; one token a character, blanks between
    attention = np.array(
        [
            [0.3, 0.3, 0.1, 0.2, 0.1],
            [1.0, 0, 0, 0, 0],
            [0, 0, 0, 0.6, 0.4],
            [0.1, 0.1, 0, 0.8, 0],
            [0, 0, 0, 0, 1.0],
        ],
        np.float32,
    )
    words = word_attention("ab c", "x yz", attention, [0, 0, -1, 1], [0, -1, 1, 1])
    assert words.pairs() == [(0, 0), (1, 1)] and words.pharaoh() == "0-0 1-1"
    # What went to the blank and to the end is missing; the two pieces of "yz" look on average.
    assert np.allclose(words.matrix, [[0.6, 0.2], [0.1, 0.7]])
    assert words.rounded() == [[0.6, 0.2], [0.1, 0.7]]
    nothing = word_attention("", "x", np.zeros((2, 1), np.float32), [], [0])
    assert nothing.pairs() == [] and nothing.pharaoh() == ""
    unseen = word_attention("a", "x", np.zeros((2, 2), np.float32), [0], [0])
    assert unseen.pairs() == []


def test_diagonal() -> None:
    made = diagonal([np.ones((1, 2), np.float32), np.full((2, 1), 2, np.float32)])
    assert made.tolist() == [[1, 1, 0], [0, 0, 2], [0, 0, 2]]


# texts


def test_what_a_vocabulary_does_not_cover() -> None:
    words = SourceText(WordTokenizer(["the", "cat"]))
    assert words.foreign(words.encode("the dog")) and words.unknowns(words.encode("a dog the")) == 2
    assert not words.foreign(words.encode("the cat")) and not words.foreign(words.encode(""))
    pieces = SourceText(SentencePieceTokenizer.train(["the cat sat"] * 9, vocab_size=280))
    assert not pieces.foreign(pieces.encode("the cat é"))  # one letter is no other language
    ids = pieces.encode("это не кот")
    assert pieces.foreign(ids) and pieces.unknowns(ids) == 16
    chars = SourceText(CharTokenizer("the ca"))
    assert chars.foreign(chars.encode("это не")) and not chars.foreign(chars.encode("the cat"))


def test_unknown_tokens_become_source_words() -> None:
    words = TargetText(WordTokenizer(["the", "cat", ".", "sees"]))
    ids = words.encode("the cat sees xyz.").tolist()
    attention = np.eye(5, 6, dtype=np.float32)
    assert (
        words.replaced(ids, attention, [0, 1, 2, 3, 3], ["le", "chat", "voit", "Zoé."])
        == "the cat sees Zoé.."
    )
    assert words.replaced(ids, attention, [], []) == "the cat sees <unk>."


def test_a_translation_is_one_line() -> None:
    chars = TargetText(CharTokenizer("ab\n\r "))
    assert chars.decode(chars.encode(" a\nb\r\na\n")) == "a b  a"


def test_the_keys_of_a_score_in_json() -> None:
    from seqtools_translate.results import Scored

    words = word_attention("a", "b", np.ones((2, 2), np.float32), [0], [0])
    told = Scored("a", "b", [5], [-1.0, -3.0], words).as_json("tokens")
    assert json.loads(json.dumps(told)) == {
        "source": "a",
        "target": "b",
        "score": -2.0,
        "log_prob": -4.0,
        "tokens": [5],
        "log_probs": [-1.0, -3.0],
        "alignment": "0-0",
    }


# what must not be said


def test_a_phrase_is_forbidden_however_it_is_spelled() -> None:
    pieces = [
        "",
        "M",
        "a",
        "n",
        "Ma",
        "nn",
        "Mann",
        " Mann",
        " M",
        "anner",
        " ein Mann",
        "eMann",
        "ann,",
        " ",
    ]
    spelling = Spelling("Mann", pieces)

    def after(text: str) -> set[str]:
        return {pieces[token] for token in np.flatnonzero(spelling.after(text))}

    always = {" Mann", " ein Mann"}
    assert after("der") == always  # "derMann" is another word
    assert after("der ") == after("") == always | {"Mann"}
    assert after("der M") == always | {"anner", "ann,"}
    assert after("derM") == always
    assert after("Ma") == always | {"nn"}
    assert after("„Man") == always | {"n", "nn"}
