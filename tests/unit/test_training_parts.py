"""The loop's parts, each alone: clock, schedules, clipping, averages, devices, penalties, progress."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqtools.errors import DeviceError, TrainingError, UsageError
from seqtools.recipe import TrainingConfig

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from seqtools.training.averaging import WeightAverage
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.clipping import all_finite, clipper
from seqtools.training.clock import Clock, parse_duration, spell_duration
from seqtools.training.evaluations import Evaluations
from seqtools.training.files import sweep, write_tensors, write_text
from seqtools.training.limits import check_limits
from seqtools.training.metrics_log import Logbook
from seqtools.training.optimizers import make_optimizer, set_rate
from seqtools.training.precision import autocast
from seqtools.training.progress import ProgressLine
from seqtools.training.regularisers import activation_penalty, cross_entropy, slowness_penalty
from seqtools.training.schedules import Schedule
from seqtools.training.world import World, resolve_device


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("3m", 180), ("1.5h", 5400), ("1h30m", 5400), ("90", 90), (" 2 m ", 120), ("1d", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "3x", "-3m", "0s", "3m five", "3 4"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59, "59s"), (185, "3m05s"), (7620, "2h07m"), (float("inf"), "?")]
)
def test_durations_spelled(seconds: float, text: str) -> None:
    assert spell_duration(seconds) == text


class FakeTime:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_the_larger_of_steps_and_time() -> None:
    time = FakeTime()
    clock = Clock(steps=100, budget=50.0, now=time)
    assert clock.progress(20, clock.elapsed) == 0.2
    time.now += 25
    assert clock.progress(20, clock.elapsed) == 0.5
    clock.evaluation = 10.0  # the last evaluation needs its time too
    assert clock.progress(20, clock.elapsed) == 25 / 40
    assert clock.left(20, 0, 0.0) == 25.0
    clock.load_state_dict({"elapsed": 49.0, "evaluation": 10.0})
    assert clock.elapsed == pytest.approx(49.0)
    assert clock.progress(20, clock.elapsed) == 1.0


def test_evaluations_stay_a_twentieth_of_the_budget() -> None:
    time = FakeTime()
    clock = Clock(steps=0, budget=100.0, now=time)
    plan = Evaluations(TrainingConfig(), clock)
    assert not plan.due(1, 0.09)
    assert plan.due(2, 0.1)
    clock.evaluation = 2.0
    assert plan.hear(2, 0.1, {"valid_loss": 2.0})
    assert not plan.due(3, 0.49)
    assert plan.due(3, 0.5)
    assert not plan.hear(3, 0.5, {"valid_loss": 2.0})
    assert (plan.best, plan.since_best, plan.latest) == ({"step": 2, "valid_loss": 2.0}, 1, 3)


def rates(schedule: str, warmup: int = 0, steps: int = 100) -> list[float]:
    plan = Schedule(TrainingConfig(schedule=schedule, lr=2.0, warmup=warmup))
    return [plan.rate(step, step / steps) for step in range(steps + 1)]


def test_schedules() -> None:
    assert rates("constant") == [2.0] * 101
    assert rates("linear")[::25] == [2.0, 1.5, 1.0, 0.5, 0.0]
    assert rates("cosine")[::50] == pytest.approx([2.0, 1.0, 0.0])
    assert rates("linear", warmup=10)[:3] == pytest.approx([0.2, 0.4 * 0.99, 0.6 * 0.98])


def test_one_cycle_is_torchs() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    # torch counts the peak in whole steps (31 of 101 here, from 0), we in shares of the run.
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=2.0,
        total_steps=101,
        pct_start=31 / 101,
        cycle_momentum=False,
        final_div_factor=4000,
    )
    for rate in rates("onecycle"):
        assert rate == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        if theirs.last_epoch < 100:
            theirs.step()


def test_a_plateau_lowers_the_rate() -> None:
    schedule = Schedule(
        TrainingConfig(schedule="plateau", lr=1.0, warmup=0, plateau_factor=0.5, plateau_patience=1)
    )
    for improved, rate in [(True, 1.0), (False, 1.0), (False, 0.5), (False, 0.5), (True, 0.5), (False, 0.5)]:
        schedule.evaluated(improved)
        assert schedule.rate(5, 0.5) == rate
    other = Schedule(TrainingConfig(schedule="plateau", lr=1.0, warmup=0, plateau_patience=1))
    other.load_state_dict(schedule.state_dict())
    assert other.state_dict() == {"factor": 0.5, "waited": 1}


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: Schedule(TrainingConfig(schedule="sine")), "sine"),
        (lambda: clipper("hard", 1.0), "hard"),
        (lambda: clipper("norm", 0.0), "above zero"),
        (lambda: autocast("fp8", torch.device("cpu")), "fp8"),
        (lambda: make_optimizer(nn.Linear(2, 2), TrainingConfig(optimizer="lamb")), "lamb"),
    ],
)
def test_unknown_names_are_usage_errors(make: Any, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        make()


def test_keys_out_of_range_are_all_named() -> None:
    check_limits(TrainingConfig())
    config = TrainingConfig(lr=0.0, accumulate=0, ema=1.0)
    with pytest.raises(UsageError) as caught:
        check_limits(config)
    assert str(caught.value) == (
        "training: lr is 0 and must be above zero; ema is 1 and must be in 0..1, 1 excluded; "
        "accumulate is 0 and must be at least 1. Change the recipe."
    )


def parameters(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(made, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return made


@pytest.mark.parametrize(
    ("kind", "after"), [("norm", [0.6, 0.0, -0.8]), ("value", [1.0, 0.0, -1.0]), ("none", [3.0, 0.0, -4.0])]
)
def test_clipping(kind: str, after: list[float]) -> None:
    both = parameters([3.0, 0.0], [-4.0])
    norm = clipper(kind, 1.0)([*both, nn.Parameter(torch.zeros(2))])  # the last got no gradient
    assert norm.item() == pytest.approx(5.0)
    assert torch.cat([p.grad for p in both if p.grad is not None]).tolist() == pytest.approx(after)


def test_all_finite() -> None:
    good = torch.zeros(3)
    assert all_finite([good, good])
    assert not all_finite([good, torch.tensor([1.0, float("inf")])])
    assert not all_finite([torch.tensor([float("nan"), 1.0]), good])


def test_weight_decay_spares_biases() -> None:
    network = nn.Linear(3, 3)
    optimizer = make_optimizer(network, TrainingConfig(optimizer="adamw", weight_decay=0.5))
    set_rate(optimizer, 0.1)
    weight, bias = network.weight.detach().clone(), network.bias.detach().clone()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(network.weight, weight * 0.95)
    assert torch.equal(network.bias, bias)


def test_the_average_follows_its_formula() -> None:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average, expected = WeightAverage(network, 0.5), 0.0
    for n in range(6):
        with torch.no_grad():
            network.weight.fill_(n + 1.0)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected += (1 - decay) * (n + 1.0 - expected)
    with average.swapped():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == 6.0
    fresh = WeightAverage(network, 0.5)
    fresh.load_state_dict(average.state_dict())
    with fresh.swapped():
        assert network.weight.item() == pytest.approx(expected)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(DeviceError, match=r"device 'cuda': CUDA is not available here .*Use --device cpu"):
        resolve_device("cuda")
    with pytest.raises(DeviceError, match="no such device"):
        resolve_device("gpu")
    with pytest.raises(DeviceError, match="bf16"):
        autocast("bf16", torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto", 1) == torch.device("cuda", 1)
    assert resolve_device("cuda:0", 1) == torch.device("cuda", 0)
    with pytest.raises(DeviceError, match="card 2"):
        resolve_device("cuda", 2)


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    world = World.start("cpu")
    assert (world.rank, world.size, world.leads, world.device.type) == (0, 1, True, "cpu")
    assert world.tell(3) == 3
    assert world.collect("a") == ["a"]
    world.close()


def test_cross_entropy_with_and_without_smoothing() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 3, 7, requires_grad=True), torch.randint(7, (5, 3))
    targets[2:, 1] = -100
    for smoothing in (0.0, 0.1):
        objective, nats = cross_entropy(logits, targets, smoothing=smoothing)
        rows = logits.reshape(-1, 7), targets.reshape(-1)
        assert objective.item() == pytest.approx(
            F.cross_entropy(*rows, label_smoothing=smoothing).item(), rel=1e-5
        )
        assert nats.item() == pytest.approx(F.cross_entropy(*rows, reduction="sum").item(), rel=1e-5)
        assert objective.requires_grad
        assert not nats.requires_grad
    objective, nats = cross_entropy(logits.bfloat16(), torch.full((5, 3), -100))
    assert (objective.item(), nats.item(), objective.dtype) == (0.0, 0.0, torch.float32)


def test_activation_penalties() -> None:
    y = torch.tensor([[[1.0, 2.0]], [[3.0, -2.0]], [[3.0, 0.0]]])
    assert activation_penalty(y, 2.0).item() == pytest.approx(2.0 * (1 + 4 + 9 + 4 + 9) / 6)
    assert slowness_penalty(y, 0.5).item() == pytest.approx(0.5 * (4 + 16 + 0 + 4) / 4)
    assert slowness_penalty(y[:1], 0.5).item() == 0.0


def test_the_plain_line_comes_now_and_then() -> None:
    time, lines = FakeTime(), []
    with ProgressLine(lines.append, live=False, now=time) as line:
        for step in range(1, 25):
            line.update(step, step / 100, 1.5, 12345.6, 99.0)
            time.now += 1.0
        line.say("a sample")
    assert lines == [
        "step 1    1%  loss 1.5000  12,346 tokens/s  1m39s left",
        "step 11   11%  loss 1.5000  12,346 tokens/s  1m39s left",
        "step 21   21%  loss 1.5000  12,346 tokens/s  1m39s left",
        "a sample",
    ]


def test_the_living_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    lines: list[str] = []
    with ProgressLine(lines.append, live=True) as line:
        line.update(7, 0.5, 1.25, 1000.0, 61.0)
        line.say("[bold] is text, not markup")
    captured = capsys.readouterr()
    assert lines == []
    assert captured.out == ""
    assert "loss 1.2500  1,000 tokens/s  1m01s left" in captured.err
    assert "[bold] is text, not markup" in captured.err


def test_rich_is_imported_late() -> None:
    code = "import sys, seqtools.training.loop; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    write_text(path, "old")
    path.chmod(0o600)
    tmp_path.chmod(0o755)
    with pytest.raises(TrainingError, match="cannot be written"):
        write_tensors(tmp_path / "absent" / "x.safetensors", {"a": torch.zeros(1)})
    write_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    (tmp_path / ".notes.txt.77.tmp").write_text("half")
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_checkpoints_hold_trees_and_survive_leftovers(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    assert folder.load() is None
    tied = torch.arange(6.0).view(2, 3)
    folder.save(5, {"a": {"x": tied, "y": tied}, "b": [tied.t(), (1, None, "s")], "c": float("inf")})
    folder.save(9, {"a": {"x": tied + 1}})
    (folder.path / "step-00000010.safetensors").write_bytes(b"half")  # killed before its JSON
    (folder.path / "step-00000011.json").write_text("{}")  # tensors gone: not complete
    loaded = folder.load()
    assert loaded is not None
    assert torch.equal(loaded["a"]["x"], tied + 1)
    folder.save(12, {"a": [tied, tied.t()], "c": math.inf, "d": (1, None, "s")})
    again = folder.load()
    assert again is not None
    assert torch.equal(again["a"][1], tied.t())
    assert (again["c"], again["d"]) == (math.inf, [1, None, "s"])
    assert len(list(folder.path.iterdir())) == 2


def test_logs_are_cut_back(tmp_path: Path) -> None:
    log = Logbook(tmp_path)
    log.metrics("train", 1, {"loss": 1 / 3})
    lengths = log.lengths()
    log.metrics("train", 2, {"loss": 0.25})
    log.sample(2, "text\n")
    log.cut(lengths)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"kind": "train", "step": 1, "loss": 0.3333333}\n'
    assert (tmp_path / "samples.txt").read_text() == ""
