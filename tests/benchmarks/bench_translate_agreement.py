"""A translator's file against the network it came from, on real sentences.

    python tests/benchmarks/bench_translate_agreement.py RUN SOURCE [--int8 FILE]

RUN is a run folder with its model.onnx, SOURCE a file of sentences, one a line. Printed: how many best
hypotheses with beam 5 are those of torch; the largest difference of a log-probability of those; how
many change when the lines come one by one, shuffled, or in batches of 64; and, one sentence at a time, the
median and the 99th percentile of the CPU time.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import seqtools
from seqtools.texts import decode, split_lines
from seqtools_translate.oracle import beam_search, forced
from seqtools_translate.run_folder import TranslateRun

BEAM = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("--int8", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    lines = list(split_lines(decode(asked.source)))
    model = seqtools.load(asked.run / "model.onnx")
    ids = told(model, lines)
    compare(TranslateRun(asked.run), lines, ids)
    invariance(model, lines, ids)
    latency("fp32", model, lines)
    if asked.int8:
        latency("int8", seqtools.load(asked.int8), lines)


def told(model: Any, lines: list[str], **options: Any) -> list[list[int]]:
    """Tokens of the best hypothesis of each line."""
    found = model.translate_batch(lines, beam_size=BEAM, attention=False, **options)
    return [one.tokens[0] for one in found]


def compare(run: TranslateRun, lines: list[str], ids: list[list[int]]) -> None:
    """Count equal hypotheses, and score the file's own with torch."""
    network, tokenizer = run.seq2seq(), run.tokenizer()
    model = seqtools.load(run.path / "model.onnx")
    equal, worst = 0, 0.0
    targets = [run.target_tokenizer().decode(row) for row in ids]
    scored = model.score_batch(lines, targets)
    for line, row, target, one in zip(lines, ids, targets, scored, strict=True):
        source = tokenizer.encode(line.strip()).tolist()
        best = beam_search(network, source, beam=BEAM, longest=2 * len(source) + 10)[0]
        equal += list(best.tokens) == row
        again = run.target_tokenizer().encode(target).tolist()
        exact = forced(network, source, again).log_probs[np.arange(len(again) + 1), [*again, 2]]
        worst = max(worst, float(np.abs(exact - np.array(one.log_probs)).max()))
    print(f"best hypotheses equal to torch's: {equal:,} of {len(lines):,}")
    print(f"largest difference of a log-probability: {worst:.1e}")


def invariance(model: Any, lines: list[str], ids: list[list[int]]) -> None:
    """Count hypotheses that depend on their neighbours."""
    alone = [told(model, [line])[0] for line in lines]
    order = random.Random(1).sample(range(len(lines)), len(lines))
    shuffled = dict(zip(order, told(model, [lines[row] for row in order]), strict=True))
    wide = told(model, lines, batch_size=64)
    for name, other in (("alone", alone), ("shuffled", [shuffled[row] for row in range(len(lines))])):
        print(f"changed {name}: {sum(one != two for one, two in zip(ids, other, strict=True))}")
    print(f"changed in batches of 64: {sum(one != two for one, two in zip(ids, wide, strict=True))}")


def latency(name: str, model: Any, lines: list[str]) -> None:
    """CPU milliseconds of one line after another."""
    spent = []
    for line in lines[:300]:
        began = time.process_time()
        model.translate_batch([line], beam_size=BEAM, attention=False)
        spent.append(1e3 * (time.process_time() - began))
    p50, p99 = np.percentile(spent, [50, 99])
    print(f"{name}, one line, beam {BEAM}: p50 {p50:.1f} ms, p99 {p99:.1f} ms of CPU")


if __name__ == "__main__":
    main()
