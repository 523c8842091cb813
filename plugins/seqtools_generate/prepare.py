"""From texts to a run folder that is ready to train: split, vocabulary, token streams."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Reporter, Tokenizer
from seqtools.recipe import Recipe
from seqtools.texts import Corpus, head, tail, whole_words
from seqtools.training.files import sweep
from seqtools.training.run_folder import RunFolder
from seqtools.training.token_stream import write_stream
from seqtools.wording import counted

PREPARED = ("tokenizer.json", "run.json", "train.bin", "train.json", "valid.bin", "valid.json")
"""What is written, into data/ or beside it, before a folder is a run."""


class Split:
    """A corpus in its two parts; each part can be read again and again.

    Without a validation file the last `valid_fraction` of the characters (or of the lines, per line) is
    kept for validation: the first `int((1 - fraction) * characters)` are the training part, as in nanoGPT.

    Raises:
        DataError: there is no text, or too little to learn from.
    """

    def __init__(self, paths: Iterable[Path], recipe: Recipe) -> None:
        data = recipe.data
        self.per_line = data.per_line
        self._train = Corpus(tuple(paths), data.text_field, data.per_line)
        self._valid = Corpus((Path(data.valid),), data.text_field, data.per_line) if data.valid else None
        if self._valid:
            self._valid.files()  # complain of a wrong path before hours of reading
        self.digest = hashlib.sha256()
        self.size = self._measure()
        self.cut = self.size if self._valid else int((1 - data.valid_fraction) * self.size)

    def left_out(self) -> list[Path]:
        """Binary files in the folders to learn from."""
        return self._train.left_out()

    @property
    def unit(self) -> str:
        """What `size` and `cut` count."""
        return "lines" if self.per_line else "characters"

    def _measure(self) -> int:
        """Characters (or lines) in all, digesting the text (and the one to validate on) on the way."""
        count = 0
        for piece in self._all(self._train):
            self._digest(piece)
            count += 1 if self.per_line else len(piece)
        for piece in self._all(self._valid) if self._valid else ():
            self._digest(piece)
        names = ", ".join(map(str, self._train.paths))
        if count == 0:
            raise DataError(names, "there is no text in it", "Give a file with text to learn from")
        if count < 2:
            raise DataError(
                names, f"one {self.unit.removesuffix('s')} is too little to learn from", "Give more text"
            )
        return count

    def _digest(self, piece: str) -> None:
        self.digest.update(piece.encode("utf-8", "surrogatepass"))
        if self.per_line:
            self.digest.update(b"\n")

    def train(self) -> Iterator[str]:
        """Pieces (or lines) of the training part."""
        yield from self._first(self._all(self._train), self.cut)

    def valid(self) -> Iterator[str]:
        """Pieces (or lines) of the validation part."""
        if self._valid:
            yield from self._all(self._valid)
        elif self.per_line:
            yield from (line for number, line in enumerate(self._all(self._train)) if number >= self.cut)
        else:
            yield from tail(self._all(self._train), self.cut)

    def _all(self, corpus: Corpus) -> Iterator[str]:
        return corpus.lines() if self.per_line else corpus.blocks()

    def _first(self, pieces: Iterable[str], count: int) -> Iterator[str]:
        if not self.per_line:
            yield from head(pieces, count)
            return
        for number, line in enumerate(pieces):
            if number >= count:
                return
            yield line


def prepare(
    run: RunFolder, paths: list[Path], recipe: Recipe, parent: RunFolder | None, report: Reporter
) -> None:
    """Fill a fresh run folder with what training reads; the caller writes the recipe, which makes it a run.

    Args:
        parent: the run to go on from; its tokenizer is extended, every old id stays what it was.

    Raises:
        DataError: the texts are unusable.
    """
    split = Split(paths, recipe)
    report(f"text: {split.size:,} {split.unit}")
    if binary := split.left_out():
        names = ", ".join(path.name for path in binary[:3]) + (", …" if len(binary) > 3 else "")
        report(f"left out: {len(binary)} binary files ({names})" if len(binary) > 1 else f"left out: {names}")
    tokenizer = learn_tokenizer(split, recipe, parent, report)
    run.path.mkdir(parents=True, exist_ok=True)
    data = run.stream_path("train").parent
    data.mkdir(exist_ok=True)
    sweep(data)
    for part, texts in (("train", split.train()), ("valid", split.valid())):
        pieces = texts if split.per_line else whole_words(texts)
        info = write_stream(run.stream_path(part), pieces, tokenizer, per_line=split.per_line)
        if info.tokens < 2:
            raise DataError(
                f"{part} text",
                f"{info.tokens} tokens are too few",
                "Give more text, or another share of it with --valid-fraction, or a file with --valid",
            )
        report(f"{part}: {counted(info.characters, 'character')}, {counted(info.tokens, 'token')}")
    run.write_tokenizer(tokenizer)
    run.write_json(
        "run.json",
        {"data": _described(split, paths, recipe), "parent": str(parent.path.resolve()) if parent else ""},
    )


def learn_tokenizer(split: Split, recipe: Recipe, parent: RunFolder | None, report: Reporter) -> Tokenizer:
    """Train the recipe's tokenizer on the training part alone, or extend the parent's."""
    if parent:
        old = parent.tokenizer()
        new = old.extend(split.train())
        report(
            f"vocabulary of {parent.path}: {old.vocab_size} ids kept, {new.vocab_size - old.vocab_size} added"
        )
        return new
    wanted = recipe.tokenizer
    options: dict[str, Any] = dict(wanted.options)
    if wanted.vocab_size:
        options["vocab_size"] = wanted.vocab_size
    pieces = (line + "\n" for line in split.train()) if split.per_line else split.train()
    tokenizer = loader.tokenizer_class(wanted.kind).train(pieces, **options)
    report(f"tokenizer: {wanted.kind}, {tokenizer.vocab_size} ids")
    return tokenizer


def _described(split: Split, paths: list[Path], recipe: Recipe) -> dict[str, Any]:
    return {
        "files": [path.name for path in paths],
        "sha256": split.digest.hexdigest(),
        "size": split.size,
        "unit": split.unit,
        "train": split.cut,
        "valid": recipe.data.valid and Path(recipe.data.valid).name,
    }


def data_matches(run: RunFolder, paths: list[Path], recipe: Recipe) -> bool:
    """Whether these files hold what the run was begun with."""
    told: dict[str, Any] = run.info()["data"]
    return json.dumps(told) == json.dumps(_described(Split(paths, recipe), paths, recipe))
