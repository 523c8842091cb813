"""`seqtools train generate` as a person uses it: small runs, second starts, every bad input."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

from seqtools.training.run_folder import RunFolder
from seqtools_generate.prepare import Split

Cli = Callable[..., Any]
WORDS = ("to", "be", "or", "not", "that", "is", "the", "question", "whether", "nobler", "in", "mind")
TINY = ("--width", 12, "--batch-size", 4, "--chunk", 10, "--sample-tokens", 8, "--no-floor", "--no-export")


def prose(count: int, seed: int = 0) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(WORDS) + draw.choice("   \n") for _ in range(count))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(prose(800))
    return path


@pytest.fixture
def train(run_cli: Cli, tmp_path: Path) -> Cli:
    """`train(files…, name=, steps=)`: a tiny run in a folder of that name; the click result."""

    def run(*words: object, name: str = "run", steps: int | None = 4, code: int = 0) -> Any:
        given = [*TINY, *(["--steps", steps] if steps else []), *words]
        done = run_cli("train", "generate", *given, "-o", tmp_path / name)
        assert done.exit_code == code, done.stderr
        return done

    return run


def stop_message(done: Any) -> str:
    """The one line on stderr of a command that failed."""
    line = str(done.stderr).splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.stderr
    return line


def test_a_run_leaves_its_whole_story(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text, "--embedding", 5, "--layers", 2)
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {
        "recipe.toml", "run.json", "tokenizer.json", "data", "metrics.jsonl", "samples.txt", "checkpoint",
        "best.safetensors",
    }  # fmt: skip
    run = RunFolder.open(folder)
    recipe, info = run.recipe(), run.info()
    assert (recipe.network.layers, recipe.network.embedding, recipe.training.steps) == (2, 5, 4)
    assert info["data"]["files"] == ["text.txt"]
    assert info["data"]["train"] == int(0.9 * info["data"]["size"])
    assert info["command"].startswith("seqtools")
    assert info["best"]["steps"] == 4
    assert info["best"]["nats_per_character"] == pytest.approx(info["best"]["valid_loss"])
    whole = text.read_text()
    assert run.tokenizer().decode(run.stream("train")) == whole[: int(0.9 * len(whole))]
    assert run.tokenizer().decode(run.valid_tokens()) == whole[int(0.9 * len(whole)) :]
    assert not run.network().training


def test_with_everything_a_model_file_comes_out(run_cli: Cli, text: Path, tmp_path: Path) -> None:
    words = [word for word in TINY if word not in ("--no-export", "--no-floor")]
    done = run_cli("train", "generate", text, "-o", tmp_path / "run", "--steps", 2, *words)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "run" / "model.onnx").is_file()
    floor = json.loads((tmp_path / "run" / "floor.json").read_text())
    assert 0 < floor["nats_per_character"] < 3
    assert "the n-gram wins" in done.stderr
    written = run_cli("generate", "to be", "-m", tmp_path / "run" / "model.onnx", "-n", 3, "--seed", 1)
    assert written.exit_code == 0, written.stderr


def test_forms_of_text(train: Cli, tmp_path: Path) -> None:
    content = prose(300)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.txt").write_text(content)
    (tmp_path / "d" / "b.txt.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "c.jsonl").write_text(json.dumps({"body": content}) + "\n")
    train(tmp_path / "d", tmp_path / "c.jsonl", "--text-field", "body")
    size = RunFolder(tmp_path / "run").info()["data"]["size"]
    joints = sum(1 for _ in range(2) if not content.endswith("\n"))
    assert size == 3 * len(content) + joints + 1


@pytest.mark.parametrize("kind", ["byte", "word", "sentencepiece"])
def test_every_tokenizer(train: Cli, text: Path, tmp_path: Path, kind: str) -> None:
    train(text, "--tokenizer", kind, "--vocab-size", 280 if kind == "sentencepiece" else 0)
    run = RunFolder(tmp_path / "run")
    assert run.tokenizer().kind == kind
    best = run.info()["best"]
    per_token = run.stream_info("valid").characters / run.stream_info("valid").tokens
    assert best["valid_loss"] / best["nats_per_character"] == pytest.approx(per_token, rel=0.03)


@pytest.mark.parametrize("options", [(), ("--per-line",)])
def test_sampled_sub_words_are_the_same_text(train: Cli, text: Path, tmp_path: Path, options: Any) -> None:
    words = ["--tokenizer", "sentencepiece", "--vocab-size", 290, "--set", "tokenizer.options.algorithm=bpe"]
    train(text, *words, "--set", "tokenizer.options.sampling=0.5", *options, steps=8)
    run = RunFolder(tmp_path / "run")
    plain = run.stream("train")
    sampled = np.fromfile(tmp_path / "run" / "data" / "sampled-0.bin", plain.dtype)
    assert len(sampled) > len(plain)
    assert run.tokenizer().decode(sampled) == run.tokenizer().decode(plain)
    marks = [run.tokenizer().bos, run.tokenizer().eos]
    assert [int((sampled == mark).sum()) for mark in marks] == [int((plain == mark).sum()) for mark in marks]


def test_lines_are_split_and_marked(train: Cli, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    lines = [f"name{number}" for number in range(100)]
    names.write_text("\n\n".join(lines) + "\n")
    train(names, "--per-line")
    run = RunFolder(tmp_path / "run")
    tokenizer, valid = run.tokenizer(), run.valid_tokens()
    assert valid[0] == tokenizer.bos
    assert int((valid == tokenizer.eos).sum()) == 10
    assert tokenizer.decode(valid) == "".join(lines[90:])
    best = run.info()["best"]
    characters = len("\n".join(lines[90:]) + "\n")
    assert best["nats_per_character"] == pytest.approx(best["valid_loss"] * (len(valid) - 1) / characters)


def test_a_file_to_validate_on(train: Cli, text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(prose(200, seed=7))
    train(text, "--valid", other)
    run = RunFolder(tmp_path / "run")
    assert run.tokenizer().decode(run.valid_tokens()) == other.read_text()
    assert run.tokenizer().decode(run.stream("train")) == text.read_text()
    other.write_text(prose(200, seed=8))
    assert "begun with other texts" in stop_message(train(text, "--valid", other, code=2))


@pytest.mark.parametrize(
    ("words", "lr", "end"),
    [
        (["--preset", "char-small"], 6e-3, (0, "3m")),
        (["--preset", "char-small", "--config", "CONFIG"], 0.5, (0, "3m")),
        (["--preset", "char-small", "--config", "CONFIG", "--set", "training.lr=0.25"], 0.25, (0, "3m")),
        (
            ["--set", "training.lr=0.25", "--lr", 0.125, "--preset", "char-small", "--steps", 3],
            0.125,
            (3, ""),
        ),
        (["--preset", "char-small", "--steps", 3, "--max-time", "1h"], 6e-3, (3, "1h")),
    ],
)
def test_who_wins(
    run_cli: Cli, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Any, lr: float, end: Any
) -> None:
    from seqtools_generate import train_run

    config = tmp_path / "recipe.toml"
    config.write_text("[training]\nlr = 0.5\n")
    taken: list[Any] = []
    monkeypatch.setattr(
        train_run, "train_generate", lambda files, output, recipe, **rest: taken.append(recipe)
    )
    words = [config if word == "CONFIG" else word for word in words]
    done = run_cli("train", "generate", text, "-o", tmp_path / "run", *words)
    assert done.exit_code == 0, done.stderr
    training = taken[0].training
    assert (training.lr, (training.steps, training.max_time)) == (lr, end)


def test_the_same_command_again_goes_on_and_ends(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text)
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    assert "Going on from step 4" in train(text).stderr
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before


def test_resume(train: Cli, run_cli: Cli, text: Path, tmp_path: Path) -> None:
    train(text)
    words = ["train", "generate", "-o", tmp_path / "run", "--resume", "--no-floor", "--no-export"]
    assert "Going on from step 4" in run_cli(*words).stderr
    done = run_cli(*words, "--lr", 1)
    assert done.exit_code == 2
    assert "the run keeps the recipe it has" in done.stderr
    text.write_text("other " * 100)
    assert "begun with other texts" in run_cli(*words, text).stderr
    done = run_cli("train", "generate", "-o", tmp_path / "none", "--resume")
    assert (done.exit_code, (tmp_path / "none").exists()) == (2, False)
    assert "there is no run to resume" in done.stderr


def test_a_folder_is_not_shared(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text)
    line = stop_message(train(text, "--lr", 0.5, "--seed", 3, code=2))
    assert "training.lr was 0.004" in line
    assert "training.seed was 1" in line
    other = tmp_path / "other.txt"
    other.write_text(prose(800, seed=5))
    assert "begun with other texts" in stop_message(train(other, code=2))
    assert "begun without --from" in stop_message(train(text, "--from", tmp_path / "run", code=2))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not a run folder" in stop_message(train(text, name="mine", code=2))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    assert "not a run folder" in stop_message(train(text, name="text.txt", code=2))


def test_from_keeps_ids_and_weights_and_adds_new_ones(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text, "--embedding", 6, name="old")
    more = tmp_path / "more.txt"
    more.write_text(prose(400) + "ÄÖÜ" + prose(400, seed=1))
    done = train(more, "--from", tmp_path / "old", "--lr", "1e-30", "--weight-decay", 0, name="new", steps=1)
    old, new = RunFolder(tmp_path / "old"), RunFolder(tmp_path / "new")
    size, grown = old.tokenizer().vocab_size, new.tokenizer().vocab_size
    assert grown == size + 3
    assert f"{size} ids kept, 3 added" in done.stderr
    assert new.tokenizer().decode(list(range(3, size))) == old.tokenizer().decode(list(range(3, size)))
    was, now = (load_file(run.path / "best.safetensors") for run in (old, new))
    for name, value in was.items():
        assert torch.equal(now[name][tuple(slice(length) for length in value.shape)], value), name
    assert now["embedding.weight"].shape == (grown, 6)
    assert bool(now["embedding.weight"][size:].any(1).all())
    assert new.recipe().network == old.recipe().network
    assert new.info()["parent"] == str((tmp_path / "old").resolve())
    # Killed before its first checkpoint, it still starts from the parent.
    for path in (new.path / "checkpoint").iterdir():
        path.unlink()
    (new.path / "best.safetensors").unlink()
    train(more, "--from", tmp_path / "old", "--lr", "1e-30", "--weight-decay", 0, name="new", steps=1)
    again = load_file(new.path / "best.safetensors")
    assert all(torch.equal(again[name], now[name]) for name in now)


def test_from_says_what_it_cannot_do(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text, name="old")
    file = tmp_path / "deep.toml"
    file.write_text("[network]\nlayers = 2\n")
    wishes: list[list[object]] = [
        ["--layers", 3],
        ["--set", "network.embedding=3"],
        ["--tokenizer", "byte"],
        ["--set", "tokenizer.options.sampling=0.5"],
        ["--config", file],
    ]
    for words in wishes:
        line = stop_message(train(text, "--from", tmp_path / "old", *words, name="new", code=2))
        assert "--from keeps the network and tokenizer of its run" in line
    assert "not a run folder" in stop_message(train(text, "--from", tmp_path, name="new", code=1))
    (tmp_path / "old" / "best.safetensors").unlink()
    assert "no weights yet" in stop_message(train(text, "--from", tmp_path / "old", name="new", code=1))
    assert not (tmp_path / "new").exists()


def test_from_keeps_dropouts_unless_others_are_named(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text, "--dropout-output", 0.4, "--dropout-input", 0.3, name="old")
    train(text, "--from", tmp_path / "old", "--dropout-input", 0, "--preset", "char-rnn", name="new")
    network = RunFolder(tmp_path / "new").recipe().network
    assert (network.dropout_output, network.dropout_input, network.layers) == (0.4, 0.0, 1)


BAD = {
    "empty": (b"", "there is no text in it"),
    "one character": (b"x", "one character is too little"),
    "two characters": (b"xy", "too few"),
    "too short": (b"to be", "too few"),
    "binary": (b"text\0more", "a NUL byte at offset 4"),
    "latin": ("caf\xe9".encode("latin1"), "byte 0xe9 at offset 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_texts_leave_nothing_behind(train: Cli, tmp_path: Path, name: str) -> None:
    content, problem = BAD[name]
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    assert problem in stop_message(train(path, code=1))
    assert not (tmp_path / "run").exists()


def test_bad_options_leave_nothing_behind(train: Cli, text: Path, tmp_path: Path) -> None:
    cases: list[tuple[list[object], str, int]] = [
        ([tmp_path / "none.txt"], "there is no such file", 1),
        ([text, "--valid", tmp_path / "none.txt"], "there is no such file", 1),
        ([], "there is no text to train on", 2),
        ([text, "--cell", "lstn.v1"], "lstm.v1", 2),
        ([text, "--tied", "--embedding", 0], "no embedding to share", 2),
        ([text, "--vectors", "none.vec", "--embedding", 0], "no embedding to fill", 2),
        ([text, "--vectors", "none.vec", "--embedding", 4], "no such file of vectors", 1),
        ([text, "--set", "training.lr=-1"], "lr is -1", 2),
        ([text, "--set", "trainin.lr=1", "--width", 0], "2 mistakes", 2),
        ([text, "--preset", "char-smal"], "char-small", 2),
        ([text, "--tokenizer", "chars"], "char", 2),
        ([text, "--set", "tokenizer.options.mode=x"], "mode", 2),
        ([text, "--max-time", "soon"], "not a duration", 2),
        ([text, "--device", "gpu"], "no such device", 1),
    ]
    for words, problem, code in cases:
        assert problem in stop_message(train(*words, code=code)), words
        assert not (tmp_path / "run").exists(), words


def test_vectors(train: Cli, text: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("the 1 2 3\nquestion -1 0 1\n")
    words = ["--tokenizer", "word", "--vectors", vectors, "--lr", "1e-30", "--weight-decay", 0]
    done = train(text, *words, "--embedding", 3, steps=1)
    assert "vectors: 2 of" in done.stderr
    run = RunFolder(tmp_path / "run")
    row = load_file(run.path / "best.safetensors")["embedding.weight"][int(run.tokenizer().encode("the")[0])]
    assert row.tolist() == [1, 2, 3]
    line = stop_message(train(text, *words, "--embedding", 4, name="wide", code=1))
    assert "Set network.embedding = 3" in line
    assert not (tmp_path / "wide").exists()


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(
    train: Cli, text: Path, tmp_path: Path
) -> None:
    words = ["--optimizer", "sgd", "--clip", "none", "--cell", "rnn_relu.v1", "--layers", 2]
    words += ["--checkpoint-every", "1", "--warmup", "0", "--schedule", "constant"]
    line = stop_message(train(text, *words, "--lr", "1e15", steps=60, code=1))
    assert "the checkpoint of step" in line or "no checkpoint was saved yet" in line
    assert "Lower --lr" in line
    for path in (tmp_path / "run" / "checkpoint").glob("*.safetensors"):
        assert all(bool(value.isfinite().all()) for value in load_file(path).values())


def test_a_start_that_was_killed_is_begun_afresh(train: Cli, text: Path, tmp_path: Path) -> None:
    train(text)
    (tmp_path / "run" / "recipe.toml").unlink()
    for name in ("metrics.jsonl", "samples.txt", "best.safetensors"):
        (tmp_path / "run" / name).unlink()
    for path in (tmp_path / "run" / "checkpoint").iterdir():
        path.unlink()
    (tmp_path / "run" / "checkpoint").rmdir()
    (tmp_path / "run" / "data" / ".train.bin.99.tmp").write_text("half")
    train(text)
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_every_recipe_key_is_listed_and_every_flag_names_its_default(run_cli: Cli) -> None:
    listed = run_cli("train", "generate", "--recipe-help")
    assert listed.exit_code == 0
    assert "training.half_chunk" in listed.stdout
    shown = " ".join(run_cli("train", "generate", "--help").stdout.split())
    assert "[training.lr; default: 0.004]" in shown


@pytest.mark.data
def test_the_split_of_tinyshakespeare_is_nanogpts(shared_data: Callable[[str], Path]) -> None:
    from seqtools import config

    found = sorted(path for path in shared_data("tinyshakespeare").rglob("*") if path.stem == "input")
    path = found[0] if found else next(shared_data("tinyshakespeare").glob("*.txt*"))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    data = raw.decode()
    split = Split([path], config.build())
    assert len(data) == 1_115_394
    assert "".join(split.train()) == data[: int(len(data) * 0.9)]
    assert "".join(split.valid()) == data[int(len(data) * 0.9) :]
    assert (split.size, split.cut) == (1_115_394, 1_003_854)
