"""From labelled texts to a run folder that is ready to train: split, classes, vocabulary, the kept texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Reporter, Tokenizer
from seqtools.training.files import sweep
from seqtools.wording import counted
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.labels import learn_labels, told
from seqtools_sentiment.opening import opening, plain
from seqtools_sentiment.reading import read_examples
from seqtools_sentiment.recipe import SentimentRecipe, TextTokenizerConfig
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.splits import repeats, split, without


def prepare(run: SentimentRun, files: Sequence[str], recipe: SentimentRecipe, report: Reporter) -> None:
    """Fill a fresh run folder with what training reads; the caller writes the recipe, which makes it a run.

    Raises:
        DataError: the files are unusable, or too few texts are left.
    """
    train, valid, about = read_split(files, recipe, report)
    fill(run, train, valid, learn_labels(train, recipe.data), recipe, report, about)


def fill(
    run: SentimentRun,
    train: Sequence[Example],
    valid: Sequence[Example],
    labels: Labels,
    recipe: SentimentRecipe,
    report: Reporter,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Fill a fresh run folder with texts that are split already.

    Args:
        run: the folder.
        train, valid: the texts.
        labels: their classes.
        recipe: how the tokenizer is made, how long texts are.
        report: told what is made.
        about: where the texts came from, for run.json.

    Raises:
        DataError: a part is empty, or validation texts have labels that training texts lack.
    """
    for name, part in (("training", train), ("validation", valid)):
        if not part:
            raise DataError(f"{name} texts", "there are none", "Give more texts, or a file with --valid")
    labels.check(valid, "validation texts")
    train, valid = (
        [replace(one, text=opening(plain(one.text), recipe.data.max_length)) for one in part]
        for part in (train, valid)
    )
    report(told(labels, train))
    tokenizer = learn_tokenizer(train, recipe, report)
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / "data").mkdir(exist_ok=True)
    sweep(run.path / "data")
    run.write_examples("train", train)
    run.write_examples("valid", valid)
    run.write_labels(labels)
    run.write_tokenizer(tokenizer)
    report(f"train: {counted(len(train), 'text')}; valid: {counted(len(valid), 'text')}")
    counts = {"train": len(train), "valid": len(valid)}
    run.write_json("run.json", {"data": {**(about or {}), **counts}, "parent": ""})


def read_split(
    files: Sequence[str], recipe: SentimentRecipe, report: Reporter
) -> tuple[list[Example], list[Example], dict[str, Any]]:
    """Training texts, validation texts, and what the files were.

    Texts that say nothing are left out; a training text that validation holds, too, is left out of training.
    """
    data = recipe.data
    train, blank = _speaking(read_examples(files, data, report))
    about: dict[str, Any] = {
        "files": [_name(file) for file in files],
        "sha256": digest(train),
        "blank": blank,
    }
    if blank:
        report(f"left out: {counted(blank, 'blank text')}")
    if again := repeats(train):
        report(again)
    if not data.valid:
        train, valid = split(train, data.valid_fraction, recipe.training.seed)
        return train, valid, {**about, "twice": 0}
    valid, _ = _speaking(read_examples(_several(data.valid), data, report))
    kept = without(train, valid)
    twice = len(train) - len(kept)
    if twice:
        report(f"left out of training: {counted(twice, 'text')} that validation holds, too")
    return kept, valid, {**about, "valid_sha256": digest(valid), "twice": twice}


def data_matches(run: SentimentRun, files: Sequence[str], recipe: SentimentRecipe) -> bool:
    """Whether these files hold what the run was begun with."""
    about = read_split(files, recipe, lambda line: None)[2]
    before = run.info()["data"]
    return json.dumps(about) == json.dumps({name: before.get(name) for name in about})


def learn_tokenizer(examples: Sequence[Example], recipe: SentimentRecipe, report: Reporter) -> Tokenizer:
    """Train the recipe's tokenizer on training texts."""
    wanted, usual = recipe.tokenizer, TextTokenizerConfig()
    options: dict[str, Any] = dict(wanted.options)
    # The usual size is one for words; another kind knows better.
    if wanted.vocab_size and (wanted.kind == usual.kind or wanted.vocab_size != usual.vocab_size):
        options["vocab_size"] = wanted.vocab_size
    kind = loader.tokenizer_class(wanted.kind)
    tokenizer = kind.train((f"{example.text}\n" for example in examples), **options)
    report(f"tokenizer: {wanted.kind}, {tokenizer.vocab_size:,} ids")
    return tokenizer


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 of texts and their labels, in order, whatever kind of file they came from."""
    found = hashlib.sha256()
    for one in examples:
        found.update(json.dumps([one.text, one.labels, one.shares]).encode() + b"\n")
    return found.hexdigest()


def _speaking(examples: Sequence[Example]) -> tuple[list[Example], int]:
    """Texts that are not blank, and how many are."""
    kept = [example for example in examples if example.text.strip()]
    return kept, len(examples) - len(kept)


def _several(named: str) -> list[str]:
    """The files that an option names, with commas between them."""
    return [named] if Path(named).exists() else [part.strip() for part in named.split(",")]


def _name(file: str) -> str:
    """A file's name without its folder, a label before it kept."""
    label, equals, path = file.rpartition("=")
    return f"{label}{equals}{path.rpartition('/')[2]}"
