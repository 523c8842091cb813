"""Kill -9 at any moment, Ctrl-C, a full disk: training goes on as if nothing had happened."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seqtools.errors import TrainingError
from seqtools.recipe import TrainingConfig

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

PROGRAM = Path(__file__).with_name("toy_training.py")
TIMES = ("tokens_per_second", "elapsed")


def load_toy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("toy_training", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toy = load_toy()
KEYS: dict[str, Any] = {
    "steps": 80,
    "ema": 0.98,
    "accumulate": 2,
    "schedule": "plateau",
    "plateau_patience": 0,
    "warmup": 10,
    "checkpoint_every": 4,
    "evaluate_every": 7,
    "log_every": 3,
}


def program(action: str, run: Path, keys: dict[str, Any], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), action, str(run), json.dumps(keys)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def story(run: Path) -> dict[str, Any]:
    """All that a run leaves, without clock times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (state,) = (run / "checkpoint").glob("*.json")
    told = json.loads(state.read_text())
    del told["state"]["parts"]["clock"], told["state"]["logs"]["metrics"]
    return {
        "metrics": [{k: v for k, v in line.items() if k not in TIMES} for line in lines],
        "samples": (run / "samples.txt").read_text(),
        "checkpoint": told,
        "tensors": state.with_suffix(".safetensors").read_bytes(),
        "best": (run / "best.safetensors").read_bytes(),
        "files": sorted(path.name for path in run.rglob("*")),
    }


def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path) -> None:
    toy.run_toy(tmp_path / "whole", KEYS, [])
    tortured = program("torture", tmp_path / "killed", KEYS)
    assert tortured.returncode == 0, tortured.stderr
    alive = [int(line) for line in tortured.stdout.split()]
    assert len({step for step in alive if 0 < step < KEYS["steps"]}) >= 2, alive
    assert story(tmp_path / "killed") == story(tmp_path / "whole")


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_every_optimizer_resumes_exactly(tmp_path: Path, optimizer: str) -> None:
    keys = {**KEYS, "optimizer": optimizer, "steps": 24, "momentum": 0.9, "schedule": "constant"}
    toy.run_toy(tmp_path / "whole", keys, [])
    # The same recipe cut short, then taken up again with its full length.
    toy.run_toy(tmp_path / "halves", {**keys, "steps": 12, "evaluate_every": 4}, [])
    lines: list[str] = []
    toy.run_toy(tmp_path / "halves", keys, lines)
    assert lines[0] == "Going on from step 12."
    whole, halves = (
        load_file(next(tmp_path.glob(f"{n}/checkpoint/*24.safetensors"))) for n in ("whole", "halves")
    )
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = toy.run_toy(tmp_path, {"steps": 12}, [])
    before = story(tmp_path)
    assert toy.run_toy(tmp_path, {"steps": 12}, []) == first
    assert story(tmp_path) == before


def test_ctrl_c_saves_the_last_whole_step(tmp_path: Path) -> None:
    keys = {**KEYS, "steps": 100000, "checkpoint_every": 100000, "evaluate_every": 100000}
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "train", str(tmp_path), json.dumps(keys)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "metrics.jsonl"
    for _ in range(2400):
        if metrics.exists() and metrics.stat().st_size:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "press Ctrl-C again" in out
    assert "KeyboardInterrupt" in err
    (saved,) = tmp_path.glob("checkpoint/*.json")
    last = json.loads(metrics.read_text().splitlines()[-1])
    assert last["step"] == json.loads(saved.read_text())["step"]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    keys = {"steps": 24, "evaluate_every": 100, "checkpoint_every": 4, "schedule": "constant"}
    toy.run_toy(tmp_path / "whole", keys, [])
    toy.run_toy(tmp_path / "full", {**keys, "steps": 8}, [])
    before = story(tmp_path / "full")
    with disk_of(2000), pytest.raises(TrainingError, match="cannot be written") as caught:
        toy.run_toy(tmp_path / "full", keys, [])
    assert "free some disk space" in str(caught.value)
    assert "\n" not in str(caught.value)
    now = story(tmp_path / "full")
    assert now["tensors"] == before["tensors"]
    assert now["best"] == before["best"]
    assert now["files"] == before["files"]
    toy.run_toy(tmp_path / "full", keys, [])
    whole, full = (
        next(tmp_path.glob(f"{n}/checkpoint/*.safetensors")).read_bytes() for n in ("whole", "full")
    )
    assert whole == full


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    toy.run_toy(tmp_path, {"steps": 4}, [])
    (tensors,) = tmp_path.glob("checkpoint/*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:100])
    with pytest.raises(TrainingError, match="is damaged"):
        toy.run_toy(tmp_path, {"steps": 8}, [])


@pytest.mark.parametrize(
    ("keys", "cause"),
    [({"optimizer": "sgd"}, "optimizer adamw, this run sgd"), ({"toy": {"width": 8}}, "different network")],
)
def test_a_checkpoint_of_another_kind(tmp_path: Path, keys: dict[str, Any], cause: str) -> None:
    toy.run_toy(tmp_path, {"steps": 4}, [])
    with pytest.raises(TrainingError, match=cause):
        toy.run_toy(tmp_path, {"steps": 8, **keys}, [])


def test_config_defaults_are_usable(tmp_path: Path) -> None:
    """The dataclass's own defaults train: no key needs another to be set."""
    assert TrainingConfig().steps == 0
    result = toy.run_toy(tmp_path, {"epochs": 0.5}, [])
    assert (result.steps, result.stopped) == (20, "steps")
