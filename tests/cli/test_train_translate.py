"""`seqtools train translate` as a person uses it: small runs, second starts, two processes, bad input."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

from seqtools_translate.run_folder import TranslateRun

Cli = Callable[..., Any]
WORDS = {
    "one": "uno",
    "two": "dos",
    "red": "rojo",
    "dog": "perro",
    "cat": "gato",
    "and": "y",
    "runs": "corre",
}
TINY = [
    "--width", 12, "--encoder-width", 8, "--embedding", 12, "--layers", 1, "--tokenizer", "word",
    "--batch-tokens", 120, "--no-floor", "--no-export", "--valid-pairs", 8, "--sample-pairs", 1,
]  # fmt: skip
PROGRAM = [sys.executable, "-P", "-m", "seqtools", "train", "translate"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def pairs(count: int = 120, seed: int = 1) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    sentences = [draw.choices(list(WORDS), k=draw.randint(1, 6)) for _ in range(count)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in sentences]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Parallel files, the target gzipped."""
    source, target = tmp_path / "train.en", tmp_path / "train.es.gz"
    source.write_text("".join(f"{one}\n" for one, _ in pairs()))
    target.write_bytes(gzip.compress("".join(f"{two}\n" for _, two in pairs()).encode()))
    return source, target


@pytest.fixture
def train(run_cli: Cli, tmp_path: Path) -> Cli:
    """`train(words…, name=, steps=)`: a tiny run in a folder of that name; the click result."""

    def run(*words: object, name: str = "run", steps: int | None = 4, code: int = 0) -> Any:
        given = [*TINY, *(["--steps", steps] if steps else []), *words]
        done = run_cli("train", "translate", *given, "-o", tmp_path / name)
        assert done.exit_code == code, done.stderr
        return done

    return run


def stop_message(done: Any) -> str:
    line = str(done.stderr).splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.stderr
    return line


def test_parallel_files_make_a_run(train: Cli, files: tuple[Path, Path], tmp_path: Path) -> None:
    done = train("--source", files[0], "--target", files[1])
    run = TranslateRun(tmp_path / "run")
    assert {"recipe.toml", "best.safetensors", "metrics.jsonl", "lexicon.json"} <= {
        path.name for path in run.path.iterdir()
    }
    info = run.info()
    assert info["best"].keys() >= {"valid_loss", "bleu", "chrf", "steps"}
    assert info["data"]["train"] + info["data"]["valid"] == 120
    assert "looked at" in (run.path / "samples.txt").read_text()
    assert "120 pairs" in done.stderr
    assert "bleu" in done.stderr


def test_tsv_and_jsonl_hold_both_sides(train: Cli, tmp_path: Path) -> None:
    tsv, jsonl = tmp_path / "a.tsv", tmp_path / "b.jsonl"
    tsv.write_text("".join(f"{one}\t{two}\n" for one, two in pairs()))
    jsonl.write_text("".join(json.dumps({"en": one, "es": two}) + "\n" for one, two in pairs()))
    train(tsv, name="tsv")
    train(jsonl, "--source-field", "en", "--target-field", "es", name="jsonl")
    one, two = (TranslateRun(tmp_path / name) for name in ("tsv", "jsonl"))
    assert one.texts("train", "target") == two.texts("train", "target")


def test_the_same_source_never_stands_on_both_sides_of_the_split(train: Cli, tmp_path: Path) -> None:
    tsv = tmp_path / "a.tsv"
    tsv.write_text("".join(f"{one}\t{two}\n" for one, two in pairs(300)))
    train(tsv, "--valid-fraction", 0.3)
    run = TranslateRun(tmp_path / "run")
    assert not set(run.texts("train", "source")) & set(run.texts("valid", "source"))


def test_two_vocabularies_two_embeddings(train: Cli, files: tuple[Path, Path], tmp_path: Path) -> None:
    train("--source", files[0], "--target", files[1], "--separate", "--own-embeddings", "--untied")
    run = TranslateRun(tmp_path / "run")
    assert not run.joint
    network = run.seq2seq()
    assert network.source_embedding is not network.target_embedding
    assert run.tokenizer().decode(run.tokenizer().encode("red dog")) == "red dog"
    assert run.target_tokenizer().unknown in run.target_tokenizer().encode("red dog").tolist()


def test_it_learns(train: Cli, tmp_path: Path) -> None:
    tsv = tmp_path / "a.tsv"
    tsv.write_text("".join(f"{one}\t{two}\n" for one, two in pairs(400)))
    train(tsv, "--width", 32, "--encoder-width", 32, "--embedding", 32, "--lr", 0.01, steps=150)
    assert TranslateRun(tmp_path / "run").info()["best"]["bleu"] > 30


@pytest.mark.parametrize(
    "options",
    [
        ["--own", "linear", "--own-most", "0.5"],
        ["--r-drop", "2", "--ema", "0.9", "--average-last", "3"],
        ["--encoder", "transformer", "--attention", "multihead", "--attend", "first"],
        ["--input-feeding", "--coverage", "--attention", "additive", "--accumulate", "2"],
        ["--judge", "loss", "--valid-pairs", "0", "--patience", "2"],
    ],
    ids=lambda options: options[0].lstrip("-"),
)
def test_every_way_of_training_trains(
    train: Cli, files: tuple[Path, Path], tmp_path: Path, options: list[str]
) -> None:
    train("--source", files[0], "--target", files[1], *options)
    assert torch.isfinite(torch.tensor(TranslateRun(tmp_path / "run").info()["best"]["valid_loss"]))


