"""Tagging from Python: cutting, spelling, long texts, places in the text, spans, pages, figures."""

from __future__ import annotations

import io
import itertools
import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("spox")

from hypothesis import given, settings
from hypothesis import strategies as st

import seqtools
from seqtools.errors import DataError, ModelFileError, SeqtoolsError, UsageError
from seqtools.lines import Line
from seqtools.model_file import ModelFile
from seqtools_tag.cutting import Cutter
from seqtools_tag.evaluation import evaluate
from seqtools_tag.html_page import Page
from seqtools_tag.printing import Printer
from seqtools_tag.reading import LONGEST, Part, parts, places
from seqtools_tag.results import TaggedSpan, TagResult, spans_of
from seqtools_tag.run import Tagger
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import FIRST, MOST_CHARACTERS, SHAPES, UNKNOWN, Spelling

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_tagger.py"))))
CHARACTERS = st.characters(exclude_categories=["Cs"])


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """A tagger of spans."""
    path = tiny.write(tmp_path_factory.mktemp("tagger") / "ner.onnx")
    opened: Tagger = seqtools.load(path)
    return opened


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """A tagger of plain labels, without a CRF."""
    path = tmp_path_factory.mktemp("tagger") / "pos.onnx"
    opened: Tagger = seqtools.load(tiny.write(path, scheme="plain", crf=False, characters="none", shape=0))
    return opened


TREEBANK = """John 's dog does n't bark .
Dr. Who ’s dog isn't here , it 's n't .
No , no . No .
C' est l' homme d' hier , l' été , c' est aujourd'hui .
l' homme de l' eau , d' or , d' ici , c' est Dr. No. ?
Do n't !"""


def words(text: str) -> list[list[str]]:
    """A sentence a line, words between blanks."""
    return [line.split() for line in text.splitlines()]


def test_what_a_treebank_cuts_off_is_learned_from_its_words() -> None:
    """Endings, elisions and abbreviations that stand by themselves more often than in other words."""
    cutter = Cutter.learn(words(TREEBANK))
    assert cutter.endings == ("'s", "n't")
    assert cutter.elisions == ("c'", "d'", "l'")
    assert cutter.abbreviations == ("Dr.",)
    assert cutter.cut("Dr. No doesn't know C'est l'été.") == (
        ["Dr.", "No", "does", "n't", "know", "C'", "est", "l'", "été", "."]
    )
    assert Cutter.from_payload(json.loads(json.dumps(cutter.payload()))) == cutter


def test_hyphens_part_words_where_they_do_in_training() -> None:
    """As most words with hyphens have it."""
    assert Cutter.learn(words("a well-known man")).cut("up-to-date") == ["up-to-date"]
    assert Cutter.learn(words("a well - known man")).cut("up-to-date") == ["up", "-", "to", "-", "date"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("See http://a.b/c?d=1, or www.x.org.", ["See", "http://a.b/c?d=1", ",", "or", "www.x.org", "."]),
        ("mail a.b-c@d.example!", ["mail", "a.b-c@d.example", "!"]),
        ("at 5:30 on 1/2/2003, 1,000.5", ["at", "5:30", "on", "1/2/2003", ",", "1,000.5"]),
        ("the U.S. (e.g. Ohio)...", ["the", "U.S.", "(", "e.g.", "Ohio", ")", "..."]),
        ("No!! --what?! ====", ["No", "!!", "--", "what", "?!", "===="]),
        ("日本 🙂🙂", ["日", "本", "🙂", "🙂"]),
        ("'tis 'so'", ["'", "tis", "'", "so", "'"]),
        ("", []),
    ],
)
def test_texts_are_cut(text: str, cut: list[str]) -> None:
    """What every treebank has in common."""
    assert Cutter().cut(text) == cut


def test_a_damaged_description_of_cutting() -> None:
    """Told as what it is."""
    with pytest.raises(DataError, match="description is damaged"):
        Cutter.from_payload({"endings": ["'s"]})


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("word", "lower"), ("Word", "title"), ("WORD", "upper"), ("iPhone", "mixed"), ("1,000", "digits"),
        ("B2B", "letters and digits"), ("...", "other"), ("Été", "title"), ("wORD", "mixed"),
    ],
)  # fmt: skip
def test_shapes(word: str, shape: str) -> None:
    """Of words whose characters are known."""
    assert SHAPES[Spelling.learn([word]).shape(word)] == shape


