"""Decoding speed of exported files, as ratios measured side by side.

Run: python tests/benchmarks/bench_decode.py

Process CPU time on one thread, the least of several interleaved rounds. Weights are random: speed does not
depend on them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import torch

from seqtools.nn.language_model import LanguageModel
from seqtools.recipe import NetworkConfig
from seqtools_generate.graph import build
from seqtools_generate.verify import Choice, Runner

GREEDY, SAMPLED = Choice(), Choice(0.8)


@dataclass
class Case:
    """Something that takes `steps` steps when called."""

    name: str
    steps: int
    run: Callable[[], object]
    best: float = float("inf")

    def measure(self) -> None:
        began = time.process_time()
        self.run()
        self.best = min(self.best, (time.process_time() - began) / self.steps)


def network(width: int, vocab: int, *, cell: str = "lstm.v1", embedding: int = 0) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(NetworkConfig(cell=cell, width=width, embedding=embedding), vocab).eval()


def file(
    model: LanguageModel, steps: int, profile: str, choice: Choice, batch: int = 1
) -> Callable[[], object]:
    runner = Runner(build(model, None, profile=profile, form="ids", card={}).SerializeToString())
    noise = np.random.default_rng(0).random((steps, batch), dtype=np.float32)
    feeds = runner.feeds(np.zeros((batch, 0), np.int64), uniforms=noise, choice=choice)
    return lambda: runner.run(["new_tokens"], feeds)


def read(model: LanguageModel, steps: int, folded: bool) -> Callable[[], object]:
    """One np.dot over as many weights as a step reads."""
    layer = model.stack.layers[0]
    count = layer.weight_hh.numel() + model.head.weight.numel() + (0 if folded else layer.weight_ih.numel())
    matrix = np.random.default_rng(0).random((count // layer.width, layer.width), dtype=np.float32)
    vector = np.ones(layer.width, np.float32)

    def run() -> None:
        for _ in range(steps):
            np.dot(matrix, vector)

    return run


@torch.inference_mode()
def _eager(model: LanguageModel, steps: int) -> None:
    layer = model.stack.layers[0]
    lstm = _lstm(model)
    state = (torch.zeros(1, 1, layer.width), torch.zeros(1, 1, layer.width))
    token = torch.zeros(1, 1, dtype=torch.long)
    for _ in range(steps):
        x = torch.nn.functional.one_hot(token, model.vocab_size).float()
        y, state = lstm(x, state)
        token = model.head(y).argmax(-1)


_LSTMS: dict[int, torch.nn.LSTM] = {}


def _lstm(model: LanguageModel) -> torch.nn.LSTM:
    layer = model.stack.layers[0]
    return _LSTMS.setdefault(id(model), torch.nn.LSTM(layer.input_width, layer.width))


def compare(title: str, cases: list[Case], rounds: int) -> None:
    """Time cases in turn and print each as microseconds and as a multiple of the first."""
    for _ in range(rounds):
        for case in cases:
            case.measure()
    for case in cases:
        ratio = case.best / cases[0].best
        print(f"{title:<34}{case.name:<26}{case.best * 1e6:10.1f} us/step {ratio:8.3f} x", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for width in (512, 1024):
        model, steps = network(width, 65), 200_000 // width
        cases = [
            Case("one np.dot", steps, read(model, steps, True)),
            Case("file, greedy", steps, file(model, steps, "portable", GREEDY)),
            Case("file, sampled", steps, file(model, steps, "portable", SAMPLED)),
        ]
        if width == 512:
            cases.append(Case("eager nn.LSTM, argmax", steps, lambda m=model, n=steps: _eager(m, n)))
        compare(f"chars, hidden {width}, vocabulary 65", cases, rounds)
    model, steps = network(1024, 8000, embedding=1024), 60
    compare(
        "words, hidden 1024, vocabulary 8000",
        [
            Case("one np.dot", steps, read(model, steps, False)),
            Case("file fp32, greedy", steps, file(model, steps, "portable", GREEDY)),
            Case("file int8, greedy", steps, file(model, steps, "int8", GREEDY)),
            Case("file int8, sampled", steps, file(model, steps, "int8", SAMPLED)),
        ],
        rounds,
    )
    for cell in ("lstm.v1", "gru.v1", "rnn_tanh.v1"):
        model, steps = network(16, 65, cell=cell), 2000
        ways = (
            ("greedy", GREEDY),
            ("sampled", SAMPLED),
            ("top-k 10", Choice(0.8, 10)),
            ("top-p 0.9", Choice(0.8, 0, 0.9)),
        )
        cases = [Case(name, steps, file(model, steps, "portable", choice)) for name, choice in ways]
        compare(f"overhead, {cell}, hidden 16", cases, rounds)


if __name__ == "__main__":
    main()
