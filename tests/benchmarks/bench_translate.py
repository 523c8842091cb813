"""Speed of exported translators beside CTranslate2's Transformer-tiny int8, measured in one run.

Run: python tests/benchmarks/bench_translate.py [--vocab 8000] [--rounds 5]

512 sentences of 13 source tokens, exactly 14 target tokens each, in batches of 32: CPU time on one thread,
the least of several interleaved rounds. Weights are random: speed does not depend on them, only on the
presets' sizes. CTranslate2 is used where it is installed (pip install ctranslate2); it is not a dependency.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from seqtools import config
from seqtools.nn.seq2seq import Seq2Seq
from seqtools_translate.graph import build
from seqtools_translate.recipe import TranslateRecipe
from seqtools_translate.runner import Runner

SENTENCES, SOURCE, TARGET, BATCH = 512, 13, 14, 32
LAYERS, WIDTH, FEEDFORWARD, HEADS = 4, 128, 256, 4  # Transformer-tiny (Wu et al. 2021)


@dataclass
class Case:
    """Something that writes `tokens` target tokens when called."""

    name: str
    tokens: int
    run: Callable[[], object]
    best: float = float("inf")

    def measure(self) -> None:
        began = time.process_time()
        self.run()
        self.best = min(self.best, time.process_time() - began)

    @property
    def speed(self) -> float:
        return self.tokens / self.best


def preset(name: str, vocab: int) -> Seq2Seq:
    """A preset's network with random weights."""
    import seqtools_translate

    path = Path(seqtools_translate.__file__).with_name("presets") / f"{name}.toml"
    recipe: Any = config.build(config.read_layer(path), kind=TranslateRecipe)
    torch.manual_seed(0)
    return Seq2Seq(recipe.network, vocab, vocab).eval()


def ours(data: bytes, sentences: list[list[int]], beam: int) -> Callable[[], object]:
    runner = Runner(data)

    def run() -> None:
        for start in range(0, len(sentences), BATCH):
            rows = sentences[start : start + BATCH]
            limits = [TARGET] * len(rows)
            feeds = runner.feeds(rows, beam_size=beam, max_lengths=limits, min_lengths=limits)
            told, _ = runner.run(["hypotheses", "scores"], feeds)
            assert told.shape == (len(rows), beam, TARGET)

    return run


def ctranslate2_tiny(folder: Path, vocab: int) -> Any:
    """CTranslate2's Transformer with random weights, opened in int8; None where it is not installed."""
    try:
        import ctranslate2
    except ImportError:
        return None
    rng = np.random.default_rng(0)
    sizes = {
        "self_attention.linear_0.weight": (3 * WIDTH, WIDTH),
        "attention.linear_1.weight": (2 * WIDTH, WIDTH),
        "ffn.linear_0.weight": (FEEDFORWARD, WIDTH),
        "ffn.linear_1.weight": (WIDTH, FEEDFORWARD),
        "embeddings_0.weight": (vocab, WIDTH),
        "embeddings.weight": (vocab, WIDTH),
        "projection.weight": (vocab, WIDTH),
    }
    spec = ctranslate2.specs.TransformerSpec.from_config(LAYERS, HEADS, pre_norm=True)

    def fill(owner: Any, name: str, value: object) -> None:
        path, attribute = name.replace("/", "."), name.rpartition("/")[2]
        if value is not None:
            return
        if attribute in ("gamma", "beta"):
            array = np.full(WIDTH, float(attribute == "gamma"), np.float32)
        else:
            shape = next((size for end, size in sizes.items() if path.endswith(end)), (WIDTH, WIDTH))
            array = (rng.standard_normal(shape) * shape[1] ** -0.5).astype(np.float32)
        setattr(owner, attribute, array)

    _visit(spec, fill)
    words = ["<unk>", "<s>", "</s>", *(f"w{i}" for i in range(3, vocab))]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    return ctranslate2.Translator(
        str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
    )


def _visit(spec: Any, visit: Callable[[Any, str, object], None], path: str = "") -> None:
    """Call `visit(owner, name, value)` for every value of a specification and of those inside it."""
    for name, value in list(vars(spec).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, list):
            for index, item in enumerate(value):
                _visit(item, visit, f"{path}{name}_{index}/")
        elif hasattr(value, "variables"):
            _visit(value, visit, f"{path}{name}/")
        else:
            visit(spec, path + name, value)


def theirs(translator: Any, sentences: list[list[int]], beam: int) -> Callable[[], object]:
    words = [[f"w{token}" for token in row] for row in sentences]

    def run() -> None:
        told = translator.translate_batch(
            words, beam_size=beam, max_batch_size=BATCH, max_decoding_length=TARGET,
            min_decoding_length=TARGET, return_scores=beam > 1,
        )  # fmt: skip
        assert all(len(one.hypotheses[0]) == TARGET for one in told)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocab", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sentences = np.random.default_rng(1).integers(3, asked.vocab, (SENTENCES, SOURCE)).tolist()
    files = {
        (name, profile): build(preset(name, asked.vocab), profile=profile, card={}).SerializeToString()
        for name in ("small", "best", "hybrid")
        for profile in ("int8", "portable")
    }
    with tempfile.TemporaryDirectory() as folder:
        tiny = ctranslate2_tiny(Path(folder), asked.vocab)
        if tiny is None:
            print("CTranslate2 is not installed: no ratios (pip install ctranslate2)")
        for title, rows, beam in (("greedy", 512, 1), ("beam 5", 512, 5), ("one sentence, beam 5", 1, 5)):
            cases = [] if tiny is None else [("CTranslate2 tiny int8", theirs(tiny, sentences[:rows], beam))]
            cases += [
                (f"{name} {profile} {len(data) / 1e6:.1f} MB", ours(data, sentences[:rows], beam))
                for (name, profile), data in files.items()
            ]
            # One sentence is soon done: more rounds.
            compare(
                title,
                [Case(name, rows * TARGET, run) for name, run in cases],
                asked.rounds * (1 + 9 * (rows == 1)),
            )


def compare(title: str, cases: list[Case], rounds: int) -> None:
    """Time cases in turn and print tokens a second, milliseconds, and speed as a multiple of the first's."""
    for _ in range(rounds):
        for case in cases:
            case.measure()
    for case in cases:
        ratio = case.speed / cases[0].speed
        figures = f"{case.speed:10,.0f} tokens/s {case.best * 1e3:9.2f} ms {ratio:7.2f} x"
        print(f"{title:<22}{case.name:<26}{figures}", flush=True)


if __name__ == "__main__":
    main()
