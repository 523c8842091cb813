"""A small experiment for the tests of the training loop, and a program that trains it.

python toy_training.py train RUN JSON       trains in RUN; JSON holds the recipe's keys and the toy's
python toy_training.py torture RUN JSON     the same, killed with SIGKILL at random moments
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtools.errors import SeqtoolsError
from seqtools.recipe import TrainingConfig
from seqtools.training.experiment import Loss
from seqtools.training.loop import TrainingResult, train
from seqtools.training.rng import seed_all
from seqtools.training.world import World

VOCAB, LENGTH = 7, 600
KILLS = 6


class Toy:
    """A language model on a made-up sequence, with carried state, dropout and every kind of randomness."""

    def __init__(
        self,
        world: World,
        *,
        rows: int = 4,
        width: int = 12,
        dropout: float = 0.1,
        jitter: bool = True,
        double: bool = False,
    ) -> None:
        seed_all(3)
        self.network = nn.ModuleDict(
            {
                "embedding": nn.Embedding(VOCAB, 6),
                "lstm": nn.LSTM(6, width),
                "dropout": nn.Dropout(dropout),
                "head": nn.Linear(width, VOCAB),
            }
        ).to(world.device)
        self.dtype = torch.float64 if double else torch.float32
        self.network.to(self.dtype)
        self.steps_per_epoch = 40
        self.judged_by, self.higher_is_better = "valid_loss", False
        self.progress = 0.0
        self.jitter = jitter
        numbers = torch.arange(rows * world.size * LENGTH)
        stream = (numbers * numbers // 3 % VOCAB).view(rows * world.size, LENGTH).t()
        self.stream = stream[:, rows * world.rank : rows * (world.rank + 1)].to(world.device)
        self.rng = np.random.default_rng(5)
        self.at = 0
        self.state: list[Tensor] = [torch.zeros(1, rows, width, dtype=self.dtype) for _ in "hc"]
        self.evaluations: list[float] = []
        self.spoil_at = -1
        self.drawn = 0

    def logits(self, tokens: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, carried = self.network["lstm"](self.network["embedding"](tokens), tuple(state))
        return self.network["head"](self.network["dropout"](y)), list(carried)

    def loss(self) -> Loss:
        length = int(self.rng.integers(8, 12))
        if self.jitter:
            length += int(np.random.randint(2)) + random.randint(0, 1)
        if self.at + length + 1 > LENGTH - 100:
            self.at = 0
        chunk = self.stream[self.at : self.at + length + 1]
        self.at += length
        self.drawn += 1
        logits, carried = self.logits(chunk[:-1], self.state)
        self.state = [s.detach() for s in carried]
        nats = F.cross_entropy(logits.reshape(-1, VOCAB), chunk[1:].reshape(-1), reduction="sum")
        if self.drawn == self.spoil_at:
            nats = nats * float("nan")
        count = chunk[1:].numel()
        return Loss(nats / count, nats.detach(), count)

    def evaluate(self) -> dict[str, float]:
        assert not self.network.training
        random.random()  # must leave no trace
        tokens = self.stream[LENGTH - 100 :]
        logits, _ = self.logits(tokens[:-1], [torch.zeros_like(s) for s in self.state])
        loss = F.cross_entropy(logits.reshape(-1, VOCAB), tokens[1:].reshape(-1)).item()
        if self.evaluations:
            loss = self.evaluations.pop(0)
        return {"valid_loss": loss, "perplexity": float(np.exp(loss))}

    def sample(self) -> str:
        return f"sample {torch.rand(()).item():.4f}"

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at, "drawn": self.drawn, "state": self.state, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.at, self.drawn, self.state = state["at"], state["drawn"], state["state"]
        self.rng.bit_generator.state = state["rng"]


def run_toy(run: Path, keys: dict[str, Any], lines: list[str] | None = None) -> TrainingResult:
    """Train the toy; `keys` holds recipe keys and, under "toy", the toy's own."""
    keys = dict(keys)
    toy = keys.pop("toy", {})
    world = World.start(keys.get("device", "cpu"))
    report = print if lines is None else lines.append
    try:
        experiment = Toy(world, **toy)
        return train(experiment, TrainingConfig(**keys), run, world=world, report=report, live=False)
    finally:
        world.close()


def torture(run: Path, keys: dict[str, Any]) -> None:
    """Train in forked processes, each killed at a random moment, the last one left alone.

    Every other one is let live until it has saved something, or else a slow machine would never get on;
    the rest die wherever they are, while starting or restoring too.
    """
    moments = random.Random()
    run_toy(run.with_name("warm-up"), {"steps": 1}, [])  # torch imports half of itself at the first step
    for attempt in range(KILLS):
        before = saved(run)
        child = os.fork()
        if child == 0:
            run_toy(run, keys, [])
            os._exit(0)
        wanted = before + (moments.choice((1, 8, 16)) if attempt % 2 == 0 else 0)
        deadline = time.monotonic() + 20.0
        while saved(run) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(saved(run))
    run_toy(run, keys, [])


def saved(run: Path) -> int:
    """Step of the newest checkpoint, 0 without one."""
    steps = [int(path.stem.partition("-")[2]) for path in (run / "checkpoint").glob("step-*.json")]
    return max(steps, default=0)


def pair(run: Path, keys: dict[str, Any]) -> None:
    """Train in two forked processes that find each other as those of torchrun do."""
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
            run_toy(run, keys)
            sys.stdout.flush()
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def main() -> int:
    action, run, keys = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    try:
        {"torture": torture, "pair": pair, "train": run_toy}[action](run, keys)
    except SeqtoolsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
