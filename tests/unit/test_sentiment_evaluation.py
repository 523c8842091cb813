"""Figures of a file, what it got wrong, the linear models beside it, robustness, and the pictures."""

from __future__ import annotations

import builtins
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from seqtools.errors import MissingDependencyError, UsageError
from seqtools.explaining import ansi, html, svg
from seqtools.explaining.explanation import Explanation, Piece
from seqtools.pictures import confusion, confusion_png, confusion_svg
from seqtools.pictures.terminal import TRUE_COLOURS
from seqtools_sentiment.eval_table import confused, table
from seqtools_sentiment.evaluation import Evaluation, evaluate
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.figures import Figures
from seqtools_sentiment.results import Classification
from seqtools_sentiment.rivals import chance, verdict
from seqtools_sentiment.robustness import CHANGES, robustness

TWO = Labels(("neg", "pos"), "softmax", ordered=True)
SEVERAL = Labels(("a", "b", "c"), "sigmoid")
odd = st.text(st.characters(exclude_categories=[]), max_size=20)
quickly = budget(max_examples=25, deadline=None, derandomize=True)


def said(labels: Labels, *shares: float, tokens: int = 3) -> Classification:
    probabilities = dict(zip(labels.names, shares, strict=True))
    best = max(probabilities, key=lambda name: probabilities[name])
    return Classification("t", best, probabilities, (best,), None, tokens)


def figures(right: Sequence[bool]) -> Figures:
    """Of texts all of whose gold is the first class."""
    shares = np.array([[0.9, 0.1] if one else [0.1, 0.9] for one in right], np.float32)
    return Figures(TWO.names, "softmax", shares, np.tile(np.array([1, 0], np.float32), (len(right), 1)))


@pytest.fixture
def result() -> Evaluation:
    examples = [
        Example(f"text {n}", (name,), where=f"f, line {n}")
        for n, name in enumerate(["neg", "neg", "pos", "pos"])
    ]
    told = [said(TWO, 0.9, 0.1), said(TWO, 0.3, 0.7), said(TWO, 0.2, 0.8), said(TWO, 0.99, 0.01, tokens=0)]
    return evaluate(examples, told, TWO, errors=5)


def test_mistakes_are_sorted_by_how_wrong_they_are(result: Evaluation) -> None:
    assert [one.text for one in result.mistakes] == ["text 3", "text 1"]
    worst = result.mistakes[0]
    assert (worst.gold, worst.label, worst.where) == (("pos",), ("neg",), "f, line 3")
    assert (worst.gold_probability, worst.probability) == (pytest.approx(0.01), pytest.approx(0.99))
    assert (result.blank, result.texts) == (1, 4)


def test_abstaining_answers_the_sure_ones_first(result: Evaluation) -> None:
    whole, *_, half = result.abstaining
    assert (whole.coverage, whole.abstain, whole.accuracy) == (1.0, 0.0, 0.5)
    assert (half.coverage, half.abstain, half.accuracy) == (0.5, pytest.approx(0.9), 0.5)


def test_the_interval_is_never_nothing() -> None:
    examples = [Example("t", ("pos",))] * 100
    sure = evaluate(examples, [said(TWO, 0.1, 0.9)] * 100, TWO, errors=1)
    assert 0.01 < sure.interval < 0.03 and sure.mistakes == []
    half = evaluate(examples, [said(TWO, 0.1, 0.9), said(TWO, 0.9, 0.1)] * 50, TWO, errors=0)
    assert half.interval == pytest.approx(0.096, abs=0.002) and half.mistakes == []


def test_mistakes_with_several_labels() -> None:
    examples = [Example("one", ("a", "c")), Example("two", ())]
    told = [said(SEVERAL, 0.9, 0.6, 0.8), said(SEVERAL, 0.1, 0.2, 0.3)]
    result = evaluate(examples, told, SEVERAL, errors=5)
    (only,) = result.mistakes
    assert (only.gold, only.label) == (("a", "c"), ("a", "b", "c"))
    assert only.gold_probability == pytest.approx(0.9 * 0.4 * 0.8)
    assert result.abstaining == [] and result.as_json()["confusion"] is None


