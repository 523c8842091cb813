"""Sentences in every form that they come in, labels of every scheme, figures as conlleval has them."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools.loader import tokenizer_class
from seqtools_tag.figures import measure
from seqtools_tag.labels import UNSEEN, LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.schemes import converted, detect, is_broken, spans, written
from seqtools_tag.sentences import Columns, read_sentences

TREEBANK = """# sent_id = 1
# text = We don't.
1\tWe\twe\tPRON\tPRP\t_\t2\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t0\troot\t_\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_

1\t10 000\t10 000\tNUM\tCD\t_\t0\troot\t_\t_
2\t#\t#\tSYM\tNN\t_\t1\tx\t_\t_
"""


def put(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz", "a.txt"])
def test_conllu(tmp_path: Path, name: str) -> None:
    text = TREEBANK if name != "a.txt" else TREEBANK.replace("# sent_id = 1\n# text = We don't.\n", "")
    path = put(tmp_path / name, text)
    one, two = read_sentences(path)
    assert one.words == ("We", "do", "n't", ".")
    assert one.labels == ("PRON", "AUX", "PART", "PUNCT")
    assert (two.words, two.labels) == (("10000", "#"), ("NUM", "SYM"))
    assert two.line == one.line + 7
    assert read_sentences(path, Columns("xpos"))[0].labels == ("PRP", "VBP", "RB", ".")
    assert read_sentences(path, Columns("7", "LEMMA"))[0].labels[0] == "nsubj"


@pytest.mark.parametrize("between", [" ", "\t", "  "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns(tmp_path: Path, between: str, end: str) -> None:
    rows = [
        "-DOCSTART- -X- O",
        "",
        "EU NNP I-ORG",
        "# NN O",
        "",
        "",
        "rejects VBZ O",
        "-DOCSTART- -X- O",
        "A B C",
    ]
    path = put(tmp_path / "a.conll", end.join(rows).replace(" ", between))
    assert [one.words for one in read_sentences(path)] == [("EU", "#"), ("rejects",), ("A",)]
    assert [one.labels for one in read_sentences(path)] == [("I-ORG", "O"), ("O",), ("C",)]
    assert [one.labels for one in read_sentences(path, Columns("1"))] == [("NNP", "NN"), ("VBZ",), ("B",)]
    assert read_sentences(path, Columns("-2"))[0].labels == ("NNP", "NN")
    assert read_sentences(path, Columns("0", "2"))[0].words == ("I-ORG", "O")


def test_comments_of_column_files_and_words_that_look_like_them(tmp_path: Path) -> None:
    path = put(tmp_path / "a", "# id 7 domain=en\nhe O\n\n# O\n1 O\n\n# a longer one\nshe O\n")
    assert [one.words for one in read_sentences(path)] == [("he",), ("#", "1"), ("she",)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a O\nb\n", r"line 2: it has 1 column, the lines before it 2"),
        ("a\tX\tO\nb\tO\n", r"line 2: it has 2 columns, the lines before it 3"),
        ("a\nb\n", r"line 1: it has one column"),
        ("a\tO\n \tO\n", r"line 2: its word is empty"),
        ("a\tO\nb\t\n", r"line 2: its label is empty"),
        ("", r"it holds no sentences"),
        ("\n-DOCSTART- O\n\n", r"it holds no sentences"),
        (TREEBANK.replace("4\t.\t", "four\t.\t"), r"line 8: 'four' is no id"),
        ("a " + "x" * (1 << 20) + "\n", r"line 1: it is longer than a megabyte"),
    ],
)
def test_bad_lines_are_told_with_their_number(tmp_path: Path, text: str, told: str) -> None:
    name = "a.conllu" if text.startswith("#") else "a.txt"
    with pytest.raises(DataError, match=told):
        read_sentences(put(tmp_path / name, text))


def test_a_treebank_needs_its_ten_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: it has 2 columns between tabs, CoNLL-U has 10"):
        read_sentences(put(tmp_path / "a.conllu", "# one\n1\tword\n"))


def test_bytes_that_are_not_utf8_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a O\n\xe9t\xe9 O\n")
    with pytest.raises(DataError, match=r"line 2.*UTF-8.*offset 4"):
        read_sentences(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_sentences(tmp_path / "none")


@pytest.mark.parametrize("column", ["upos", "4", "-5", "x"])
def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, column: str) -> None:
    with pytest.raises(UsageError, match="columns 0 to 3"):
        read_sentences(put(tmp_path / "a", "a b c d\n"), Columns(column))


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("NOUN VERB", "plain"),
        ("O O", "plain"),
        ("B-A I-A O B-A", "bio"),
        ("I-A I-A O I-B", "iob1"),
        ("I-A B-A O I-B", "iob1"),
        ("B-A I-B O I-B", "bio"),
        ("S-A O B-A E-A", "bioes"),
        ("O S-A", "bioes"),
        ("B-A NOUN", "plain"),
        ("B-A I-A O", "bio"),
        ("B- I-", "plain"),
    ],
)
def test_schemes_are_told_apart(labels: str, scheme: str) -> None:
    assert detect([labels.split()]) == scheme


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("B-A I-A O", [(0, 2, "A")]),
        ("I-A I-A B-A O", [(0, 2, "A"), (2, 3, "A")]),
        ("I-A I-B", [(0, 1, "A"), (1, 2, "B")]),
        ("O I-A", [(1, 2, "A")]),
        ("B-A I-B I-B", [(0, 1, "A"), (1, 3, "B")]),
        ("S-A S-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A E-A E-A", [(0, 2, "A"), (2, 3, "A")]),
        ("B-A I-A", [(0, 2, "A")]),
        ("E-A I-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A S-A E-A", [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")]),
        ("B-A-x I-A-x", [(0, 2, "A-x")]),
    ],
)
def test_spans_are_conllevals_even_where_labels_are_broken(
    labels: str, found: list[tuple[int, int, str]]
) -> None:
    assert spans(labels.split()) == found


LABELS = st.lists(
    st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in "XY")]), max_size=9
)


@settings(max_examples=200, deadline=None)
@given(LABELS)
def test_every_scheme_holds_the_same_spans(labels: list[str]) -> None:
    found = spans(labels)
    for scheme in ("iob1", "bio", "bioes"):
        told = written(found, len(labels), scheme)
        assert spans(told) == found
        assert converted(told, scheme) == told
        assert not is_broken(told, scheme)


def test_broken_labels_are_known() -> None:
    assert is_broken(["O", "I-A"], "bio")
    assert is_broken(["B-A", "I-A"], "bioes")
    assert not is_broken(["O", "NOUN"], "plain")


def test_labels_are_trained_as_bioes_and_reported_as_they_were() -> None:
    labels = LabelSet.learn([["I-A", "I-A", "B-A", "O", "I-B"]])
    assert labels.scheme == "bio"
    assert labels.names == ("O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B")
    ids = labels.ids(["I-A", "I-A", "B-A", "O", "I-C"])
    assert [labels.names[number] for number in ids[:4]] == ["B-A", "E-A", "S-A", "O"]
    assert ids[4] == UNSEEN
    assert labels.reported(ids[:4]) == ["B-A", "I-A", "B-A", "O"]
    assert labels.types == ("A", "B")
    again = LabelSet.from_payload(labels.payload())
    assert (again.names, again.scheme, again.shown) == (labels.names, labels.scheme, labels.shown)
    assert LabelSet.learn([["S-A", "O"]]).reported([4]) == ["S-A"]


@settings(max_examples=100, deadline=None)
@given(LABELS)
def test_what_is_legal_is_what_spans_look_like(labels: list[str]) -> None:
    known = LabelSet.learn([["B-X", "I-X", "E-X", "O", "S-Y"]])
    moves, start, end = known.forbidden()
    ids = [known.names.index(label) for label in labels]
    legal = not any(moves[one, two] for one, two in pairwise(ids))
    if ids:
        legal = legal and not start[ids[0]] and not end[ids[-1]]
    assert legal == (converted(labels, "bioes") == labels)


def test_plain_labels_forbid_nothing() -> None:
    labels = LabelSet.learn([["VERB", "NOUN"]])
    assert not any(part.any() for part in labels.forbidden())
    assert labels.shown == labels.names == ("NOUN", "VERB")
    assert labels.types == ()


def test_labels_that_say_nothing_or_are_of_another_scheme() -> None:
    with pytest.raises(DataError, match="every word has the label 'O'"):
        LabelSet.learn([["O", "O"], ["O"]])
    with pytest.raises(DataError, match="they are not bio: there is 'NOUN'"):
        LabelSet.learn([["NOUN", "VERB"]], "bio")
    assert LabelSet.learn([["B-A", "I-A", "O"]], "plain").scheme == "plain"
    with pytest.raises(DataError, match="list is missing"):
        LabelSet.from_payload({})


def test_figures_are_those_of_conlleval() -> None:
    """Counted by hand: two spans of five are right, a wrong type and a wrong end are wrong."""
    gold = ["B-NP I-NP O B-VP", "B-NP O B-PP B-NP I-NP", "O O"]
    said = ["B-NP I-NP O B-NP", "B-NP I-NP B-PP B-NP O", "O B-VP"]
    figures = measure([row.split() for row in gold], [row.split() for row in said])
    assert figures.words == 11
    assert figures.right == 7
    assert figures.spans is not None
    assert (figures.spans.gold, figures.spans.said, figures.spans.right) == (5, 6, 2)
    assert figures.spans.precision == pytest.approx(2 / 6)
    assert figures.spans.recall == pytest.approx(2 / 5)
    assert figures.f1 == pytest.approx(2 * (2 / 6) * (2 / 5) / (2 / 6 + 2 / 5))
    counts = {kind: (count.gold, count.said, count.right) for kind, count in figures.kinds.items()}
    assert counts == {"NP": (3, 4, 1), "PP": (1, 1, 1), "VP": (1, 1, 0)}


def test_figures_of_plain_labels() -> None:
    figures = measure([["N", "V", "N"], ["X"]], [["N", "N", "N"], ["X"]])
    assert figures.spans is None
    assert figures.accuracy == pytest.approx(3 / 4)
    assert figures.kinds["V"].f1 == 0
    assert figures.kinds["N"].payload()["f1"] == pytest.approx(0.8)
    assert figures.summary() == pytest.approx({"accuracy": 0.75, "macro_f1": (0.8 + 0 + 1) / 3})
    assert measure([], []).accuracy == 0


def test_touching_spans_and_schemes_compare_by_their_spans() -> None:
    same = measure([["I-A", "B-A", "O"]], [["S-A", "S-A", "O"]])
    assert same.f1 == 1
    assert measure([["B-A", "I-A"]], [["B-A", "B-A"]]).f1 == 0


def test_a_word_is_looked_up_as_a_whole() -> None:
    kind = tokenizer_class("word")
    payload = {
        "words": ["u.s.", "caf" + "e\u0301", "00", "new york"],
        "mode": "whitespace", "lowercase": True, "unk": "<unk>", "newlines": False,
        "normalize": "nfd", "digits": True,
    }  # fmt: skip
    lookup = WordLookup(kind.from_payload(payload))
    assert lookup.ids_of(["U.S.", "Café", "Cafe\u0301", "19", "1 9", "x", "new york"]) == [
        3,
        4,
        4,
        5,
        5,
        0,
        0,
    ]
    assert lookup.key("A" * 100) == "a" * 40
