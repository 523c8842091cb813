"""A classifier of short verdicts, trained in a second, for tests of what a file does and what a run shows.

A verdict has a word of praise or blame, perhaps with "not" before it, among words that say nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqtools.loader import tokenizer_class
from seqtools.nn.classifier import Classifier
from seqtools.plugin import Tokenizer
from seqtools.recipe import ClassifierConfig
from seqtools_sentiment.calibration import Calibration
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.export import write as write_file
from seqtools_sentiment.linear_fit import fit_linear
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.objectives import Objective
from seqtools_sentiment.parts import Parts
from seqtools_sentiment.recipe import LinearConfig, TextTokenizerConfig

LABELS = {
    "softmax": Labels(("negative", "positive"), "softmax", ordered=True),
    "ordinal": Labels(("1", "2", "3"), "ordinal", ordered=True),
    "sigmoid": Labels(("praise", "blame", "doubt"), "sigmoid"),
}
TEXTS = ("a very good film", "Not good, not good at all!", "bad", "it is fine .", "", "the plot: not bad")
"""Of all kinds; the fifth has no token."""

_PRAISE, _BLAME = ("good", "great", "fine", "lovely"), ("bad", "awful", "dull", "poor")
_REST = ("the", "a", "film", "plot", "is", "was", "it", "very", "and", ",", ".", "acting")


@cache
def examples(objective: str = "softmax", count: int = 240, seed: int = 1) -> tuple[Example, ...]:
    """Labelled verdicts."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        good, denied = bool(rng.random() < 0.6), bool(rng.random() < 0.25)
        core = ["not"] * denied + [str(rng.choice(_PRAISE if good else _BLAME))]
        before, after = (list(rng.choice(_REST, rng.integers(0, 5))) for _ in range(2))
        text = " ".join([*before, *core, *after]).capitalize()
        made.append(Example(text, _labels(objective, good is not denied, denied)))
    return tuple(made)


def _labels(objective: str, praised: bool, denied: bool) -> tuple[str, ...]:
    if objective == "softmax":
        return ("positive" if praised else "negative",)
    if objective == "ordinal":
        return ("2" if denied else "3" if praised else "1",)
    return ("praise" if praised else "blame", *(["doubt"] if denied else []))


@cache
def tokenizer(kind: str = "word") -> Tokenizer:
    """A tokenizer of the verdicts; words as recipes have them by default."""
    options: dict[str, Any] = {
        "word": dict(TextTokenizerConfig().options),
        "sentencepiece": {"vocab_size": 300},
    }
    return tokenizer_class(kind).train((one.text for one in examples()), **options.get(kind, {}))


@cache
def network(objective: str = "softmax", kind: str = "word", steps: int = 60) -> Classifier:
    """A trained network that reads both ways."""
    labels, read = LABELS[objective], tokenizer(kind)
    torch.manual_seed(2)
    config = ClassifierConfig(width=12, embedding=12, dropout_input=0.0, dropout_output=0.0)
    model = Classifier(config, read.vocab_size, labels.outputs, ordinal=objective == "ordinal")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    given, judge = examples(objective), Objective(objective)
    targets = torch.from_numpy(labels.targets(given))
    rows = [torch.from_numpy(read.encode(one.text)) for one in given]
    tokens = torch.nn.utils.rnn.pad_sequence(rows)
    lengths = torch.tensor([len(row) for row in rows])
    for step in range(steps):
        some = slice(48 * (step % 5), 48 * (step % 5 + 1))
        longest = int(lengths[some].max())
        loss = judge.loss(model(tokens[:longest, some], lengths[some]), targets[some])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


@cache
def linear(objective: str = "softmax") -> LinearModel:
    """A linear model of the same verdicts."""
    return fit_linear(list(examples(objective)), LABELS[objective], LinearConfig())


def parts(
    objective: str = "softmax",
    kind: str = "word",
    *,
    blended: bool = False,
    max_length: int = 40,
    **card: Any,
) -> Parts:
    """What a file is made of; `card` replaces entries of the card."""
    given = examples(objective)
    told = {
        "what": "a tiny judge of verdicts", "task": "sentiment", "profile": "portable", "form": "text",
        "licence": "none", "labels": list(LABELS[objective].names),
    }  # fmt: skip
    return Parts(
        network(objective, kind),
        tokenizer(kind),
        LABELS[objective],
        LABELS[objective].shares(given),
        told | card,
        examples(objective, 60, 7),
        Calibration(0.9, 0.4) if blended else Calibration(1.25),
        linear(objective) if blended else None,
        max_length,
    )


def write(
    path: Path, objective: str = "softmax", kind: str = "word", *, blended: bool = False, **card: Any
) -> Path:
    """Export a classifier to `path`."""
    write_file(parts(objective, kind, blended=blended, **card), path, report=lambda line: None)
    return path