def test_verdicts() -> None:
    good, bad = figures([True] * 90 + [False] * 10), figures([True] * 60 + [False] * 40)
    near = figures([True] * 89 + [False] * 11)
    assert "--train" in verdict(good, {})
    assert "beats the best linear model, B, by 30.00 points" in verdict(
        good, {"A": figures([False] * 100), "B": bad}
    )
    assert "luck" not in verdict(good, {"B": bad}) and "luck (p = 1.00)" in verdict(good, {"B": near})
    assert "The linear model wins: A is 30.00 points" in verdict(bad, {"A": good, "B": near})
    assert "as accurate as A" in verdict(good, {"A": good})


def test_chance_is_mcnemars() -> None:
    one = figures([True] * 30 + [False] * 10)
    other = figures([False] * 25 + [True] * 15)
    # 25 only the one, 10 only the other: chi square (|25 - 10| - 1)^2 / 35 = 5.6
    assert chance(one, other) == pytest.approx(0.01796, abs=1e-4)
    assert chance(one, one) == 1


# Robustness.


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("final punctuation removed", "Good film . \n", "Good film"),
        ("final punctuation removed", "?!", "?!"),
        ("final full stop added", "Good film", "Good film."),
        ("final full stop added", "Good film!", "Good film!"),
        (
            "contractions written out",
            "It's fine, I can't and they're not",
            "It is fine, I cannot and they are not",
        ),
        ("contractions written out", "it does n't work and wo n\u2019t", "it does not work and will not"),
        ("contractions put together", "It is not I who do not, I will not", "It isn't I who don't, I won't"),
        ("contractions put together", "you have what they are", "you've what they're"),
        ("trailing newline", "a", "a\n"),
        ("CR LF line ends", "a\nb\r\nc", "a\r\nb\r\nc\r\n"),
        ("Unicode NFD", "é", "e\u0301"),
        ("Unicode NFC", "e\u0301", "é"),
        ("upper case", "aß", "ASS"),
    ],
)
def test_changes(name: str, before: str, after: str) -> None:
    assert CHANGES[name](before) == after


@quickly
@given(text=odd)
def test_every_change_takes_any_text(text: str) -> None:
    assert all(isinstance(change(text), str) for change in CHANGES.values())


def test_flips_are_counted_among_the_texts_that_change() -> None:
    texts = ["good", "Bad", "GREAT", "fine!"]

    def label(given: Sequence[str]) -> list[tuple[str, ...]]:
        return [("loud",) if text.isupper() else ("calm", "mild") for text in given]

    before = [("mild", "calm"), ("calm", "mild"), ("loud",), ("calm", "mild")]
    found = {one.name: one for one in robustness(texts, before, label)}
    assert (found["lower case"].texts, found["lower case"].flipped, found["lower case"].example) == (
        2,
        1,
        "GREAT",
    )
    assert (found["upper case"].texts, found["upper case"].share) == (3, 1.0)
    assert (found["contractions written out"].texts, found["contractions written out"].share) == (0, 0.0)
    assert found["trailing newline"].flipped == 0


# What is printed and drawn.


def test_the_table_says_it_all(result: Evaluation) -> None:
    result.rivals = {"NB-SVM": figures([True, False, True, True])}
    result.changes = robustness(["t"], [("pos",)], lambda texts: [("neg",)] * len(texts))
    lines = list(table(result, "m.onnx", "f.csv", "By the card: 90"))
    assert lines[0] == "m.onnx on f.csv (4 texts, 2 classes)"
    text = "\n".join(lines)
    for part in (
        "NB-SVM",
        "50.00 ± ",
        "75.00",
        "right \\ said",
        "ECE",
        "100.00 %",
        "pos 0.0100, neg 0.9900: text 3",
    ):
        assert part in text, part
    assert lines[-2:] == ["By the card: 90", verdict(result.figures, result.rivals)]


def test_of_many_classes_the_confusions_are_listed() -> None:
    names, counts = [f"class {n}" for n in range(30)], np.eye(30, dtype=np.int64) * 9
    counts[3, 4], counts[7, 1] = 2, 5
    assert list(confused(names, counts))[1:] == ["      5  class 7 -> class 1", "      2  class 3 -> class 4"]
    few = list(confused(["日本", "b"], np.array([[1200, 3], [0, 5]])))
    assert few == ["right \\ said   日本  b", "日本          1,200  3", "b                 0  5"]