def test_spelling() -> None:
    """Frequent characters first; long words are clipped; the same after a file."""
    spelling = Spelling.learn(["abba", "a", "é"], min_count=2)
    assert spelling.characters == ("a", "b")
    assert spelling.ids("bac") == [FIRST + 1, FIRST, UNKNOWN]
    assert len(spelling.ids("a" * 99)) == MOST_CHARACTERS
    assert Spelling.from_payload(spelling.payload()).characters == spelling.characters
    for payload in ({}, {"characters": "aa"}):
        with pytest.raises(DataError):
            Spelling.from_payload(payload)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(CHARACTERS | st.sampled_from([*". \n!?’"]), max_size=80), st.integers(1, 12))
def test_parts_of_a_text_are_the_text(text: str, longest: int) -> None:
    """Nothing is lost, none is too long, each knows where it stands."""
    found = list(parts(text, longest))
    assert "".join(part.text for part in found) == text.replace("\0", "\ufffd")
    assert all(len(part.text) <= longest for part in found)
    assert [part.start for part in found] == [0, *itertools.accumulate(len(part.text) for part in found[:-1])]


def test_long_texts_are_parted_where_sentences_end() -> None:
    """Else at a blank, else where it must be."""
    assert [part.text for part in parts("One two. Three four five", 14)] == [
        "One two. ",
        "Three four ",
        "five",
    ]
    assert [part.text for part in parts("abcdefgh", 3)] == ["abc", "def", "gh"]


def test_words_that_are_not_in_the_text() -> None:
    """A foreign file's doing."""
    assert places(Part(10, "a b a"), ["a", "a"]) == [(10, 11), (14, 15)]
    with pytest.raises(SeqtoolsError, match="'c' is not in the text"):
        places(Part(0, "a b"), ["c"])


def test_labels_come_with_their_places(tagger: Tagger) -> None:
    """Words are the text's own; a span is what stands in the text, blanks and all."""
    result = tagger.tag("Dr. Smith doesn't like\nNew  York's cafés .")
    assert result.words[:5] == ("Dr.", "Smith", "does", "n't", "like")
    assert all(
        result.text[start:end] == word
        for word, (start, end) in zip(result.words, result.offsets, strict=True)
    )
    assert [(span.text, span.label) for span in result.spans] == [("Smith", "PER"), ("New  York", "LOC")]
    span = result.spans[1]
    assert result.text[span.start : span.end] == span.text
    assert result.labels[span.first : span.past] == ("B-LOC", "I-LOC")
    assert span.probability == min(result.probabilities[span.first : span.past])
    assert result.pairs[1] == ("Smith", "B-PER")
    with pytest.raises(AttributeError):
        result.text = ""  # type: ignore[misc]


def test_the_file_says_what_it_has_learned(tagger: Tagger, plain: Tagger) -> None:
    """Its own sentences, cut as they are."""
    for told in (tagger, plain):
        gold = tiny.sentences(plain=told is plain)
        found = told.tag_batch([" ".join(one.words) for one in gold], pretokenized=True)
        assert [one.labels for one in found] == [one.labels for one in gold]
    assert tagger.classes == ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    assert plain.classes == ("X", "Y", "Z")


