"""Training over seeds and folds with a test, the search for a recipe, and what does not go together."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from seqtools import config
from seqtools.errors import ConfigError, ExportError, UsageError
from seqtools_sentiment import autotune as tuning
from seqtools_sentiment import study as studying
from seqtools_sentiment.floor import KINDS
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.sizes import parse_size, vocabulary_within
from seqtools_sentiment.study_scores import BLEND, NETWORK, summary, table, verdict
from seqtools_sentiment.train_command import command

tiny = SimpleNamespace(**run_path(str(Path(__file__).with_name("tiny_reviews.py"))))
SMALL = {
    "network.width": 6, "network.embedding": 6, "training.steps": 4, "training.evaluate_every": 4,
    "training.batch_size": 16, "training.warmup": 0, "training.lr": 0.01,
}  # fmt: skip


def recipe(**values: Any) -> SentimentRecipe:
    layer = config.Layer("test", {**SMALL, **{name.replace("__", "."): one for name, one in values.items()}})
    return config.build(layer, kind=SentimentRecipe)


def table_of(path: Path, count: int, seed: int) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((one.text, one.labels[0]) for one in tiny.reviews(count, seed))
    return str(path)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that are trained, in their order."""
    names: list[str] = []
    plain = studying.train_filled

    def listening(run: SentimentRun, *others: Any, **more: Any) -> None:
        names.append(run.path.name)
        plain(run, *others, **more)

    monkeypatch.setattr(studying, "train_filled", listening)
    return names


def test_seeds_are_trained_once_and_scored_on_the_test(tmp_path: Path, trained: list[str]) -> None:
    files, test = [table_of(tmp_path / "a.csv", 120, 1)], [table_of(tmp_path / "t.csv", 50, 2)]
    said: list[str] = []

    def run(seeds: int) -> dict[str, Any]:
        return studying.study(
            files, test, tmp_path / "s", recipe(), seeds=seeds, export=False, report=said.append
        )

    told = run(2)
    assert trained == ["seed-1", "seed-2"]
    assert told["systems"].keys() == {NETWORK, BLEND, *KINDS.values()}
    floor = told["systems"]["NB-SVM"]["accuracy"]
    assert floor["sd"] == 0 and floor["mean"] > 0.8 and len(floor["each"]) == 2
    assert json.loads((tmp_path / "s" / "study.json").read_text()) == told
    assert any("texts that the test holds, too" in line for line in said)
    assert "NB-SVM" in said[-1] and "±" in said[-1]
    again = run(3)
    assert trained == ["seed-1", "seed-2", "seed-3"] and again["runs"][:2] == told["runs"]
    one = SentimentRun(tmp_path / "s" / "seed-1")
    texts = {example.text for part in ("train", "valid") for example in one.examples(part)}
    assert not texts & {example.text for example in tiny.reviews(50, 2)}
    assert one.floor()["systems"].keys() == set(KINDS.values())
    (tmp_path / "s" / "seed-3" / "scores.json").unlink()  # killed after training: scored again, alike
    assert run(3)["runs"] == again["runs"]


def test_other_texts_or_another_recipe_are_refused(tmp_path: Path) -> None:
    first, second = (table_of(tmp_path / f"{seed}.csv", 80, seed) for seed in (1, 2))

    def run(file: str, own: SentimentRecipe) -> None:
        studying.study([file], [], tmp_path / "s", own, export=False, report=lambda line: None)

    run(first, recipe())
    with pytest.raises(ConfigError, match="other texts"):
        run(second, recipe())
    with pytest.raises(ConfigError, match="width was 6"):
        run(first, recipe(network__width=7))
    with pytest.raises(UsageError, match="takes a folder for several runs"):
        studying.study([first], [], tmp_path / "s" / "seed-1", recipe(), report=lambda line: None)


def test_every_text_is_tested_in_one_fold(tmp_path: Path, trained: list[str]) -> None:
    files = [table_of(tmp_path / "a.csv", 120, 1)]
    told = studying.study(files, [], tmp_path / "s", recipe(), folds=3, report=lambda line: None)
    assert trained == ["fold-01", "fold-02", "fold-03"]
    assert sum(run["texts"] for run in told["runs"]) == 120
    assert told["on"] == "3 folds of 120 texts"
    parts = studying._folded(files, recipe(), 3, lambda line: None)
    for part in parts:
        texts = [{one.text for one in side} for side in (part.train, part.valid, part.test)]
        assert not texts[0] & texts[1] and not (texts[0] | texts[1]) & texts[2]
    assert not list(tmp_path.rglob("model.onnx"))
    with pytest.raises(UsageError, match="Leave --valid out"):
        studying.study(files, [], tmp_path / "t", recipe(data__valid="x"), folds=3, report=lambda line: None)