def test_the_same_command_again_does_nothing_twice_and_another_is_refused(
    train: Cli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ["--source", files[0], "--target", files[1]]
    train(*words)
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    train(*words)
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before
    told = stop_message(train(*words, "--lr", 0.5, code=2))
    assert "another recipe" in told
    files[0].write_text(files[0].read_text().replace("red", "two"))
    assert "begun with other texts" in stop_message(train(*words, code=2))


def spawn(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT,
    )


def test_killed_and_started_again_it_ends_bit_for_bit_as_undisturbed(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    words = [*TINY, "--source", files[0], "--target", files[1], "--steps", 90, "--checkpoint-every", 10]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with spawn(*words, "-o", whole) as process:
        assert process.wait(120) == 0
    with spawn(*words, "-o", killed) as process:
        deadline = time.monotonic() + 60
        while not any(killed.glob("checkpoint/step-*20.json")) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    with spawn(*words, "-o", killed) as process:
        assert process.wait(120) == 0
    assert (killed / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


def test_two_processes_do_what_one_does_with_two_batches_a_step(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    words = [*map(str, TINY), "--source", str(files[0]), "--target", str(files[1]), "--steps", "6"]
    words += ["--device", "cpu", "--dropout-embedding", "0", "--dropout-hidden", "0", "--dropout-output", "0"]
    pair, one = tmp_path / "pair", tmp_path / "one"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*torchrun, *PROGRAM[2:], *words, "-o", str(pair)],
        capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with spawn(*words, "--accumulate", "2", "-o", one) as process:
        assert process.wait(120) == 0
    ours, theirs = (load_file(run / "best.safetensors") for run in (pair, one))
    assert all(bool((ours[name] - theirs[name]).abs().max() < 1e-4) for name in theirs)


def test_vectors_fill_the_targets_embedding(train: Cli, files: tuple[Path, Path], tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text(
        "".join(f"{word} {' '.join([str(n)] * 12)}\n" for n, word in enumerate(WORDS.values(), 1))
    )
    words = ["--source", files[0], "--target", files[1], "--set", f"network.vectors={vectors}"]
    done = train(*words, "--lr", 1e-9, "--weight-decay", 0, steps=1)
    assert "vectors: 7 of" in done.stderr
    run = TranslateRun(tmp_path / "run")
    network, tokenizer = run.seq2seq(), run.tokenizer()
    told = network.target_embedding.weight[int(tokenizer.encode("dos")[0])] * network.scale
    torch.testing.assert_close(told, torch.full((12,), 2.0), rtol=1e-3, atol=1e-3)
    missing = train(*words[:4], "--set", "network.vectors=none.txt", name="other", code=1)
    assert "no such file of vectors" in stop_message(missing)


def test_sides_of_different_length_are_told_with_both_counts(train: Cli, files: tuple[Path, Path]) -> None:
    files[0].write_text("one\ntwo\nred\n")
    told = stop_message(train("--source", files[0], "--target", files[1], code=1))
    assert "3 lines and 120 lines" in told


def test_blank_sides_are_dropped_and_counted(train: Cli, tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("".join(f"{one}\n" for one, _ in pairs()) + "\nred dog\n \n")
    target.write_text("".join(f"{two}\n" for _, two in pairs()) + "perro\n\n\n")
    done = train("--source", source, "--target", target)
    assert "120 pairs, 3 dropped" in done.stderr


def test_a_pair_of_ten_thousand_tokens_is_left_out(train: Cli, tmp_path: Path) -> None:
    tsv = tmp_path / "a.tsv"
    long = " ".join(["red"] * 10_000)
    tsv.write_text("".join(f"{one}\t{two}\n" for one, two in pairs()) + f"{long}\t{long}\n")
    assert "left out: 1 pair of over 200 tokens" in train(tsv, "--valid-fraction", 0.1).stderr


def test_bytes_that_are_not_utf8_are_told_with_their_offset(train: Cli, tmp_path: Path) -> None:
    tsv = tmp_path / "a.tsv"
    tsv.write_bytes(b"one\tuno\ntwo\td\xffs\n")
    assert "byte 0xff at offset 13" in stop_message(train(tsv, code=1))


def test_a_row_with_one_side_is_told_with_its_line(train: Cli, tmp_path: Path) -> None:
    tsv = tmp_path / "a.tsv"
    tsv.write_text("one\tuno\ntwo\n")
    assert "a.tsv, line 2" in stop_message(train(tsv, code=1))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--source", "x"], "only the other side is given"),
        ([], "there are none to train on"),
        (["x.tsv", "--source", "a", "--target", "b"], "besides --source and --target"),
        (["x.tsv", "--separate"], "one embedding for both sides needs one vocabulary"),
        (["x.tsv", "--attention", "dot"], "compares a decoder of 12 with encoder outputs of 16"),
        (["x.tsv", "--judge", "bleu", "--valid-pairs", "0"], "needs translations"),
        (["x.tsv", "--set", "network.atention=dot"], "did you mean 'network.attention'"),
        (["x.tsv", "--preset", "smal"], "Did you mean 'small'"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_read(train: Cli, words: list[str], told: str) -> None:
    assert told in stop_message(train(*words, code=2))


def test_missing_files_are_told(train: Cli, tmp_path: Path) -> None:
    assert "there is no such file" in stop_message(train(tmp_path / "none.tsv", code=1))
