"""Taggers of some hundred weights, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from seqtools.loader import tokenizer as tokenizer_spec
from seqtools.nn.tagger import Tagger
from seqtools.recipe import TaggerConfig
from seqtools_tag.batches import TaggedSentences
from seqtools_tag.cutting import Cutter
from seqtools_tag.export import write as write_file
from seqtools_tag.labels import LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.parts import Parts
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import SHAPES, Spelling

SENTENCES = (
    ("Dr. Smith does n't like New York 's 1,000 cafés .", "O B-PER O O O B-LOC I-LOC O O O O"),
    ("I 've met Jane O'Brien in Berlin - Mitte !", "O O O B-PER I-PER O B-LOC I-LOC I-LOC O"),
    ("They 're at the U.N. , Jane 's HQ .", "O O O O B-ORG O B-PER O O O"),
    ("Paris", "B-LOC"),
)
"""Words and their labels."""

TEXTS = (
    "Dr. Smith doesn't like New York's 1,000 cafés.",
    "",
    "Jane",
    "   ",
    "I’ve been to Berlin-Mitte!! (Jane's idea), www.seqtools.org/x a@b.co 5:30 p.m. U.N.",
    "naïve 日本語 🙂 e\u0301t\u00e9 İstanbul ΟΔΟΣ \x07\x1b[0m \u200bx" + "y" * 60,
    "'s n't '' ’tis don't.n't It's",
)
"""Lines of all kinds."""


def sentences(plain: bool = False) -> list[Sentence]:
    """The sentences; plain: labels that mark no spans."""
    found = []
    for words, labels in SENTENCES:
        told = ["X" if label == "O" else "Y" if label[2:] == "PER" else "Z" for label in labels.split()]
        found.append(Sentence(tuple(words.split()), tuple(told if plain else labels.split())))
    return found


def tiny_tagger(*, scheme: str = "bio", profile: str = "portable", seed: int = 0, **config: Any) -> Parts:
    """An untrained tagger of these sentences; its labels are all over the place, and sure of themselves.

    Args:
        scheme: plain, bio or bioes.
        profile: of the file that is to be written.
        seed: of the weights.
        config: of the network.
    """
    told = sentences(scheme == "plain")
    options: dict[str, Any] = {"lowercase": True, "normalize": "nfd", "digits": True, "min_count": 1}
    kind: Any = tokenizer_spec("word").load()
    words = [word for sentence in told for word in sentence.words]
    tokenizer = kind.train([" ".join(words)], mode="whitespace", **options)
    spelling = Spelling.learn(words)
    labels = LabelSet.learn([sentence.labels for sentence in told], scheme)
    sizes = {"embedding": 6, "width": 5, "character_embedding": 4, "character_width": 6, "shape": 3}
    torch.manual_seed(seed)
    network = Tagger(
        TaggerConfig(**{**sizes, **config}), tokenizer.vocab_size, spelling.count, len(labels), len(SHAPES)
    ).eval()
    with torch.no_grad():
        network.output.weight.mul_(8)
        if network.crf is not None:
            for part in (network.crf.transitions, network.crf.start, network.crf.end):
                part.normal_()
            network.crf.forbid(*map(torch.from_numpy, labels.forbidden()))
    cutter = Cutter.learn([sentence.words for sentence in told] * 3)
    card = {"what": "a tiny tagger", "task": "tag", "profile": profile, "form": "text", "licence": "none"}
    return Parts(network, tokenizer, spelling, labels, cutter, card, told)


def trained(steps: int = 30, **options: Any) -> Parts:
    """A tagger that has learnt its sentences by heart."""
    parts = tiny_tagger(**{"embedding": 12, "width": 12, **options})
    lookup = WordLookup(parts.tokenizer)
    sentences = TaggedSentences(parts.valid, lookup, parts.spelling, parts.labels)
    batch = sentences.batch(range(len(parts.valid)))
    with torch.no_grad():
        parts.network.output.weight.div_(8)
    optimizer = torch.optim.Adam(parts.network.parameters(), lr=5e-2)
    for _ in range(steps):
        loss = parts.network.nats(parts.network(batch.words), batch.labels, batch.words.lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return parts


def write(path: Path, **options: Any) -> Path:
    """Export a tagger that has learnt its sentences to `path`."""
    write_file(trained(**options), path, report=lambda line: None)
    return path
