"""`seqtools train sentiment` as a person uses it: small runs, second starts, language models, bad input."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

from seqtools import config
from seqtools.training.run_folder import RunFolder
from seqtools_sentiment.predicting import run_logits
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.train_run import train_sentiment

Cli = Callable[..., Any]
UNIT = Path(__file__).parents[1] / "unit"
REVIEWS = SimpleNamespace(**runpy.run_path(str(UNIT / "tiny_reviews.py"))).reviews
TINY = ["--width", 6, "--embedding", 8, "--no-floor", "--no-export", "--set", "tokenizer.options.min_count=1"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """80 reviews as CSV."""
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"{one.text},{one.labels[0]}\n" for one in REVIEWS(80, seed=1)))
    return path


@pytest.fixture
def train(run_cli: Cli, tmp_path: Path) -> Cli:
    """`train(words…, name=, steps=)`: a tiny run in a folder of that name; the click result."""

    def run(*words: object, name: str = "run", steps: int | None = 4, code: int = 0) -> Any:
        given = [*TINY, *(["--steps", steps] if steps else []), *words]
        done = run_cli("train", "sentiment", *given, "-o", tmp_path / name)
        assert done.exit_code == code, done.stderr
        return done

    return run


def stop_message(done: Any) -> str:
    line = str(done.stderr).splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.stderr
    return line


def test_a_csv_makes_a_run(train: Cli, file: Path, tmp_path: Path) -> None:
    done = train(file)
    run = SentimentRun(tmp_path / "run")
    assert {"recipe.toml", "best.safetensors", "metrics.jsonl", "calibration.json"} <= {
        path.name for path in run.path.iterdir()
    }
    info = run.info()
    assert info["best"].keys() >= {"valid_loss", "accuracy", "macro_f1", "steps"}
    assert info["task"] == "sentiment"
    assert "softmax over 2 labels" in done.stderr
    assert "validation accuracy" in done.stderr


def test_it_learns_and_stands_beside_the_linear_models(run_cli: Cli, file: Path, tmp_path: Path) -> None:
    done = run_cli(
        "train", "classify", file, "-o", tmp_path / "run", "--no-export", "--epochs", 25, "--lr", 0.02,
        "--width", 12, "--dropout-input", 0, "--set", "training.warmup=5", "--blend",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    run = SentimentRun(tmp_path / "run")
    assert run.info()["best"]["accuracy"] >= 0.75
    assert set(run.floor()["systems"]) == {"NB-SVM", "TF-IDF + logistic regression"}
    assert run.linear()
    assert "NB-SVM" in done.stderr.splitlines()[-1]


def test_a_text_without_tokens_gets_the_shares_of_the_training_texts(
    train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file)
    run = SentimentRun(tmp_path / "run")
    told = torch.from_numpy(run_logits(run, ["", "good film"])).softmax(dim=-1)
    torch.testing.assert_close(told[0], torch.from_numpy(run.labels().shares(run.examples("train"))))


@pytest.mark.parametrize(
    "options",
    [
        ["--objective", "ordinal", "--order", "neg,pos", "--judge", "loss"],
        ["--entropy", "0.1", "--adversarial", "1", "--virtual", "1", "--label-smoothing", "0.1"],
        ["--class-weights", "balanced", "--judge", "macro_f1", "--patience", "2"],
        ["--pooling", "attention", "--head", "5", "--layers", "2", "--forward", "--ema", "0.9"],
        ["--tokenizer", "char", "--pooling", "last", "--cell", "gru.v1", "--max-length", "12"],
        ["--unfreeze", "0.5", "--rate-decay", "2.6", "--accumulate", "2"],
    ],
    ids=lambda options: options[0].lstrip("-"),
)
def test_every_way_of_training_trains(train: Cli, file: Path, tmp_path: Path, options: list[str]) -> None:
    train(file, *options)
    assert torch.isfinite(torch.tensor(SentimentRun(tmp_path / "run").info()["best"]["valid_loss"]))


@pytest.mark.parametrize("names", ["a,b,c", "a,b"])
def test_many_labels_and_no_label(train: Cli, tmp_path: Path, names: str) -> None:
    path, columns = tmp_path / "many.csv", names.split(",")
    rows = [f"{one.text}," + ",".join(str((n >> k) & 1) for k in range(len(columns)))
            for n, one in enumerate(REVIEWS(60, seed=3))]  # fmt: skip
    path.write_text("\n".join([f"text,{names}", *rows]) + "\n")
    train(path, "--label", names, "--class-weights", "balanced")
    run = SentimentRun(tmp_path / "run")
    assert run.labels().objective == "sigmoid"
    assert run_logits(run, ["good film"]).shape == (1, len(columns))


def test_the_same_command_again_does_nothing_twice_and_another_is_refused(
    train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file)
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    train(file)
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before
    assert "another recipe" in stop_message(train(file, "--lr", 0.5, code=2))
    file.write_text(file.read_text().replace("film", "movie"))
    assert "begun with other texts" in stop_message(train(file, code=2))


def test_resume_needs_no_files_and_takes_no_options(
    run_cli: Cli, train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file)
    assert run_cli("train", "sentiment", "-o", tmp_path / "run", "--resume", "--no-export").exit_code == 0
    assert "keeps the recipe" in stop_message(train("--resume", code=2))
    missing = run_cli("train", "sentiment", "-o", tmp_path / "none", "--resume")
    assert missing.exit_code == 2
    assert "there is no run to resume" in missing.stderr


class Killed(BaseException):
    """Stands for a kill: nothing in training catches it."""


@pytest.mark.parametrize("extra", [{}, {"training.virtual": 1.0, "training.unfreeze": 0.8}])
def test_killed_and_started_again_it_ends_bit_for_bit_as_undisturbed(
    file: Path, tmp_path: Path, extra: dict[str, float]
) -> None:
    values = {
        "network.width": 5, "network.embedding": 6, "training.steps": 24, "training.checkpoint_every": 5,
        "training.ema": 0.9, "tokenizer.options": {"min_count": 1}, "training.evaluate_every": 12, **extra,
    }  # fmt: skip
    recipe = config.build(config.Layer("test", values), kind=SentimentRecipe)

    def run(name: str, killed: bool) -> Path:
        def report(line: str) -> None:
            if killed and line.startswith("step 12  valid"):
                raise Killed

        train_sentiment((str(file),), tmp_path / name, recipe, floor=False, export=False, report=report)
        return tmp_path / name

    whole = run("whole", killed=False)
    with pytest.raises(Killed):
        run("killed", killed=True)
    assert (tmp_path / "killed" / "checkpoint" / "step-00000010.json").is_file()
    again = run("killed", killed=False)
    assert (again / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


def test_vectors_fill_the_embedding_and_bring_their_words(train: Cli, file: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    words = ["good", "film", "unseen", "two parts", "splendid"]
    vectors.write_text("".join(f"{word} {' '.join([str(n)] * 8)}\n" for n, word in enumerate(words, 1)))
    given = [file, "--vectors", vectors, "--lr", 1e-9, "--weight-decay", 0]
    assert "vectors: 4 of" in train(*given, steps=1).stderr
    run = SentimentRun(tmp_path / "run")
    tokenizer, table = run.tokenizer(), run.classifier().embedding.weight
    for word, value in (("good", 1.0), ("unseen", 3.0), ("splendid", 5.0)):
        (index,) = tokenizer.encode(word)
        assert index != tokenizer.unknown
        torch.testing.assert_close(table[int(index)], torch.full((8,), value), rtol=1e-4, atol=1e-4)
    assert run.info()["fixed"] == 2  # unseen, splendid: no training text has them
    train(*given, "--own-vocabulary", "--freeze", name="own", steps=1)
    own = SentimentRun(tmp_path / "own")
    assert own.tokenizer().encode("splendid").tolist() == [tokenizer.unknown]


def test_neighbours_make_first_vectors(train: Cli, file: Path, tmp_path: Path) -> None:
    given = [file, "--neighbours", 3, "--lr", 1e-9, "--weight-decay", 0]
    assert "neighbours: vectors of" in train(*given, steps=1).stderr
    run = SentimentRun(tmp_path / "run")
    table, tokenizer = run.classifier().embedding.weight, run.tokenizer()
    film, plot, good = (table[int(tokenizer.encode(word)[0])] for word in ("film", "plot", "good"))
    alike = torch.nn.functional.cosine_similarity
    assert alike(film, plot, dim=0) > alike(film, good, dim=0)  # things stand where things stand
    train(*given, "--embedding", 40, name="wide", steps=1)  # more values than words
    wide = SentimentRun(tmp_path / "wide").classifier().embedding.weight
    assert bool(wide.isfinite().all())
    assert wide.shape[1] == 40


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("good 1 2 3\n", "3 values and the embedding 8"),
        ("", "it holds no vectors"),
        ("good 1 two\n", "line 1"),
        (None, "no such file of vectors"),
    ],
)
def test_vectors_that_do_not_fit_are_told_first(
    train: Cli, tmp_path: Path, content: str | None, told: str
) -> None:
    vectors = tmp_path / "vectors.txt"
    if content is not None:
        vectors.write_text(content)
    assert told in stop_message(train("unread.csv", "--vectors", vectors, code=1))


@pytest.fixture
def model(run_cli: Cli, tmp_path: Path) -> Path:
    """A language model's run."""
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{one.text}\n" for one in REVIEWS(100, seed=5)))
    done = run_cli(
        "train", "generate", texts, "-o", tmp_path / "lm", "--per-line", "--tokenizer", "word", "--layers", 2,
        "--width", 7, "--embedding", 5, "--steps", 4, "--no-floor", "--no-export", "--sample-tokens", 0,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return tmp_path / "lm"


def from_lm(run_cli: Cli, model: Path, file: Path, output: Path, *words: object) -> Any:
    given = [file, "--from-lm", model, "-o", output, "--no-floor", "--no-export", *words]
    return run_cli("train", "sentiment", *given)


def test_a_classifier_starts_as_a_language_model(
    run_cli: Cli, model: Path, file: Path, tmp_path: Path
) -> None:
    done = from_lm(run_cli, model, file, tmp_path / "run", "--steps", 1, "--lr", 1e-9)
    assert done.exit_code == 0, done.stderr
    run, parent = SentimentRun(tmp_path / "run"), RunFolder(model)
    recipe = run.recipe()
    assert run.tokenizer().payload() == parent.tokenizer().payload()
    assert (recipe.network.layers, recipe.network.width, recipe.network.bidirectional) == (2, 7, False)
    assert (recipe.training.unfreeze, recipe.training.rate_decay) == (0.3, 2.6)
    ours, theirs = load_file(run.path / "best.safetensors"), load_file(model / "best.safetensors")
    for name in (name for name in theirs if name.startswith(("embedding.", "stack."))):
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-5, atol=1e-6)
    assert run.info()["parent"] == str(model.resolve())
    again = run_cli("train", "sentiment", "-o", tmp_path / "run", "--resume", "--no-export", "--no-floor")
    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize(
    "words", [["--width", "9"], ["--bidirectional"], ["--tokenizer", "char"], ["--vectors", "x"]]
)
def test_a_language_model_settles_the_network(
    run_cli: Cli, model: Path, file: Path, tmp_path: Path, words: list[str]
) -> None:
    done = from_lm(run_cli, model, file, tmp_path / "run", *words)
    assert done.exit_code == 2
    assert "keeps the tokenizer, the embedding and the stack" in stop_message(done)