def figures(**points: float) -> dict[str, Any]:
    names = {"net": NETWORK, "both": BLEND, "nb": "NB-SVM", "tfidf": KINDS["tfidf"]}
    results = [
        {"systems": {names[key]: dict.fromkeys(("accuracy", "macro_f1", "ece", "nll"), (value + move) / 100)
                     for key, value in points.items()}}
        for move in (-1, 1)
    ]  # fmt: skip
    return summary(results)


def test_the_table_and_its_verdict() -> None:
    won = figures(net=84, both=85, nb=83, tfidf=81)
    assert won["systems"][NETWORK]["accuracy"]["sd"] == pytest.approx(0.01 * 2**0.5)
    lines = table({**won, "on": "10 test texts"}).splitlines()
    assert len(lines) == 6 and lines[1].startswith(NETWORK) and "84.00 ± 1.41" in lines[1]
    assert lines[-1] == "The network beats NB-SVM by 1.00 points; with it, by 2.00."
    assert "use --blend" in verdict(figures(net=80, both=85, nb=83, tfidf=81)["systems"])
    assert verdict(figures(net=80, both=82, nb=81, tfidf=83)["systems"]).startswith(KINDS["tfidf"] + " wins")


@pytest.mark.parametrize(
    ("text", "size"), [("2MB", 2_000_000), ("800 kB", 800_000), ("1.5mib", 1_572_864), ("900000", 900_000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "0", "-2MB", "2 bananas"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        parse_size(text)


def test_candidates_fit_and_keep_what_a_person_set() -> None:
    own = replace(recipe(), network=replace(recipe().network, pooling="last"))
    found = tuning.candidates(own, {"network.pooling"}, 8, 2, 500_000)
    assert len(found) == 8 and found[0].network.width == 6 and len({one.network.width for one in found}) > 2
    assert {one.network.pooling for one in found} == {"last"}
    assert all(200 <= one.tokenizer.vocab_size <= vocabulary_within(one, 2, 500_000) for one in found)
    assert tuning.candidates(own, {"network.pooling"}, 8, 2, 500_000) == found
    with pytest.raises(UsageError, match="no file has 1,000 bytes"):
        tuning.candidates(own, (), 8, 2, 1000)


def test_more_time_tries_more_recipes() -> None:
    assert [tuning.rungs_within(seconds) for seconds in (5, 60, 300, 3600)] == [0, 2, 3, 4]


def test_the_better_half_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots: list[tuple[int, float]] = []

    def trial(run: SentimentRun, one: SentimentRecipe, texts: Any, box: Any, slot: float) -> float:
        slots.append((one.network.width, slot))
        return -abs(one.network.width - 33)

    monkeypatch.setattr(tuning, "_trial", trial)
    found = [replace(recipe(), network=replace(recipe().network, width=width)) for width in (8, 30, 99, 34)]
    best = tuning._search(found, 2, None, tuning._Box(1000), tmp_path / "r", lambda line: None)
    assert best.network.width == 34 and not list(tmp_path.iterdir())
    assert [width for width, _ in slots] == [8, 30, 99, 34, 34, 30]
    assert slots[0][1] == pytest.approx(300 / 4, rel=0.01)
    assert slots[4][1] == pytest.approx(600 / 2, rel=0.01)


def test_a_search_keeps_its_time_and_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "rungs_within", lambda seconds: 1)
    monkeypatch.setattr(tuning, "_SHORTEST", 1.0)
    file, said = table_of(tmp_path / "a.csv", 60, 1), list[str]()
    tuning.autotune(
        [file], tmp_path / "r", recipe(training__steps=0), ("network.width",), budget="1s",
        max_size="400kB", floor=False, report=said.append,
    )  # fmt: skip
    assert any("rung 1" in line for line in said) and any("best recipe" in line for line in said)
    assert (tmp_path / "r" / "model.onnx").stat().st_size <= 400_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "r"]
    kept = SentimentRun(tmp_path / "r").recipe()
    assert kept.network.width == 6 and kept.training.max_time in ("1s", "2s")
    with pytest.raises(UsageError, match="it holds a run"):
        tuning.autotune([file], tmp_path / "r", recipe(), (), budget="4s", report=said.append)


def test_a_file_that_is_too_large_is_not_left_there(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"12345")
    with pytest.raises(ExportError, match="more than 4"):
        tuning._check(path, 5, 4)
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ("--max-size 2MB", "--max-size: only --autotune"),
        ("--autotune 5m --seeds 3", "--autotune: it trains one model"),
        ("--folds 3 --test x", "--folds: each fold is a test"),
        ("--seeds 2 --resume", "--seeds: it goes on by itself"),
        ("--autotune 5m --resume", "--autotune: a run that has begun"),
        ("--test x --pretrain 5m", "--test: each training would train the same language model"),
        ("--seeds 2 --no-floor", "--no-floor: scores are told beside"),
        ("--folds 1", "not in the range"),
    ],
)
def test_what_does_not_go_together(options: str, cause: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["a.csv", "-o", str(tmp_path / "r"), *options.split()])
    assert cause in f"{done.exception} {done.output}" and not (tmp_path / "r").exists()
