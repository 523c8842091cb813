"""From labelled texts to classes, to a split, to a run folder."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqtools_sentiment
from seqtools import config
from seqtools.errors import ConfigError, DataError, UsageError
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.labels import learn_labels, told
from seqtools_sentiment.orders import known_order
from seqtools_sentiment.prepare import data_matches, fill, prepare
from seqtools_sentiment.reading import read_examples
from seqtools_sentiment.recipe import LabelledDataConfig, SentimentRecipe, TextTokenizerConfig
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.splits import folds, key, repeats, split, without

quickly = settings(max_examples=60, deadline=None, derandomize=True)


def texts(*labels: str, each: int = 3) -> list[Example]:
    return [Example(f"text {n} {label}", (label,)) for label in labels for n in range(each)]


def learn(examples: list[Example], **data: str) -> Labels:
    return learn_labels(examples, LabelledDataConfig(**data))


def recipe(**data: Any) -> SentimentRecipe:
    tokenizer = TextTokenizerConfig(options={"min_count": 1, "lowercase": True})
    return SentimentRecipe(data=LabelledDataConfig(**data), tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("1", "0"), ("0", "1")),
        (("10", "9", "1"), ("1", "9", "10")),
        (("-1", "1", "0"), ("-1", "0", "1")),
        (("5 stars", "1 star", "3 stars"), ("1 star", "3 stars", "5 stars")),
        (("★★★☆☆", "★☆☆☆☆"), ("★☆☆☆☆", "★★★☆☆")),
        (("***", "*"), ("*", "***")),
        (("positive", "Very-Negative", "neutral"), ("Very-Negative", "neutral", "positive")),
        (("pro", "con"), ("con", "pro")),
        (("yes", "no"), ("no", "yes")),
        (("good", "excellent", "bad"), ("bad", "good", "excellent")),
        (("spam", "ham"), ()),
        (("positive", "negative", "joy"), ()),
        (("pos", "positive"), ()),
        (("1", "01"), ()),
        (("1",), ()),
    ],
)
def test_orders_that_labels_tell(names: tuple[str, ...], order: tuple[str, ...]) -> None:
    assert known_order(names) == order


@pytest.mark.parametrize(
    ("labels", "data", "expected"),
    [
        (("1", "0"), {}, Labels(("0", "1"), "softmax", True)),
        (("spam", "ham"), {}, Labels(("ham", "spam"), "softmax", False)),
        (("3", "1", "2"), {}, Labels(("1", "2", "3"), "ordinal", True)),
        (("3", "1", "2"), {"objective": "softmax"}, Labels(("1", "2", "3"), "softmax", False)),
        (("3", "1", "2"), {"objective": "sigmoid"}, Labels(("1", "2", "3"), "sigmoid", False)),
        (
            ("pos", "neg", "neutral"),
            {"objective": "softmax"},
            Labels(("neg", "neutral", "pos"), "softmax", True),
        ),
        (("b", "c", "a"), {"order": "c, b,a"}, Labels(("c", "b", "a"), "ordinal", True)),
        (("b", "a"), {"order": "b,a", "objective": "ordinal"}, Labels(("b", "a"), "ordinal", True)),
    ],
)
def test_kinds_of_classes(labels: tuple[str, ...], data: dict[str, str], expected: Labels) -> None:
    found = learn(texts(*labels), **data)
    assert found == expected == Labels.from_payload(json.loads(json.dumps(found.payload())))
    assert found.outputs == found.classes - (found.objective == "ordinal")


def test_several_labels_make_many_targets() -> None:
    examples = [Example("x", ("a", "b")), Example("y", ()), Example("z", ("b",))]
    labels = learn(examples)
    assert labels == Labels(("a", "b"), "sigmoid", False)
    assert labels.targets(examples).tolist() == [[1, 1], [0, 0], [0, 1]]
    assert "any number of them a text: a (1), b (2)" in told(labels, examples)
    with pytest.raises(DataError, match="it has 2 labels, but 'softmax' needs one"):
        learn(examples, objective="softmax")


def test_targets_of_shares() -> None:
    examples = [Example("x", ("pos", "neg"), (0.75, 0.25)), Example("y", ("neg",))]
    labels = learn(examples)
    assert labels.target(examples[0]).tolist() == [0.25, 0.75]
    assert labels.target(examples[0]).dtype == np.float32
    assert labels.golds(examples).tolist() == [1, 0]
    assert labels.shares(examples).tolist() == [0.625, 0.375]
    assert told(labels, examples) == "labels: 2, one a text: neg (1) < pos (1)"


def test_texts_that_repeat_are_counted(tmp_path: Path) -> None:
    rows = [("Good one", "pos"), ("good  one", "pos"), ("good one", "neg"), ("dull", "neg"), ("fine", "pos")]
    told = "equal texts: 2 repetitions, 1 text under unlike labels; a split keeps them on one side"
    assert repeats([Example(text, (label,)) for text, label in rows]) == told
    assert repeats([Example("a", ("pos",)), Example("b", ("neg",))]) == ""
    said: list[str] = []
    more = [(f"text {number}", "pos" if number % 2 else "neg") for number in range(40)]
    prepare(SentimentRun(tmp_path / "run"), [table(tmp_path / "a.tsv", rows + more)], recipe(), said.append)
    assert told in said


@pytest.mark.parametrize(
    ("examples", "data", "problem"),
    [
        (texts("pos"), {}, "all 3 have the label 'pos'.*another class"),
        ([], {}, "training texts: there are none"),
        ([Example("x", ()), Example("y", ())], {}, "they have no labels.*--label"),
        (texts(*map(str, range(50)), each=1), {}, "50 different labels for 50 texts.*--label"),
        (texts("a", "b"), {"order": "a,c"}, "data.order: it names a, c, but the labels are a, b"),
        (texts("a", "b", "c"), {"objective": "ordinal"}, "data.order: the labels a, b, c have no order"),
    ],
)
def test_labels_that_make_no_classes(examples: list[Example], data: dict[str, str], problem: str) -> None:
    with pytest.raises((DataError, ConfigError), match=problem):
        learn(examples, **data)


def test_unseen_labels_are_named_with_their_line() -> None:
    labels = Labels(("neg", "pos"))
    held = [Example("x", ("pos",)), Example("y", ("meh",), (), "a.csv, line 7"), Example("z", ("meh",))]
    with pytest.raises(DataError, match=r"no label 'meh' \(2x\), first in a.csv, line 7; they have neg, pos"):
        labels.check(held, "test texts")
    with pytest.raises(DataError, match="label 'meh': it is not in the training data"):
        labels.targets(held)
    labels.check(held[:1], "test texts")


def test_damaged_labels_are_told() -> None:
    with pytest.raises(DataError, match="damaged"):
        Labels.from_payload({"names": ["a"]})


LABELLED = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([("p",), ("q",), ("p", "q"), ()])), max_size=60
).map(lambda rows: [Example(text, labels) for text, labels in rows])


@quickly
@given(LABELLED, st.floats(0, 0.9), st.integers(0, 3))
def test_a_split_parts_texts_and_nothing_else(examples: list[Example], fraction: float, seed: int) -> None:
    train, valid = split(examples, fraction, seed)
    assert Counter(train + valid) == Counter(examples)
    assert not {key(one.text) for one in train} & {key(one.text) for one in valid}
    again = split(examples[::-1], fraction, seed)
    if len({(one.text, one.labels) for one in examples}) == len({one.text for one in examples}):
        assert (again[0][::-1], again[1][::-1]) == (train, valid)


def test_every_class_is_held_out_in_its_share() -> None:
    examples = texts("a", each=200) + texts("b", each=40) + texts("c", each=1)
    train, valid = split(examples, 0.1, 1)
    assert Counter(one.labels[0] for one in valid) == {"a": 20, "b": 4}
    assert split(examples, 0.1, 2)[1] != valid == split(examples, 0.1, 1)[1]
    assert without(train + valid[:3], valid) == train


def test_texts_that_differ_in_blanks_case_or_form_are_one() -> None:
    assert key(" Très\nBON ") == key("tre\u0300s bon")
    examples = [Example(text, ("a",)) for text in ("A b", "a  B", "c", "d")] + texts("b")
    for seed in range(8):
        held = {one.text for one in split(examples, 0.5, seed)[1]}
        assert ("A b" in held) == ("a  B" in held)


@quickly
@given(LABELLED.filter(lambda rows: len({one.text for one in rows}) > 3), st.integers(2, 4))
def test_folds_test_every_text_once(examples: list[Example], count: int) -> None:
    parts = folds(examples, count, 1)
    assert len(parts) == count
    assert Counter(one for _, test in parts for one in test) == Counter(examples)
    for train, test in parts:
        assert test and Counter(train + test) == Counter(examples)
        assert not {one.text for one in train} & {one.text for one in test}


def test_folds_have_every_class_in_its_share() -> None:
    for train, test in folds(texts("a", "b", each=50) + texts("c", each=10), 10, 1):
        assert Counter(one.labels[0] for one in test) == {"a": 5, "b": 5, "c": 1}
        assert len(train) == 99


def test_impossible_folds() -> None:
    with pytest.raises(UsageError, match="--folds: 1 is too few"):
        folds(texts("a", "b"), 1, 1)
    with pytest.raises(DataError, match="6 different texts for 7 folds"):
        folds(texts("a", "b"), 7, 1)


def table(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *rows]), "utf-8")
    return str(path)


ROWS = [(f"a good film {n}", "pos") for n in range(20)] + [(f"a bad film {n}", "neg") for n in range(20)]


def test_a_run_is_filled(tmp_path: Path) -> None:
    run, lines = SentimentRun(tmp_path / "run"), list[str]()
    file = table(tmp_path / "a.tsv", [*ROWS, (" ", "pos")])
    prepare(run, [file], recipe(), lines.append)
    train, valid = run.examples("train"), run.examples("valid")
    assert (len(train), len(valid)) == (36, 4)
    assert run.labels() == Labels(("neg", "pos"), "softmax", True)
    assert run.tokenizer().encode("A GOOD film").min() > 0
    assert run.linear() == run.calibration() == {}
    assert lines[1:] == [
        "left out: 1 blank text",
        "labels: 2, one a text: neg (18) < pos (18)",
        f"tokenizer: word, {run.tokenizer().vocab_size} ids",
        "train: 36 texts; valid: 4 texts",
    ]
    about = run.info()["data"]
    assert (about["files"], about["blank"], about["train"], about["valid"]) == (["a.tsv"], 1, 36, 4)
    assert data_matches(run, [file], recipe())
    assert not data_matches(run, [table(tmp_path / "a.tsv", ROWS)], recipe())
    assert not run.exists


def test_texts_of_both_files_are_left_out_of_training(tmp_path: Path) -> None:
    lines: list[str] = []
    valid = table(tmp_path / "valid.tsv", [("A Good  film 3", "pos"), ("new", "neg")])
    run, wanted = SentimentRun(tmp_path / "run"), recipe(valid=valid)
    prepare(run, [table(tmp_path / "a.tsv", ROWS)], wanted, lines.append)
    assert "left out of training: 1 text that validation holds, too" in lines
    assert len(run.examples("train")) == 39
    assert [one.text for one in run.examples("valid")] == ["A Good  film 3", "new"]
    assert run.info()["data"]["twice"] == 1


def test_stored_texts_come_back(tmp_path: Path) -> None:
    run = SentimentRun(tmp_path)
    examples = [
        Example('é🙂 "\n\u2028\u0007', ("a", "b"), (0.25, 0.75)),
        Example("x", ()),
        Example("1" * 100_000, ("|",)),
    ]
    run.write_examples("train", examples)
    first = run.examples_path("train").read_bytes()
    run.write_examples("train", examples)
    assert run.examples("train") == examples and run.examples_path("train").read_bytes() == first
    run.write_linear({"weights": [0.1]})
    run.write_calibration({"network": 1.5})
    assert (run.linear(), run.calibration()) == ({"weights": [0.1]}, {"network": 1.5})
    with pytest.raises(DataError, match="no weights yet"):
        run.classifier()


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    run = SentimentRun(tmp_path)
    run.write_examples("train", [])
    run.examples_path("train").write_bytes(gzip.compress(b'{"text": "x"}\n'))
    with pytest.raises(DataError, match=r"train.jsonl.gz: it is damaged"):
        run.examples("train")


def test_what_cannot_be_prepared(tmp_path: Path) -> None:
    run = SentimentRun(tmp_path / "run")
    file, odd = table(tmp_path / "a.tsv", ROWS), table(tmp_path / "b.tsv", [("x", "meh"), ("y", "neg")])
    for wanted, problem in (
        (
            recipe(valid=odd),
            r"validation texts: the training data have no label 'meh' \(1x\), first in .*line 2",
        ),
        (recipe(valid_fraction=0.0), "validation texts: there are none.*--valid"),
        (recipe(valid=f"{tmp_path}/no.tsv"), "no.tsv: there is no such file"),
    ):
        with pytest.raises(DataError, match=problem):
            prepare(run, [file], wanted, lambda line: None)
        assert not run.path.exists()


def test_other_tokenizers_are_spared_the_options_of_words(tmp_path: Path) -> None:
    run = SentimentRun(tmp_path / "run")
    wanted = config.build(config.Layer("test", {"tokenizer.kind": "char"}), kind=SentimentRecipe)
    train, valid = texts("pos", "neg"), texts("neg", each=1)
    fill(run, train, valid, learn(train), wanted, lambda line: None, {"files": ["x"]})
    assert run.tokenizer().kind == "char"
    assert run.info()["data"] == {"files": ["x"], "train": 6, "valid": 1}


def test_a_huge_text_is_cut_where_the_file_cuts_it(tmp_path: Path) -> None:
    run = SentimentRun(tmp_path / "run")
    train = [*texts("pos", "neg"), Example("word " * 200_000, ("pos",))]
    fill(run, train, train[:1], learn(train), recipe(max_length=16), lambda line: None)
    assert max(len(one.text) for one in run.examples("train")) == 32_000


def test_the_sample_of_the_demo() -> None:
    path = Path(seqtools_sentiment.__file__).with_name("samples") / "pros-cons.tsv.gz"
    examples = read_examples([str(path)], LabelledDataConfig())
    assert path.stat().st_size <= 300_000
    assert len({key(one.text) for one in examples}) == len(examples) == 16_000
    assert learn(examples) == Labels(("con", "pro"), "softmax", True)
    assert Counter(one.labels for one in split(examples, 0.1, 1)[1]) == {("con",): 800, ("pro",): 800}
