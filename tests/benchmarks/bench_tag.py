"""Speed of exported taggers beside torch with the same weights, measured in one run.

Run: python tests/benchmarks/bench_tag.py [--vocab 20000] [--width 128] [--rounds 5]

Sentences of 25 words as strings, in batches of 32 and one at a time: CPU time on one thread, the least of
several interleaved rounds. The file does everything: it cuts, looks up and spells words, and labels them.
torch is given ids that are cut and padded already. Weights and words are random: speed does not depend on
them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from bench_classify import SENTENCES, WORDS, Case, compare, sentences

from seqtools.loader import tokenizer_class
from seqtools.nn.tagger import Tagger
from seqtools.recipe import TaggerConfig
from seqtools_tag.batches import TaggedSentences
from seqtools_tag.cutting import Cutter
from seqtools_tag.graph import build
from seqtools_tag.labels import LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.parts import Parts
from seqtools_tag.recipe import WordsConfig
from seqtools_tag.runner import Runner
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import SHAPES, Spelling

BATCH = 32
LABELS = LabelSet.learn([["B-PER", "B-LOC", "B-ORG", "B-MISC", "O"]])


def tagger(texts: list[str], vocab: int, **settings: object) -> Parts:
    """An untrained tagger of such texts."""
    torch.manual_seed(0)
    words = [word for text in texts for word in text.split()]
    options = {**WordsConfig().options, "min_count": 1}
    tokenizer = tokenizer_class("word").train(texts, mode="whitespace", newlines=False, **options)
    spelling = Spelling.learn(words)
    config = TaggerConfig(**settings)  # type: ignore[arg-type]
    size = max(vocab, tokenizer.vocab_size)
    network = Tagger(config, size, spelling.count, len(LABELS), len(SHAPES)).eval()
    return Parts(network, tokenizer, spelling, LABELS, Cutter(endings=("'s", "n't")), {})


def ours(data: bytes, texts: list[str], batch: int) -> Callable[[], object]:
    """The file on strings."""
    runner = Runner(data)

    def run() -> None:
        for start in range(0, len(texts), batch):
            runner.rows(texts[start : start + batch])

    return run


def theirs(parts: Parts, texts: list[str], batch: int) -> Callable[[], object]:
    """torch on ids."""
    told = [Sentence(tuple(text.split()), ("O",) * len(text.split())) for text in texts]
    read = TaggedSentences(told, WordLookup(parts.tokenizer), parts.spelling, parts.labels)
    batches = [
        read.batch(range(start, min(start + batch, len(told)))) for start in range(0, len(told), batch)
    ]

    @torch.no_grad()
    def run() -> None:
        for one in batches:
            parts.network.decode(one.words)

    return run


def main() -> None:
    """Compare profiles and heads, in batches and one sentence at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocab", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    texts = sentences(asked.vocab)
    models = {
        "characters + CRF": tagger(texts, asked.vocab, width=asked.width),
        "characters": tagger(texts, asked.vocab, width=asked.width, crf=False),
        "words alone": tagger(texts, asked.vocab, width=asked.width, crf=False, characters="none"),
    }
    for title, rows, batch in ((f"batches of {BATCH}", SENTENCES, BATCH), ("one sentence", 1, 1)):
        for name, parts in models.items():
            given = texts[:rows]
            cases = [Case("torch, ids", rows * WORDS, theirs(parts, given, batch))]
            for profile in ("portable", "int8"):
                data: bytes = build(parts, profile=profile, card={}).SerializeToString()
                what = f"{profile} {len(data) / 1e6:.1f} MB"
                cases.append(Case(what, rows * WORDS, ours(data, given, batch)))
            # One sentence is soon done: more rounds.
            compare(f"{name}, {title}", cases, asked.rounds * (1 + 19 * (rows == 1)))


if __name__ == "__main__":
    main()
