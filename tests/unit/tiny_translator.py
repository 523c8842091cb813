"""A small translator file for tests of everything that runs one: numbers, word by word, English to German.

    tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_translator.py"))))
    path = tiny.write(tmp_path / "m.onnx")     # two seconds to train, then half a second a file
    tiny.write(path, profile="int8")           # another file of the same network

`SENTENCES` are pairs that it has learnt; it translates up to six different `WORDS` in any order.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import torch

from seqtools.loader import tokenizer_class
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.plugin import Tokenizer
from seqtools.recipe import Seq2SeqConfig
from seqtools.tokens import BOS, EOS
from seqtools_translate.export import Parts
from seqtools_translate.export import write as write_file
from seqtools_translate.lexicon import Lexicon

WORDS = {
    "one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf",
    "six": "sechs", "seven": "sieben", "eight": "acht", "nine": "neun", "ten": "zehn",
}  # fmt: skip


def _pairs(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    rows = [rng.sample(list(WORDS), k=rng.randint(1, 6)) for _ in range(count)]
    return [(" ".join(row), " ".join(WORDS[word] for word in row)) for row in rows]


SENTENCES = _pairs(40, 7)


@cache
def tokenizers(*, joint: bool = True) -> tuple[Tokenizer, Tokenizer]:
    """Word tokenizers of both sides; one for both if `joint`."""
    kind = tokenizer_class("word")
    if joint:
        both = kind.train(text for pair in _pairs(200, 1) for text in pair)
        return both, both
    sides = zip(*_pairs(200, 1), strict=True)
    source, target = (kind.train(texts) for texts in sides)
    return source, target


@cache
def network(*, joint: bool = True, steps: int = 160) -> Seq2Seq:
    """A trained network: reads both ways, writes with attention."""
    source, target = tokenizers(joint=joint)
    torch.manual_seed(3)
    config = Seq2SeqConfig(
        encoder_width=24, width=48, embedding=24, layers=1, shared=joint, dropout_embedding=0.0,
        dropout_hidden=0.0, dropout_output=0.0,
    )  # fmt: skip
    model = Seq2Seq(config, source.vocab_size, target.vocab_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for step in range(steps):
        pairs = _pairs(32, 100 + step)
        read, lengths = _batch([source.encode(text).tolist() for text, _ in pairs])
        said, _ = _batch([target.encode(text).tolist() for _, text in pairs])
        begun = torch.cat([torch.full((1, len(pairs)), BOS), said[:-1]])
        logits = model(read, lengths, begun).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), said.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval()


def _batch(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Time-major, each row with its end, padded with ends."""
    lengths = torch.tensor([len(row) + 1 for row in rows])
    ids = torch.full((int(lengths.max()), len(rows)), EOS)
    for column, row in enumerate(rows):
        ids[: len(row), column] = torch.tensor(row)
    return ids, lengths


def lexicon(*, joint: bool = True) -> dict[str, Any]:
    """What each source token may become, as a run folder has it."""
    source, target = tokenizers(joint=joint)
    pairs = [(source.encode(one), target.encode(other)) for one, other in _pairs(200, 1)]
    learnt = Lexicon.learn(pairs, source.vocab_size, target.vocab_size, per_token=2, frequent=3)
    return learnt.payload()


def write(
    path: Path, *, profile: str = "portable", joint: bool = True, shortlist: bool = False, **card: Any
) -> Path:
    """Export the network to `path`, with a lexicon if it is to take shortlists; `card` replaces entries."""
    source, target = tokenizers(joint=joint)
    told = {
        "what": "a tiny translator of numbers", "task": "translate", "profile": profile, "form": "ids",
        "licence": "none", "decoding": {"beam_size": 3, "alpha": 1.0},
    }  # fmt: skip
    table = lexicon(joint=joint) if shortlist else {}
    parts = Parts(network(joint=joint), source, target, told | card, SENTENCES, table)
    write_file(parts, path, report=lambda line: None)
    return path