@quickly
@given(names=st.lists(odd, min_size=1, max_size=4))
def test_confusions_are_valid_xml_whatever_classes_are_called(names: list[str]) -> None:
    counts = np.arange(len(names) ** 2).reshape(len(names), -1)
    tree = ElementTree.fromstring(confusion_svg.render(names, counts))
    cells = [one for one in tree.iter() if one.tag.endswith("}g")]
    assert len(cells) == counts.size
    assert float(tree.attrib["width"]) >= 280  # room for the note below


def test_confusions_as_png() -> None:
    matplotlib = pytest.importorskip("matplotlib.image")
    picture = confusion_png.render(["neg", "$1_000$"], np.array([[9, 1], [0, 0]]))
    assert matplotlib.imread(io.BytesIO(picture), format="png").shape[2] in (3, 4)


def test_png_without_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named '{name}'", name="matplotlib")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"\[plot\]"):
        confusion.write(str(tmp_path / "c.png"), ["a", "b"], np.eye(2, dtype=np.int64))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("target", "says"), [("c.gif", "svg or .png"), ("nowhere/c.svg", "Make it first")])
def test_confusion_targets(tmp_path: Path, target: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        confusion.check_target(str(tmp_path / target))
    confusion.check_target(str(tmp_path / "c.svg"))


WEIGHED = Explanation(
    "not  <bad> at\tall", "pos & up", 0.75, 1.1, (Piece(0, 3, 2.0), Piece(6, 9, -1.0), Piece(11, 17, 0.01))
)


def test_explanations_in_the_terminal() -> None:
    assert ansi.numbered(WEIGHED) == "not(+2.00) bad(-1.00) at all(+0.01)"
    few, many = (ansi.coloured(WEIGHED, colours) for colours in (256, TRUE_COLOURS))
    assert few == "\033[48;5;75m\033[38;5;16mnot\033[0m <\033[48;5;216m\033[38;5;16mbad\033[0m> at all"
    assert many.count("\033[48;2;") == 2 and "at all" in many


@quickly
@given(text=odd, effects=st.lists(st.floats(-50, 50), min_size=1, max_size=3))
def test_explanations_of_anything_are_one_safe_line_and_valid_pictures(
    text: str, effects: list[float]
) -> None:
    size = max(1, len(text) // len(effects))
    spans = [
        (place * size, (place + 1) * size) for place in range(len(effects)) if (place + 1) * size <= len(text)
    ]
    pieces = tuple(Piece(*span, effect) for span, effect in zip(spans, effects, strict=False))
    told = Explanation(text, text, 0.5, 0.0, pieces)
    for line in (ansi.numbered(told), ansi.coloured(told, 256)):
        assert not {"\n", "\t", "\r"} & set(line) and "\033[2J" not in line
    ElementTree.fromstring(svg.render([told, WEIGHED]))
    page = html.render([told]).decode()
    assert page.count("<article>") == 1 and page.count("<script") == 0


def test_pictures_of_explanations() -> None:
    drawn = svg.render([WEIGHED]).decode()
    assert "pos &amp; up  0.7500" in drawn and "not: +2.000" in drawn and "bad: -1.000" in drawn
    assert drawn.count("<rect") == 3  # the ground and two words
    page = html.render([WEIGHED]).decode()
    assert '<mark title="+2.000"' in page and "&lt;" in page and '<span title="+0.010">' in page
    wide = Explanation("word " * 60, "x", 1.0, 9.0, tuple(Piece(5 * n, 5 * n + 4, 1.0) for n in range(60)))
    rows = {
        one.get("y") for one in ElementTree.fromstring(svg.render([wide])).iter() if one.tag.endswith("}rect")
    }
    assert len(rows) == 5  # the ground and four lines
    endless = Explanation("x" * 500, "x", 1.0, 9.0, (Piece(0, 500, 1.0),))
    assert 'width="8' in svg.render([endless]).decode()
