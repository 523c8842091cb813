"""The lexical tables: EM against a slow one by hand, the shortlist, the word-by-word dictionary."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError
from seqtools_translate import ibm1
from seqtools_translate.dictionary import Dictionary
from seqtools_translate.ibm1 import Bitext
from seqtools_translate.lexicon import Lexicon
from seqtools_translate.words import replace_words, words_of

sentence = st.lists(st.integers(0, 4), max_size=5)
PAIRS = [
    ("The house is small.", "Das Haus ist klein."),
    ("The house is big.", "Das Haus ist groß."),
    ("The book is small.", "Das Buch ist klein."),
    ("A book", "Ein Buch"),
    ("A big house", "Ein großes Haus"),
    ("Is Berlin big?", "Ist Berlin groß?"),
]


def by_hand(pairs: list[tuple[list[int], list[int]]], null: int, rounds: int) -> dict[tuple[int, int], float]:
    """IBM model 1 in loops, as in the textbook (Koehn 2010, figure 4.3)."""
    table: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        counts: dict[tuple[int, int], float] = defaultdict(float)
        totals: dict[int, float] = defaultdict(float)
        for source, target in pairs:
            for right in target:
                whole = sum(table[left, right] for left in [null, *source])
                for left in [null, *source]:
                    share = table[left, right] / whole
                    counts[left, right] += share
                    totals[left] += share
        table = defaultdict(float, {key: value / totals[key[0]] for key, value in counts.items()})
    return dict(table)


@given(st.lists(st.tuples(sentence, sentence), max_size=6))
@settings(max_examples=60, deadline=None)
def test_em_is_the_textbooks(pairs: list[tuple[list[int], list[int]]]) -> None:
    table = ibm1.train(Bitext.collect(pairs), 5, 5, iterations=3)
    expected = by_hand(pairs, 5, 3)
    found = {
        (int(left), int(right)): value
        for left, right, value in zip(table.source, table.target, table.probability, strict=True)
    }
    assert found == pytest.approx(expected)
    assert list(found) == sorted(found)


def test_a_large_corpus_is_thinned_evenly() -> None:
    pairs = [([number] * 3, [number] * 2) for number in range(1000)]
    bitext = Bitext.collect(iter(pairs), max_links=1000)
    firsts = bitext.source[::3]
    assert len(bitext.source_lengths) * 8 <= 1000 and len(firsts) > 50
    assert set(np.diff(firsts)) == {8} and firsts[-1] > 980
    assert (bitext.turned().source == bitext.target).all()


def test_a_huge_sentence_is_cut() -> None:
    bitext = Bitext.collect([([1] * 10_000, [2] * 10_000), ([3], [4])])
    assert bitext.source_lengths.tolist() == [ibm1.LONGEST, 1]


def copied(count: int) -> list[tuple[list[int], list[int]]]:
    """Sentences in which source id n always becomes target id n + 3, and 20 stands everywhere."""
    rng = np.random.default_rng(1)
    sources = [rng.integers(3, 13, 4).tolist() for _ in range(count)]
    return [(source, [*(one + 3 for one in source), 20]) for source in sources]


def test_candidates_are_what_tokens_become() -> None:
    lexicon = Lexicon.learn(copied(200), 15, 25, per_token=1, frequent=1)
    assert lexicon.always.tolist() == [0, 2, 20]
    assert lexicon.candidates([[3, 4], [12]]).tolist() == [0, 2, 6, 7, 15, 20]
    assert lexicon.candidates(np.array([[3, 3], [4, 12]])).dtype == np.int64
    assert lexicon.candidates(np.array([14, 99, -1])).tolist() == [0, 2, 20]
    assert lexicon.candidates([]).tolist() == [0, 2, 20]


def test_no_more_candidates_than_asked_for() -> None:
    lexicon = Lexicon.learn(copied(200), 15, 25, per_token=3, frequent=4)
    assert len(lexicon.always) <= 6 and np.diff(lexicon.begins).max() <= 3
    assert not set(lexicon.ids) & set(lexicon.always)


def test_a_shortlist_survives_its_payload() -> None:
    lexicon = Lexicon.learn(copied(100), 15, 70_000)
    again = Lexicon.from_payload(json.loads(json.dumps(lexicon.payload())))
    assert again.target_vocab == 70_000
    for name in ("always", "begins", "ids"):
        assert np.array_equal(getattr(again, name), getattr(lexicon, name))
    empty = Lexicon.learn([], 5, 5)
    assert Lexicon.from_payload(empty.payload()).candidates([1]).tolist() == [0, 2]


@pytest.mark.parametrize("change", [{"ids": "AAAA"}, {"sizes": "no"}, {"always": None}, {"target_vocab": 3}])
def test_a_damaged_shortlist_is_refused(change: dict[str, object]) -> None:
    payload = Lexicon.learn(copied(50), 15, 25).payload() | change
    with pytest.raises(DataError, match="damaged"):
        Lexicon.from_payload(payload)


def test_the_dictionary_learns_words_and_how_they_are_written() -> None:
    dictionary = Dictionary.learn(PAIRS)
    assert dictionary.get("HOUSE") == "Haus" and dictionary.get("small") == "klein"
    assert dictionary.get("the") == "das" or dictionary.get("the") == "Das"
    assert dictionary.get("berlin") == "Berlin" and dictionary.get("never") is None
    assert dictionary.translate("the SMALL book, – never!").endswith("klein Buch, – never!")
    assert dictionary.translate("Small house?") == "Klein Haus?"
    assert dictionary.translate("") == "" and dictionary.translate("Ω 3") == "Ω 3"


def test_the_dictionary_survives_its_payload() -> None:
    dictionary = Dictionary.learn(PAIRS)
    assert Dictionary.from_payload(json.loads(json.dumps(dictionary.payload()))) == dictionary
    assert Dictionary.from_payload(Dictionary({}).payload()) == Dictionary({})
    with pytest.raises(DataError, match="damaged"):
        Dictionary.from_payload({"words": "AAAA"})


def test_words_of_many_scripts() -> None:
    text = "L'été – c'est «beau»! वाह, दुकान-दार (x_y) 😀e-mail 3.5%"
    words = ["L'été", "c'est", "beau", "वाह", "दुकान-दार", "x", "y", "e-mail", "3", "5"]
    assert words_of(text) == words
    assert replace_words(text, str.upper) == text.upper()


@given(st.text(max_size=40))
def test_replacing_nothing_changes_nothing(text: str) -> None:
    assert replace_words(text, lambda word: word) == text
