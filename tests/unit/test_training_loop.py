"""The loop on a toy: learning, stopping, keeping the best, refusing NaN, many processes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seqtools import loader
from seqtools.errors import TrainingError
from seqtools.plugin import TrainingEvent

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

PROGRAM = Path(__file__).with_name("toy_training.py")


def load_toy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("toy_training", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toy = load_toy()


def metrics(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize(
    "keys",
    [
        {"optimizer": "sgd", "lr": 0.5, "momentum": 0.9, "schedule": "plateau"},
        {"optimizer": "adagrad", "lr": 0.1, "schedule": "constant", "clip": "value", "clip_at": 5.0},
        {"optimizer": "rmsprop", "lr": 0.01, "schedule": "cosine"},
        {"optimizer": "adam", "lr": 0.02, "schedule": "onecycle", "clip": "none"},
        {"optimizer": "adamw", "lr": 0.02, "schedule": "linear", "ema": 0.95},
    ],
    ids=lambda keys: keys["optimizer"],
)
def test_every_optimizer_learns(tmp_path: Path, keys: dict[str, Any]) -> None:
    result = toy.run_toy(tmp_path, {"steps": 60, "warmup": 5, **keys}, [])
    losses = [line["valid_loss"] for line in metrics(tmp_path, "valid")]
    assert result.best["valid_loss"] == pytest.approx(min(losses), rel=1e-6)
    assert result.best["valid_loss"] < 0.75 * losses[0] or result.best["valid_loss"] < 0.9
    assert (result.steps, result.stopped) == (60, "steps")
    assert len(losses) == 10


def test_the_same_seed_gives_the_same_weights_however_often_it_is_evaluated(tmp_path: Path) -> None:
    for name, every in (("often", 3), ("seldom", 15)):
        toy.run_toy(tmp_path / name, {"steps": 30, "evaluate_every": every}, [])
    often, seldom = (
        load_file(next(tmp_path.glob(f"{n}/checkpoint/*.safetensors"))) for n in ("often", "seldom")
    )
    assert all(torch.equal(often[name], seldom[name]) for name in often)


def test_the_best_weights_are_kept_not_the_last(tmp_path: Path) -> None:
    world = toy.World.start("cpu")
    experiment = toy.Toy(world)
    experiment.evaluations = [2.0, 1.0, 3.0, 4.0]
    kept: list[dict[str, torch.Tensor]] = []
    measure = experiment.evaluate

    def evaluate() -> dict[str, float]:
        kept.append({n: p.detach().clone() for n, p in experiment.network.named_parameters()})
        return measure()

    experiment.evaluate = evaluate
    config = toy.TrainingConfig(steps=20, evaluate_every=5, ema=0.9, warmup=0)
    result = toy.train(experiment, config, tmp_path, world=world, report=lambda line: None, live=False)
    assert result.best["step"] == 10
    best = load_file(tmp_path / "best.safetensors")
    assert best.keys() == kept[1].keys()
    assert all(torch.equal(best[name], kept[1][name]) for name in best)
    # Afterwards the network has its own weights again, not the average.
    state = load_file(next(tmp_path.glob("checkpoint/*.safetensors")))
    weights = dict(experiment.network.named_parameters())
    assert all(torch.equal(weights[n], state[f"/network/{n}"]) for n in weights)
    assert not torch.equal(weights["head.weight"], state["/parts/average/weights/head.weight"])


def test_patience_stops_early(tmp_path: Path) -> None:
    world = toy.World.start("cpu")
    experiment = toy.Toy(world)
    experiment.evaluations = [2.0, 1.0, 3.0, 4.0, 0.5]
    config = toy.TrainingConfig(steps=100, evaluate_every=5, patience=2)
    result = toy.train(experiment, config, tmp_path, world=world, report=lambda line: None, live=False)
    assert (result.stopped, result.steps, result.best["valid_loss"]) == ("patience", 20, 1.0)


def test_a_nan_loss_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    world = toy.World.start("cpu")
    experiment = toy.Toy(world)
    experiment.spoil_at = 18
    config = toy.TrainingConfig(lr=3e-3, steps=50, checkpoint_every=8, log_every=5, evaluate_every=100)
    with pytest.raises(TrainingError) as caught:
        toy.train(experiment, config, tmp_path, world=world, report=lambda line: None, live=False)
    assert str(caught.value) == (
        "step 18: the loss is nan; the checkpoint of step 16 is kept. "
        "Lower --lr (now 0.003; try 0.001) or clip harder (--clip-at 0.25, now 1)."
    )
    assert metrics(tmp_path, "train")[-1]["step"] == 16
    state = load_file(tmp_path / "checkpoint" / "step-00000016.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in state.values() if tensor.is_floating_point())


def test_a_nan_validation_loss_is_an_error(tmp_path: Path) -> None:
    world = toy.World.start("cpu")
    experiment = toy.Toy(world)
    experiment.evaluations = [float("nan")]
    with pytest.raises(TrainingError, match="the validation loss is nan; no checkpoint was saved yet"):
        toy.train(
            experiment,
            toy.TrainingConfig(steps=4, clip="none"),
            tmp_path,
            world=world,
            report=lambda line: None,
            live=False,
        )
    assert not (tmp_path / "best.safetensors").exists()


def test_the_schedule_fits_itself_into_the_time(tmp_path: Path) -> None:
    began = time.monotonic()
    result = toy.run_toy(
        tmp_path, {"max_time": "1.5s", "warmup": 1, "log_every": 1, "lr": 1.0, "clip_at": 0.01}, []
    )
    spent = time.monotonic() - began
    rates = [line["lr"] for line in metrics(tmp_path, "train")]
    assert result.stopped == "time"
    assert spent < 4.0
    assert len(rates) > 5
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.2
    assert result.best["valid_loss"] > 0


def test_an_experiment_hears_how_far_the_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    plain = toy.Toy.loss

    def listening(self: Any) -> Any:
        told.append(self.progress)
        return plain(self)

    monkeypatch.setattr(toy.Toy, "loss", listening)
    toy.run_toy(tmp_path, {"steps": 8, "accumulate": 2}, [])
    assert told == [step / 8 for step in range(8) for _ in range(2)]


def test_accumulated_gradients_equal_one_large_batch(tmp_path: Path) -> None:
    """Two chunks before a step move the weights as the mean of their gradients does."""
    world = toy.World.start("cpu")
    quiet = {"world": world, "report": lambda line: None, "live": False}
    config = {
        "optimizer": "sgd",
        "lr": 0.1,
        "schedule": "constant",
        "warmup": 0,
        "clip": "none",
        "weight_decay": 0,
    }
    options = {"dropout": 0.0, "jitter": False, "double": True}
    ours, plain = toy.Toy(world, **options), toy.Toy(world, **options)
    toy.train(ours, toy.TrainingConfig(steps=1, accumulate=2, **config), tmp_path, **quiet)
    (0.5 * (plain.loss().objective + plain.loss().objective)).backward()
    for mine, other in zip(ours.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.allclose(mine, other - 0.1 * other.grad, atol=1e-12)


def test_events_progress_lines_and_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[TrainingEvent] = []
    monkeypatch.setattr("seqtools.training.loop.emit", heard.append)
    lines: list[str] = []
    toy.run_toy(tmp_path, {"steps": 20, "checkpoint_every": 10, "evaluate_every": 10, "log_every": 5}, lines)
    assert [(event.kind, event.step) for event in heard] == [
        ("started", 0),
        ("step", 5),
        ("step", 10),
        ("evaluated", 10),
        ("saved", 10),
        ("step", 15),
        ("step", 20),
        ("evaluated", 20),
        ("saved", 20),
        ("finished", 20),
    ]
    assert heard[1].run == tmp_path
    assert {"loss", "lr", "grad_norm", "tokens_per_second"} <= set(heard[1].values)
    assert lines[0].startswith("step 5   25%  loss ")
    assert lines[0].endswith(" left")
    assert "tokens/s" in lines[0]
    assert any(line.startswith("step 10  valid loss ") and "best so far" in line for line in lines)
    samples = (tmp_path / "samples.txt").read_text()
    assert samples.startswith("--- step 10 ---\nsample 0.")
    assert samples.count("--- step") == 2
    assert loader.emit is not heard.append


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_two_processes_compute_what_one_does_with_the_doubled_batch(tmp_path: Path) -> None:
    keys = {
        "steps": 16,
        "log_every": 1,
        "evaluate_every": 8,
        "checkpoint_every": 5,
        "ema": 0.9,
        "accumulate": 2,
    }
    options = {"dropout": 0.0, "jitter": False, "double": True}
    two = tmp_path / "two"

    def start(steps: int, action: str, *launcher: str) -> subprocess.CompletedProcess[str]:
        told = json.dumps({**keys, "steps": steps, "toy": {**options, "rows": 3}})
        done = subprocess.run(
            [sys.executable, *launcher, str(PROGRAM), action, str(two), told],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MASTER_PORT": port},
        )
        assert done.returncode == 0, done.stderr
        return done

    port = str(free_port())
    start(8, "train", "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}")
    resumed = start(16, "pair")
    assert resumed.stdout.count("Going on from step 8.") == 1  # rank 0 alone speaks
    toy.run_toy(tmp_path / "one", {**keys, "steps": 8, "toy": {**options, "rows": 6}}, [])
    toy.run_toy(tmp_path / "one", {**keys, "toy": {**options, "rows": 6}}, [])
    for kind, name in (("train", "loss"), ("train", "grad_norm")):
        lone, both = ([line[name] for line in metrics(tmp_path / n, kind)] for n in ("one", "two"))
        assert both == pytest.approx(lone, abs=1e-6)
        assert len(both) == 16
    lone, both = (
        load_file(tmp_path / n / "checkpoint" / "step-00000016.safetensors") for n in ("one", "two")
    )
    shared = [name for name in lone if name.startswith(("/network", "/parts"))]
    assert len(shared) > 20
    for name in shared:
        assert torch.allclose(lone[name], both[name], atol=1e-6, rtol=0), name
    assert any(name.startswith("/ranks/1/") for name in both)
    with pytest.raises(TrainingError, match="processes 2, this run 1"):
        toy.run_toy(two, {**keys, "steps": 20}, [])
