"""From files of labelled sentences to a run folder that is ready to train."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqtools.errors import DataError
from seqtools.plugin import Reporter
from seqtools.training.files import sweep
from seqtools.wording import counted
from seqtools_tag.cutting import Cutter
from seqtools_tag.labels import LabelSet
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.run_folder import TagRun
from seqtools_tag.schemes import converted, is_broken
from seqtools_tag.sentences import Columns, Sentence, read_sentences
from seqtools_tag.spelling import Spelling
from seqtools_tag.vocabulary import learn_vocabulary

_HASHED = 1 << 32


@dataclass(frozen=True)
class Split:
    """What was read.

    Attributes:
        train, valid: sentences, labels as they stand in the files.
        told: which files, with their hashes.
    """

    train: list[Sentence]
    valid: list[Sentence]
    told: dict[str, Any]


def columns(recipe: TagRecipe) -> Columns:
    """The columns that the recipe reads."""
    return Columns(recipe.data.column, recipe.data.word_column)


def prepare(run: TagRun, files: Sequence[Path], recipe: TagRecipe, report: Reporter) -> None:
    """Fill a fresh run folder with what training reads; the caller writes the recipe, which makes it a run.

    Raises:
        DataError: the files are unusable, or too few sentences are left.
        UsageError: a column or an option is named that is not there.
    """
    split = read_split(files, recipe)
    labels = LabelSet.learn([one.labels for one in split.train], recipe.data.scheme)
    mended = _mended(split.train, labels)
    kind = counted(len(labels), "label")
    if labels.spans:
        kind = counted(len(labels.types), "type of spans", "types of spans")
    words = counted(sum(len(one.words) for one in split.train), "word")
    train = counted(len(split.train), "sentence")
    report(f"train: {train}, {words}, {kind}; valid: {len(split.valid):,}")
    if mended:
        report(f"labels: mended in {counted(mended, 'sentence')} (spans that no label begins)")
    _tell_unseen(split.valid, labels, report)
    _tell_repeated(split, report)
    vocabulary = learn_vocabulary((one.words for one in split.train), recipe)
    report(f"words: {vocabulary.tokenizer.vocab_size:,} known, {vocabulary.fixed:,} of them by vectors alone")
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / "data").mkdir(exist_ok=True)
    sweep(run.path / "data")
    for part, sentences in (("train", split.train), ("valid", split.valid)):
        run.write_sentences(part, reported(sentences, labels))
    run.write_tokenizer(vocabulary.tokenizer)
    run.write_payload("rare.json", {"ids": vocabulary.rare})
    run.write_payload("labels.json", labels.payload())
    run.write_payload("cutting.json", Cutter.learn([one.words for one in split.train]).payload())
    run.write_payload(
        "spelling.json", Spelling.learn(word for one in split.train for word in one.words).payload()
    )
    counts = {"train": len(split.train), "valid": len(split.valid), "words": words}
    run.write_json("run.json", {"data": {**split.told, **counts}, "fixed": vocabulary.fixed, "parent": ""})


def read_split(files: Sequence[Path], recipe: TagRecipe) -> Split:
    """Training and validation sentences."""
    data = recipe.data
    if data.valid and not Path(data.valid).is_file():  # before long reading
        raise DataError(data.valid, "there is no such file to validate on", "Check the path")
    sentences = [one for path in files for one in read_sentences(path, columns(recipe))]
    told: dict[str, Any] = {"files": [path.name for path in files], "sha256": digest(files)}
    if data.valid:
        train, valid = sentences, read_sentences(Path(data.valid), columns(recipe))
        told["valid_sha256"] = digest([Path(data.valid)])
    else:
        train, valid = split_by_hash(sentences, data.valid_fraction)
    for name, part in (("training", train), ("validation", valid)):
        if not part:
            cure = "Give more sentences, or a file to validate on with --valid"
            raise DataError(f"{name} sentences", "there are none", cure)
    return Split(train, valid, told)


def split_by_hash(sentences: Iterable[Sentence], fraction: float) -> tuple[list[Sentence], list[Sentence]]:
    """Training and validation sentences; equal words always go to the same side, whatever the order."""
    train: list[Sentence] = []
    valid: list[Sentence] = []
    for one in sentences:
        mixed = hashlib.sha256("\t".join(one.words).encode("utf-8", "surrogatepass")).digest()
        (valid if int.from_bytes(mixed[:4], "big") < fraction * _HASHED else train).append(one)
    return train, valid


def reported(sentences: Iterable[Sentence], labels: LabelSet) -> list[Sentence]:
    """The sentences with whole spans, in the scheme that is reported."""
    return [replace(one, labels=tuple(converted(one.labels, labels.scheme))) for one in sentences]


def data_matches(run: TagRun, files: Sequence[Path], recipe: TagRecipe) -> bool:
    """Whether these files hold what the run was begun with."""
    told = read_split(files, recipe).told
    before = run.info()["data"]
    return json.dumps(told) == json.dumps({key: before.get(key) for key in told})


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the bytes of some files, one after the other."""
    mixed = hashlib.sha256()
    for path in files:
        mixed.update(path.read_bytes())
    return mixed.hexdigest()


def _mended(sentences: Iterable[Sentence], labels: LabelSet) -> int:
    """Sentences whose labels are broken by every scheme that the data may be written in."""
    if not labels.spans:
        return 0
    schemes = ("iob1", "bio", "bioes")
    return sum(all(is_broken(one.labels, scheme) for scheme in schemes) for one in sentences)


def _tell_unseen(sentences: Iterable[Sentence], labels: LabelSet, report: Reporter) -> None:
    """Say which labels the network cannot choose, since training has none of them."""
    unseen: dict[str, None] = {}
    for one in sentences:
        numbers = labels.ids(one.labels)
        unseen.update(
            dict.fromkeys(label for label, number in zip(one.labels, numbers, strict=True) if number < 0)
        )
    if unseen:
        names = ", ".join(list(unseen)[:5]) + (", …" if len(unseen) > 5 else "")
        report(
            f"labels: {names} of the validation sentences are in no training sentence: they count as wrong"
        )


def _tell_repeated(split: Split, report: Reporter) -> None:
    """Say how many sentences of a file to validate on were trained on."""
    trained = {one.words for one in split.train}
    repeated = sum(one.words in trained for one in split.valid)
    if repeated:
        report(f"valid: {repeated:,} of its sentences stand in the training sentences, too")
