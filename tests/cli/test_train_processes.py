"""Training in processes of its own: killed, interrupted, in two at once, on a text larger than its memory."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from safetensors.torch import load_file

WORDS = ("to", "be", "or", "not", "that", "is", "the", "question", "whether", "nobler", "in", "mind")
PROGRAM = [sys.executable, "-P", "-m", "seqtools", "train", "generate"]
PLAIN = ["--sample-tokens", "0", "--no-floor", "--no-export"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    draw = random.Random(3)
    path = tmp_path / "text.txt"
    path.write_text("".join(draw.choice(WORDS) + draw.choice("   \n") for _ in range(2000)))
    return path


def start(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def saved(run: Path) -> int:
    """Step of the newest checkpoint."""
    steps = [int(path.stem.partition("-")[2]) for path in run.glob("checkpoint/step-*.json")]
    return max(steps, default=0)


def wait_for(run: Path, step: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while saved(run) < step and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)


def steps_of(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    clocks = ("tokens_per_second", "elapsed")
    return [{key: value for key, value in line.items() if key not in clocks} for line in lines]


def test_killed_twice_and_started_again_it_ends_bit_for_bit_as_undisturbed(
    text: Path, tmp_path: Path
) -> None:
    words = [text, "--steps", 200, "--width", 16, "--embedding", 8, "--batch-size", 4, "--chunk", 10, *PLAIN]
    words += ["--dropout-output", 0.3, "--dropout-weight", 0.2, "--checkpoint-every", 20, "--ema", 0.9]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with start(*words, "-o", whole) as process:
        assert process.wait(120) == 0
    died = []
    for step in (40, 120):
        with start(*words, "-o", killed) as process:
            wait_for(killed, step, process)
            process.send_signal(signal.SIGKILL)
        died.append(saved(killed))
    assert 0 < died[0] <= died[1] < 200
    with start(*words, "-o", killed) as process:
        assert process.wait(120) == 0
    assert (killed / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()
    assert steps_of(killed) == steps_of(whole)


def test_ctrl_c_saves_and_exits_with_130(text: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with start(
        text, "--steps", 100000, "--width", 16, "--evaluate-every", 50000, "-o", run, *PLAIN
    ) as process:
        deadline = time.monotonic() + 60
        while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(60) == 130
    assert saved(run) > 0
    assert "Traceback" not in told


def test_two_processes_do_what_one_does_with_twice_the_batch(text: Path, tmp_path: Path) -> None:
    words = [
        str(text),
        "--steps",
        "12",
        "--width",
        "8",
        "--chunk",
        "10",
        "--set",
        "training.log_every=1",
        "--dropout-output",  # each process draws masks of its own
        "0",
        *PLAIN,
    ]
    pair, one = tmp_path / "pair", tmp_path / "one"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*torchrun, *PROGRAM[2:], *words, "--batch-size", "3", "-o", str(pair), "--device", "cpu"],
        capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with start(*words, "--batch-size", 6, "-o", one) as process:
        assert process.wait(120) == 0
    both = [[line for line in steps_of(run) if "loss" in line] for run in (pair, one)]
    assert len(both[0]) == len(both[1]) == 12
    for a, b in zip(*both, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
    ours, theirs = (load_file(run / "best.safetensors") for run in (pair, one))
    assert all(bool((ours[name] - theirs[name]).abs().max() < 1e-4) for name in theirs)


def test_ctrl_c_under_torchrun_saves_too(text: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [str(text), "--steps", "100000", "--width", "8", "--evaluate-every", "50000", "-o", str(run)]
    words += ["--checkpoint-every", "50000", "--device", "cpu", *PLAIN]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    process = subprocess.Popen(
        [*torchrun, *PROGRAM[2:], *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(90) != 0
    assert 0 < saved(run) < 100000


MEASURE = """
import resource, sys
from pathlib import Path
from seqtools import config
from seqtools_generate.prepare import prepare
from seqtools.training.run_folder import RunFolder
small, large, out = map(Path, sys.argv[1:])
flags = {"tokenizer.kind": "byte"}
recipe = config.build(config.Layer("test", flags))
prepare(RunFolder(out / "small"), [small], recipe, None, lambda line: None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare(RunFolder(out / "large"), [large], recipe, None, lambda line: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize(
    ("size", "gaps"), [(60_000_000, True), (20_000_000, False)], ids=["words", "one word"]
)
def test_memory_does_not_grow_with_the_text(text: Path, tmp_path: Path, size: int, gaps: bool) -> None:
    large, block = tmp_path / "large.txt", text.read_bytes()
    block = block if gaps else block.replace(b"\n", b"").replace(b" ", b"")
    with large.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    small = tmp_path / "small.txt"
    small.write_bytes(large.read_bytes()[:14_000_000])  # a few of the largest pieces
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE, str(small), str(large), str(tmp_path)],
        capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 25  # MB
