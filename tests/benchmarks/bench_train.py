"""Training throughput: seqtools' loop beside a plain PyTorch loop of the same model on the same batches.

    python tests/benchmarks/bench_train.py [--rounds 5] [--steps 150]

The plain loop is what a person writes by hand: nn.Embedding, nn.LSTM, nn.Linear, AdamW, clipping, carried
state, a loss printed every tenth step. Both take turns on one thread; figures are CPU time per step (the
median over the rounds), and the ratio is plain / ours: 1.0 is as fast, above is faster. Ours keeps its
logging, its non-finite checks and its metrics file; saving and evaluating are left out on both sides.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqtools import loader
from seqtools.nn.language_model import LanguageModel
from seqtools.recipe import NetworkConfig, Recipe, TrainingConfig
from seqtools.training.experiment import Loss
from seqtools.training.loop import train
from seqtools.training.world import World
from seqtools_generate.train import LanguageModelExperiment

VOCAB, WARM = 65, 10
CASES = {
    "width 256, batch 16, chunk 32": (256, 16, 32),
    "width 512, batch 32, chunk 64": (512, 32, 64),
}


class Timed(LanguageModelExperiment):
    """Marks the CPU time at every step's start."""

    marks: list[float]

    def loss(self) -> Loss:
        """As before, with a mark."""
        self.marks.append(time.process_time())
        return super().loss()


def stream() -> Any:
    """Half a million made-up tokens."""
    return np.random.default_rng(1).integers(0, VOCAB, 500_000).astype(np.uint8)


def ours(width: int, batch: int, chunk: int, steps: int) -> float:
    """CPU seconds per step of `train`."""
    training = TrainingConfig(
        batch_size=batch, chunk=chunk, chunk_jitter=0, half_chunk=0, reset=0, schedule="constant", warmup=0,
        steps=steps, evaluate_every=10 * steps, checkpoint_every=10 * steps, sample_tokens=0, device="cpu",
    )  # fmt: skip
    recipe = replace(Recipe(), network=NetworkConfig(width=width, embedding=64), training=training)
    world = World.start("cpu")
    network = LanguageModel(recipe.network, VOCAB)
    tokenizer = loader.tokenizer_class("byte").train([])
    experiment = Timed(network, stream(), stream()[:500], recipe, tokenizer, world)
    experiment.marks = []
    with tempfile.TemporaryDirectory() as folder:
        train(experiment, training, Path(folder), world=world, report=lambda line: None, live=False)
    return (experiment.marks[-1] - experiment.marks[WARM]) / (len(experiment.marks) - 1 - WARM)


def plain(width: int, batch: int, chunk: int, steps: int) -> float:
    """CPU seconds per step of a loop written by hand."""
    embedding, lstm, head = nn.Embedding(VOCAB, 64), nn.LSTM(64, width), nn.Linear(width, VOCAB)
    parameters = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, betas=(0.9, 0.99), weight_decay=0.01)
    tokens = torch.from_numpy(stream().astype(np.int64))
    length = (len(tokens) - 1) // batch
    rows = tokens[: batch * length].view(batch, length).t().contiguous()
    state = (torch.zeros(1, batch, width), torch.zeros(1, batch, width))
    marks, losses = [], []
    for step in range(steps):
        marks.append(time.process_time())
        begin = step * chunk
        x, y = rows[begin : begin + chunk], rows[begin + 1 : begin + chunk + 1]
        optimizer.zero_grad()
        outputs, state = lstm(embedding(x), state)
        state = (state[0].detach(), state[1].detach())
        loss = nn.functional.cross_entropy(head(outputs).view(-1, VOCAB), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 10 == 9:
            losses.append(loss.item())
    return (marks[-1] - marks[WARM]) / (len(marks) - 1 - WARM)


def main() -> None:
    """Take turns and print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, case in CASES.items():
        pairs = [
            (ours(*case, arguments.steps), plain(*case, arguments.steps)) for _ in range(arguments.rounds)
        ]
        mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name}: ours {1e3 * mine:.2f} ms a step, plain {1e3 * theirs:.2f} ms, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