def test_any_batch_gives_the_same(tagger: Tagger) -> None:
    """Bit for bit: alone, among others, whatever the batch size."""
    texts = [*tiny.TEXTS, *tiny.TEXTS[::-1]]
    alone = [tagger.tag(text) for text in texts]
    for size in (1, 3, 32):
        assert tagger.tag_batch(texts, batch_size=size) == alone


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t ",
        "\0",
        "a\0b c",
        "\ud800 Jane",
        "\ud83d\ude42 \x07\x1b[0m",
        "\u2028",
        "x" * 5000,
        "🙂" * 4001,
    ],
)
def test_odd_texts(tagger: Tagger, text: str) -> None:
    """Defined answers: words are stretches of the text, in order."""
    result = tagger.tag(text)
    assert all(
        result.text[start:end] == word
        for word, (start, end) in zip(result.words, result.offsets, strict=True)
    )
    assert "".join(result.words) == "".join(result.text.split())
    assert result.parts == max(1, -(-len(result.text) // LONGEST))


def test_a_threshold_leaves_spans_out(tagger: Tagger) -> None:
    """Their words are outside then; probabilities are the model's still."""
    text = " ".join(tiny.SENTENCES[0][0].split())
    whole, some = tagger.tag(text, pretokenized=True), tagger.tag(text, pretokenized=True, threshold=1.0)
    assert len(whole.spans) == 2
    assert some.spans == ()
    assert set(some.labels) == {"O"}
    assert some.probabilities == whole.probabilities
    half = TagResult("ab cd", ("ab", "cd"), ("B-X", "B-Y"), (0.9, 0.4), ((0, 2), (3, 5)))
    half = TagResult(
        **{**vars(half), "spans": spans_of(half.text, half.labels, half.probabilities, half.offsets)}
    )
    assert half.without(0.5).labels == ("B-X", "O")
    assert [span.label for span in half.without(0.5).spans] == ["X"]


def test_the_most_probable_labels(tagger: Tagger, plain: Tagger) -> None:
    """The label a word gets is the first of them where labels are chosen one by one; shares fall."""
    text = " ".join(tiny.SENTENCES[1][0].split())
    told = plain.tag(text, pretokenized=True, top_k=3)
    assert told.alternatives is not None
    assert [(row[0][0], row[0][1]) for row in told.alternatives] == list(
        zip(told.labels, told.probabilities, strict=True)
    )
    for row in told.alternatives:
        assert [share for _, share in row] == sorted((share for _, share in row), reverse=True)
        assert sum(share for _, share in row) == pytest.approx(1, abs=1e-5)
    assert plain.tag("", top_k=2).alternatives == ()
    long = plain.tag("x. " * 1500, top_k=1)
    assert long.alternatives is not None and long.parts > 1
    assert len(long.alternatives) == len(long.words)
    spanned = tagger.tag(text, pretokenized=True, top_k=7)
    assert spanned.alternatives is not None
    for label, share, row in zip(spanned.labels, spanned.probabilities, spanned.alternatives, strict=True):
        assert dict(row)[label] == share


def test_labels_that_are_not_sure_enough(plain: Tagger, tagger: Tagger) -> None:
    """Left out one by one; spans have a threshold of their own."""
    assert said("N V", [0.9, 0.4]).sure(0.5).labels == ("N", "")
    assert said("N V", [0.9, 0.4]).sure(0.5).as_json()["labels"] == ["N", None]
    assert plain.tag("Jane", abstain=1.0).labels == ("",)
    with pytest.raises(UsageError, match=r"mark spans\. Use --threshold"):
        tagger.tag("Jane", abstain=0.5)


def test_a_file_that_does_not_tell_all_labels(plain: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It labels all the same, and says what to do."""
    monkeypatch.setattr(type(plain.session), "outputs", ["words", "labels"])
    with pytest.raises(ModelFileError, match=r"class_probabilities.*Export it again"):
        plain.tag("Jane", top_k=1)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"threshold": 1.5}, "out of range"),
        ({"batch_size": 0}, "out of range"),
        ({"abstain": 1.5}, "no probability"),
        ({"top_k": 8}, "the model has 7 labels: O, B-LOC"),
        ({"top_k": -1}, "7 labels"),
    ],
)
def test_values_out_of_range(tagger: Tagger, options: dict[str, Any], cause: str) -> None:
    """Refused with what may be used."""
    with pytest.raises(UsageError, match=cause):
        tagger.tag_batch(["a"], **options)


def test_a_threshold_for_labels_that_mark_nothing(plain: Tagger) -> None:
    """An option that would do nothing is refused."""
    with pytest.raises(UsageError, match="mark no spans"):
        plain.tag("Jane", threshold=0.5)


def test_a_file_without_its_labels(tagger: Tagger) -> None:
    """Or with something else in their place."""
    for told in ("[]", "{}", "{"):
        file = ModelFile.from_bytes(tagger.file.data, "m.onnx")
        file.metadata["seqtools.labels"] = told
        with pytest.raises(ModelFileError, match="which labels it knows"):
            Tagger(file)


def said(labels: str, shares: Sequence[float]) -> TagResult:
    """A result for words a, b, c, …"""
    told = tuple(labels.split())
    letters = tuple("abcdefgh"[: len(told)])
    offsets = tuple((2 * place, 2 * place + 1) for place in range(len(told)))
    text = " ".join(letters)
    found = spans_of(text, told, shares, offsets) if "-" in labels else ()
    return TagResult(text, letters, told, tuple(shares), offsets, found)


def test_printing() -> None:
    """One line of input in each format."""
    result = said("B-PER I-PER O B-LOC", [0.9, 0.8, 1.0, 0.5])
    line = Line(1, result.text)
    kinds = ("LOC", "PER")
    assert list(Printer("inline", True).lines(line, result)) == ["[PER a b] c [LOC d]"]
    assert list(Printer("inline", True, kinds, scores=True).lines(line, result)) == [
        "[PER 0.80 a b] c [LOC 0.50 d]"
    ]
    assert list(Printer("inline", True, kinds, colours=True).lines(line, result)) == [
        "\x1b[33m[PER a b]\x1b[0m c \x1b[36m[LOC d]\x1b[0m"
    ]
    assert list(Printer("conll", True).lines(line, result)) == [
        "a\tB-PER",
        "b\tI-PER",
        "c\tO",
        "d\tB-LOC",
        "",
    ]
    nouns = said("N V", [0.9, 0.8])
    assert list(Printer().lines(line, nouns)) == ["a/N b/V"]
    assert list(Printer(scores=True).lines(line, nouns)) == ["a/N/0.90 b/V/0.80"]
    assert list(Printer(scores=True).lines(line, nouns.sure(0.85))) == ["a/N/0.90 b/unsure/0.80"]
    assert list(Printer("conll").lines(line, nouns.sure(0.85))) == ["a\tN", "b\tunsure", ""]
    best = TagResult(**{**vars(nouns), "alternatives": ((("N", 0.9), ("V", 0.1)), (("V", 0.8), ("N", 0.2)))})
    assert list(Printer().lines(line, best)) == ["a/N:0.90|V:0.10 b/V:0.80|N:0.20"]
    assert next(Printer("conll").lines(line, best)) == "a\tN\t0.9000\tV\t0.1000"
    assert json.loads(next(Printer("json").lines(line, best)))["alternatives"][1] == {"V": 0.8, "N": 0.2}
    record = Line(1, "a b", {"id": 7, "text": "a b"})
    assert json.loads(next(Printer("json").lines(record, nouns))) == {
        "id": 7, "text": "a b", "words": ["a", "b"], "labels": ["N", "V"], "probabilities": [0.9, 0.8],
        "offsets": [[0, 1], [2, 3]], "spans": [],
    }  # fmt: skip
    broken = TagResult("a\nb", ("a", "b"), ("O", "O"), (1.0, 1.0), ((0, 1), (2, 3)))
    assert list(Printer("inline", True).lines(line, broken)) == ["a b"]


def test_a_page() -> None:
    """Every text a paragraph, what is marked escaped; blank texts leave nothing."""
    file = io.BytesIO()
    with Page(file, ("PER",)) as page:
        page.add(TagResult(""))
        page.add(
            TagResult(
                "<a> & b", ("<a>", "&", "b"), ("B-PER", "O", "O"), (0.5, 1, 1), ((0, 3), (4, 5), (6, 7)),
                (TaggedSpan("<a>", "PER", 0, 3, 0, 1, 0.5),),
            )
        )  # fmt: skip
        page.add(said("N O", [0.75, 0.8]))
    told = file.getvalue().decode()
    assert told.count("<p>") == 2
    assert 'title="0.50">&lt;a&gt;<small>PER</small></mark> &amp; b</p>' in told
    assert 'title="0.75">a<small>N</small></mark> b</p>' in told
    assert told.endswith("</body></html>\n")


def test_an_evaluation() -> None:
    """Figures, unknown words, confusions, the surest mistakes first, and a verdict."""
    gold = [Sentence(("a", "b", "c"), ("B-X", "I-X", "O"), 4), Sentence(("a", "b"), ("O", "B-Y"))]
    told = [said("B-X O O", [0.9, 0.6, 1.0]), said("B-X B-Y", [0.8, 1.0])]
    floors = {
        "usual": lambda words: ["O"] * len(words),
        "oracle": lambda words: ["B-X", "I-X", "O"][: len(words)],
    }
    result = evaluate(gold, told, spanned=True, known="a".__eq__, floors=floors, hardest=1)
    assert result.figures.spans is not None
    assert (result.figures.spans.gold, result.figures.spans.said, result.figures.spans.right) == (2, 3, 1)
    assert result.figures.accuracy == pytest.approx(3 / 5)
    assert result.unknown == (3, 2)
    assert result.confusions == [("I-X", "O", 1), ("O", "B-X", 1)]
    assert [(one.number, one.wrong) for one in result.hardest] == [(2, 1)]
    assert result.hardest[0].marked() == "a/B-X(→O) b"
    assert "does not beat oracle (F1 10.00 lower)" in result.verdict()
    told_json = json.loads(json.dumps(result.as_json()))
    assert list(told_json) == [
        "sentences", "words", "figures", "kinds", "labels", "unknown_words", "confusions",
        "confusion", "robustness", "hardest", "floors", "ece", "verdict",
    ]  # fmt: skip
    better = evaluate(gold, told, spanned=True, known=bool, floors={"usual": floors["usual"]})
    assert better.verdict() == "The model beats usual by 40.00 points of F1."
    assert better.unknown == (0, 0)