def test_only_a_language_model_with_an_embedding_will_do(
    run_cli: Cli, train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file, name="classifier")
    done = from_lm(run_cli, tmp_path / "classifier", file, tmp_path / "run")
    assert done.exit_code == 2
    assert "a run of 'sentiment', not a language model" in stop_message(done)
    folder = RunFolder(tmp_path / "one-hot")
    folder.path.mkdir()
    (folder.path / "recipe.toml").write_text('task = "generate"\n[network]\nembedding = 0\n')
    assert "no embedding" in stop_message(from_lm(run_cli, folder.path, file, tmp_path / "run"))
    assert from_lm(run_cli, tmp_path / "none", file, tmp_path / "run").exit_code == 1


def test_one_command_trains_the_language_model_too(run_cli: Cli, file: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("a splendid film\n" * 5)
    words = [
        file, "-o", tmp_path / "run", "--pretrain", "1s", "--unlabelled", more, "--steps", 3, *TINY
    ]  # fmt: skip
    done = run_cli("train", "sentiment", *words)
    assert done.exit_code == 0, done.stderr
    run, parent = SentimentRun(tmp_path / "run"), RunFolder(tmp_path / "run" / "lm")
    assert run.info()["parent"] == str(parent.path.resolve())
    assert run.tokenizer().encode("splendid").tolist() != [run.tokenizer().unknown]
    assert len((run.path / "lm.txt").read_text().splitlines()) == len(run.examples("train"))
    assert run_cli("train", "sentiment", *words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "there is no text to train on"),
        (
            ["x.csv", "--freeze", "--neighbours", "0"],
            "an embedding without vectors would stay as it was drawn",
        ),
        (["x.csv", "--unlabelled", "y"], "only --pretrain reads it"),
        (["x.csv", "--pretrain", "soon"], "soon"),
        (["x.csv", "--pretrain", "1m", "--from-lm", "y"], "brings a language model already"),
        (["x.csv", "--pretrain", "1m", "--bidirectional"], "a language model reads forward"),
        (["x.csv", "--set", "network.poling=max"], "did you mean 'network.pooling'"),
        (["x.csv", "--preset", "shrt"], "Did you mean 'short'"),
        (["x.csv", "--pooling", "sum"], "is not one of"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_read(train: Cli, words: list[str], told: str) -> None:
    assert told in stop_message(train(*words, code=2))


def test_a_folder_of_something_else_is_left_alone(train: Cli, file: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.md").write_text("mine")
    assert "is not a run folder" in stop_message(train(file, code=2))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.md"]


def test_the_figures_are_kept(train: Cli, file: Path, tmp_path: Path) -> None:
    train(file)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    evaluated = [json.loads(line) for line in lines if "macro_f1" in line]
    assert evaluated
    assert all(0 <= one["accuracy"] <= 1 for one in evaluated)
