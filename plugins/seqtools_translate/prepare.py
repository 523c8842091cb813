"""From pairs to a run folder that is ready to train: split, vocabulary, the kept pairs, the lexicon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Reporter, Tokenizer
from seqtools.training.files import sweep
from seqtools.wording import counted
from seqtools_translate.pairs import Pair, Pairs, Report, split_by_hash
from seqtools_translate.recipe import TranslateRecipe
from seqtools_translate.run_folder import SIDES, TranslateRun


@dataclass(frozen=True)
class Corpus:
    """Where the pairs lie, as named on the command line."""

    sources: tuple[Path, ...]
    targets: tuple[Path, ...] = ()

    def pairs(self, recipe: TranslateRecipe) -> Pairs:
        """The training pairs."""
        return Pairs(self.sources, self.targets, recipe.data.source_field, recipe.data.target_field)


def valid_pairs(recipe: TranslateRecipe) -> Pairs | None:
    """The pairs to validate on, None where a share of the corpus is held out."""
    data = recipe.data
    if not data.valid_source:
        return None
    targets = (Path(data.valid_target),) if data.valid_target else ()
    return Pairs((Path(data.valid_source),), targets, data.source_field, data.target_field)


def prepare(run: TranslateRun, corpus: Corpus, recipe: TranslateRecipe, report: Reporter) -> None:
    """Fill a fresh run folder with what training reads; the caller writes the recipe, which makes it a run.

    Raises:
        DataError: the files are unusable, or too few pairs are left.
    """
    train, valid, told = read_split(corpus, recipe, report)
    source, target = learn_tokenizers(train, recipe, report)
    kept = [pair for pair in train if _fits(pair, (source, target), recipe.data.max_length)]
    if len(kept) < len(train):
        report(f"left out: {counted(len(train) - len(kept), 'pair')} of over {recipe.data.max_length} tokens")
    if not kept:
        raise DataError("training pairs", "all are too long", "Raise data.max_length, or split them")
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / "data").mkdir(exist_ok=True)
    sweep(run.path / "data")
    for part, pairs in (("train", kept), ("valid", valid)):
        for side in SIDES:
            run.write_texts(part, side, (getattr(pair, side) for pair in pairs))
    run.write_tokenizer(source)
    if target is not source:
        run.write_target_tokenizer(target)
    report(f"train: {counted(len(kept), 'pair')}; valid: {counted(len(valid), 'pair')}")
    run.write_json("run.json", {"data": {**told, "train": len(kept), "valid": len(valid)}, "parent": ""})


def read_split(
    corpus: Corpus, recipe: TranslateRecipe, report: Reporter
) -> tuple[list[Pair], list[Pair], dict[str, Any]]:
    """Training pairs, validation pairs, and what the files were."""
    found, apart = Report(), valid_pairs(recipe)
    if apart:
        apart.check()  # complain of a wrong path before long reading
    pairs = list(corpus.pairs(recipe).read(found))
    report(f"pairs: {found.line()}")
    if apart:
        held = Report()
        train, valid = pairs, list(apart.read(held))
        digest = {"sha256": found.sha256, "valid_sha256": held.sha256}
    else:
        train, valid = split_by_hash(pairs, recipe.data.valid_fraction)
        digest = {"sha256": found.sha256}
    for name, part in (("training", train), ("validation", valid)):
        if not part:
            cure = "Give more pairs, or a file to validate on with --valid-source"
            raise DataError(f"{name} pairs", "there are none", cure)
    files = [path.name for path in (*corpus.sources, *corpus.targets)]
    return train, valid, {"files": files, **digest, "dropped": found.dropped}


def data_matches(run: TranslateRun, corpus: Corpus, recipe: TranslateRecipe) -> bool:
    """Whether these files hold what the run was begun with."""
    told = read_split(corpus, recipe, lambda line: None)[2]
    before = run.info()["data"]
    return json.dumps(told) == json.dumps({key: before.get(key) for key in told})


def learn_tokenizers(
    pairs: Sequence[Pair], recipe: TranslateRecipe, report: Reporter
) -> tuple[Tokenizer, Tokenizer]:
    """Train the recipe's tokenizer on both sides, or one on each."""
    wanted = recipe.tokenizer
    options: dict[str, Any] = dict(wanted.options)
    if wanted.vocab_size:
        options["vocab_size"] = wanted.vocab_size
    kind = loader.tokenizer_class(wanted.kind)

    def lines(sides: Sequence[str]) -> Iterator[str]:
        return (getattr(pair, side) + "\n" for pair in pairs for side in sides)

    if wanted.joint:
        tokenizer = kind.train(lines(SIDES), **options)
        report(f"tokenizer: {wanted.kind}, {tokenizer.vocab_size} ids for both sides")
        return tokenizer, tokenizer
    source, target = (kind.train(lines((side,)), **options) for side in SIDES)
    report(f"tokenizers: {wanted.kind}, {source.vocab_size} source and {target.vocab_size} target ids")
    return source, target


def _fits(pair: Pair, tokenizers: tuple[Tokenizer, Tokenizer], most: int) -> bool:
    return all(
        # A token stands for a byte at least; only what may be too long is counted.
        len(text.encode()) <= most or len(tokenizer.encode(text)) <= most
        for text, tokenizer in zip((pair.source, pair.target), tokenizers, strict=True)
    )
