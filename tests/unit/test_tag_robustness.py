"""What changes of sentences do to labels: which words are compared, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from seqtools_tag.eval_table import table
from seqtools_tag.evaluation import Evaluation
from seqtools_tag.figures import measure
from seqtools_tag.robustness import CHANGES, Change, robustness
from seqtools_tag.sentences import Sentence


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("final punctuation removed", "Jane sings . \u2026 !", "Jane sings"),
        ("final punctuation removed", "? !", "? !"),
        ("final full stop added", "Jane sings", "Jane sings ."),
        ("final full stop added", "Jane sings ?!", "Jane sings ?!"),
        ("lower case", "Jane SINGS", "jane sings"),
        ("upper case", "Jane \u00df", "JANE SS"),
        (
            "contractions written out",
            "I 'm sure it\u2019s n\u2019t Jane 's",
            "I am sure it\u2019s not Jane 's",
        ),
        ("contractions written out", "Wo n't he 's , ca N'T , CA n't", "Will not he is , can NOT , CAN not"),
        (
            "contractions put together",
            "I am sure they have , have not , Will not",
            "I 'm sure they 've , have n't , Wo n't",
        ),
        ("contractions put together", "it is NOT can not I am not", "it is N'T ca n't I 'm not"),
        ("trailing newline", "Jane sings", "Jane sings\n"),
        ("CR LF line ends", "Jane sings", "Jane sings\r\n"),
        ("Unicode NFC", "e\u0301te\u0301 x", "\u00e9t\u00e9 x"),
        ("Unicode NFD", "\u00e9t\u00e9 x", "e\u0301te\u0301 x"),
    ],
)
def test_each_change(name: str, before: str, after: str) -> None:
    assert CHANGES[name](before.split()) == after


GOLD = [
    Sentence(("Jane", "sings", "."), ("B-PER", "O", "O")),
    Sentence(("PARIS", "is", "cold"), ("B-LOC", "O", "O")),
]
TOLD = [one.labels for one in GOLD]


def shouting(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Takes every word in capitals for a place, and one before a full stop for more of a person."""
    rows = []
    for text in texts:
        words = text.split()
        labels = ["B-LOC" if word.isupper() else "B-PER" if word == "Jane" else "O" for word in words]
        rows.append(
            tuple("I-PER" if word == "." else label for word, label in zip(words, labels, strict=True))
        )
    return rows


def test_labels_that_change_are_counted_among_the_words_that_stay() -> None:
    found = {one.name: one for one in robustness(GOLD, TOLD, shouting, spanned=True)}
    assert list(found) == list(CHANGES)
    upper = found["upper case"]
    assert (upper.texts, upper.words, upper.flipped, upper.share) == (2, 6, 5, 5 / 6)
    assert upper.example == "Jane sings ."
    assert (upper.before.accuracy, upper.before.f1) == (1, 1)
    assert (upper.after.accuracy, upper.after.f1) == (1 / 6, 1 / 4)
    added = found["final full stop added"]  # the full stop has no right label, so nobody asks for one
    assert (added.texts, added.words, added.flipped, added.after.f1) == (1, 3, 0, 1)
    ended = found["final punctuation removed"]
    assert (ended.texts, ended.words, ended.flipped, ended.example) == (1, 2, 0, "")
    assert (found["Unicode NFD"].texts, found["Unicode NFD"].share) == (0, 0)


def test_what_was_said_before_is_asked_where_it_is_not_given() -> None:
    asked: list[list[str]] = []

    def label(texts: Sequence[str]) -> list[tuple[str, ...]]:
        asked.append(list(texts))
        return shouting(texts)

    found = {one.name: one for one in robustness(GOLD, None, label, spanned=True)}
    assert asked[:2] == [["Jane sings ."], ["Jane sings"]]
    assert found["trailing newline"].flipped == 0
    assert found["trailing newline"].before.accuracy == 5 / 6


def test_json_of_a_change() -> None:
    told = robustness(GOLD, TOLD, shouting, spanned=True)[3].as_json()
    assert list(told) == ["name", "texts", "words", "flipped", "example", "share", "before", "after"]
    figures = ["accuracy", "precision", "recall", "f1", "macro_f1", "micro_f1"]
    assert list(told["before"]) == list(told["after"]) == figures


def evaluated(spanned: bool) -> Evaluation:
    gold = [one.labels for one in GOLD]
    said = [("B-LOC", "O", "O"), ("B-LOC", "O", "O")]
    plain = measure(gold, said, spanned=False)
    changes = [] if not spanned else robustness(GOLD, said, shouting, spanned=True)
    figures = measure(gold, said, spanned=spanned)
    return Evaluation(2, figures, (0, 0), plain, [("B-PER", "B-LOC", 1)], [], changes=changes)


def test_means_and_micro_f1() -> None:
    spans, plain = evaluated(True).figures, evaluated(False).figures
    assert spans.told()["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert spans.told()["micro_f1"] == spans.f1 == 0.5
    assert plain.told()["macro_f1"] == plain.f1 == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert plain.told()["micro_f1"] == plain.accuracy == 5 / 6
    assert measure([], [], spanned=True).told()["macro_f1"] == 0


def test_the_matrix_holds_every_word() -> None:
    result = evaluated(False)
    assert list(result.labels.kinds) == ["B-LOC", "B-PER", "O"]
    assert result.matrix == [[1, 0, 0], [1, 0, 0], [0, 0, 4]]


def test_the_table_tells_means_and_changes() -> None:
    lines = list(table(evaluated(True), "m.onnx", "f"))
    assert [line.split() for line in lines if line.startswith(("macro F1", "mean"))] == [
        ["macro", "F1", "33.33"],
        ["mean", "(macro)", "25.00", "50.00", "33.33"],
        ["mean", "(macro)", "50.00", "66.67", "55.56"],
    ]
    (upper,) = (line for line in lines if line.startswith("upper case"))
    assert upper.split()[2:] == ["2", "6", "66.67", "%", "16.67", "(-66.67)", "25.00", "(-25.00)"]
    (never,) = (line for line in lines if line.startswith("Unicode NFD"))
    assert never.split() == ["Unicode", "NFD", "0", "0", "-"]
    assert not any(line.startswith("change") and "F1" in line for line in table(evaluated(False), "m", "f"))


def test_a_change_of_nothing_changes_nothing() -> None:
    none = measure([], [], spanned=True)
    assert Change("x", 0, 0, none, none).share == 0.0
