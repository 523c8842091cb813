"""Speed of exported classifiers beside torch with the same weights, measured in one run.

Run: python tests/benchmarks/bench_classify.py [--vocab 20000] [--width 128] [--rounds 5]

Sentences of 25 words as strings, in batches of 64 and one at a time: CPU time on one thread, the least of
several interleaved rounds. The file does everything, from the string to the label; torch is given ids that
are cut and padded already. Weights and words are random: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from seqtools.loader import tokenizer_class
from seqtools.nn.classifier import Classifier
from seqtools.plugin import Tokenizer
from seqtools.recipe import ClassifierConfig
from seqtools_sentiment.calibration import Calibration
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.graph import build
from seqtools_sentiment.linear_fit import fit_linear
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.parts import Parts
from seqtools_sentiment.recipe import LinearConfig, TextTokenizerConfig
from seqtools_sentiment.runner import Runner, padded

SENTENCES, WORDS, BATCH = 640, 25, 64
LABELS = Labels(("negative", "positive"), "softmax", ordered=True)


@dataclass
class Case:
    """Something that classifies `words` words when called."""

    name: str
    words: int
    run: Callable[[], object]
    best: float = float("inf")

    def measure(self) -> None:
        began = time.process_time()
        self.run()
        self.best = min(self.best, time.process_time() - began)

    @property
    def speed(self) -> float:
        return self.words / self.best


def sentences(vocab: int) -> list[str]:
    """Words of three to nine letters, a few of them most of the time; some with a capital."""
    rng = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(vocab)]
    chosen = np.minimum(rng.zipf(1.3, (SENTENCES, WORDS)) - 1, vocab - 1)
    return [" ".join(words[index] for index in row).capitalize() for row in chosen]


def network(tokenizer: Tokenizer, vocab: int, **settings: object) -> Classifier:
    torch.manual_seed(0)
    config = ClassifierConfig(**settings)  # type: ignore[arg-type]
    return Classifier(config, max(vocab, tokenizer.vocab_size), LABELS.outputs).eval()


def file(tokenizer: Tokenizer, model: Classifier, profile: str, linear: LinearModel | None = None) -> bytes:
    weights = Calibration(1.0, 0.0 if linear is None else 1.0)
    prior = np.full(LABELS.classes, 0.5, np.float32)
    parts = Parts(model, tokenizer, LABELS, prior, {}, [], weights, linear)
    data: bytes = build(parts, profile=profile, form="text", card={}).SerializeToString()
    return data


def ours(data: bytes, texts: list[str], batch: int) -> Callable[[], object]:
    runner = Runner(data)

    def run() -> None:
        for start in range(0, len(texts), batch):
            labels, _ = runner(["label", "probabilities"], texts[start : start + batch])
            assert len(labels) == min(batch, len(texts) - start)

    return run


def theirs(model: Classifier, tokenizer: Tokenizer, texts: list[str], batch: int) -> Callable[[], object]:
    groups = []
    for start in range(0, len(texts), batch):
        feeds = padded([tokenizer.encode(text).tolist() for text in texts[start : start + batch]])
        groups.append((torch.from_numpy(feeds["tokens"].T.copy()), torch.from_numpy(feeds["lengths"])))

    @torch.no_grad()
    def run() -> None:
        for tokens, lengths in groups:
            model(tokens, lengths).softmax(dim=-1)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocab", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    texts = sentences(asked.vocab)
    options = {**TextTokenizerConfig().options, "min_count": 1}
    tokenizer = tokenizer_class("word").train(texts, **options)
    examples = [Example(text, (LABELS.names[number % 2],)) for number, text in enumerate(texts)]
    linear = fit_linear(examples, LABELS, LinearConfig())
    models = {
        f"{name} {layers} x {asked.width}": network(
            tokenizer, asked.vocab, cell=cell, layers=layers, width=asked.width
        )
        for name, cell, layers in (("BiLSTM", "lstm.v1", 1), ("BiLSTM", "lstm.v1", 2), ("BiGRU", "gru.v1", 1))
    }
    for title, rows, batch in ((f"batches of {BATCH}", SENTENCES, BATCH), ("one sentence", 1, 1)):
        for name, model in models.items():
            given = texts[:rows]
            cases = [Case("torch, ids", rows * WORDS, theirs(model, tokenizer, given, batch))]
            for profile in ("portable", "int8"):
                for blended in (None, linear):
                    data = file(tokenizer, model, profile, blended)
                    what = f"{profile}{' + linear' if blended else ''} {len(data) / 1e6:.1f} MB"
                    cases.append(Case(what, rows * WORDS, ours(data, given, batch)))
            # One sentence is soon done: more rounds.
            compare(f"{name}, {title}", cases, asked.rounds * (1 + 19 * (rows == 1)))


def compare(title: str, cases: list[Case], rounds: int) -> None:
    """Time cases in turn and print words a second, milliseconds, and speed as a multiple of the first's."""
    for _ in range(rounds):
        for case in cases:
            case.measure()
    for case in cases:
        ratio = case.speed / cases[0].speed
        figures = f"{case.speed:10,.0f} words/s {case.best * 1e3:9.2f} ms {ratio:7.2f} x"
        print(f"{title:<34}{case.name:<28}{figures}", flush=True)


if __name__ == "__main__":
    main()
