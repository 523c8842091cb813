"""`seqtools evaluate` for taggers: accuracy, F1 of spans as conlleval has it, and a floor."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import DataError
from seqtools.output import counting, detail, note, warn
from seqtools.run_options import run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqtools_tag.evaluation import Evaluation, Predict
    from seqtools_tag.labels import LabelSet
    from seqtools_tag.results import TagResult
    from seqtools_tag.robustness import Change
    from seqtools_tag.run import Tagger
    from seqtools_tag.sentences import Columns, Sentence

_WINDOW = 512  # sentences labelled between two words of progress
_FILE = click.Path(path_type=Path)


@click.command("evaluate")
@click.option("-m", "--model", required=True, help="Model file.")
@click.argument("files", metavar="SENTENCES...", nargs=-1, required=True, type=_FILE)
@click.option("--label-column", default="", metavar="COLUMN", help="Column of the label.  [default: found]")
@click.option("--word-column", default="", metavar="COLUMN", help="Column of the word.  [default: found]")
@click.option(
    "--train", multiple=True, type=_FILE, metavar="FILE",
    help="Training sentences, or a run folder, for the floor.  [default: the run that the model lies in]",
)  # fmt: skip
@click.option("--floor/--no-floor", default=True, show_default=True, help="Score the simple methods too.")
@click.option(
    "--hardest", type=click.IntRange(0), default=5, show_default=True, metavar="N",
    help="Show so many of the sentences with the surest mistakes.",
)  # fmt: skip
@click.option("--confusion", metavar="FILE", help="Draw the confusion matrix: a .svg or .png file.")
@click.option(
    "--robustness", is_flag=True, help="Change sentences as people do and count labels that change."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Sentences read at once."
)
@run_options
def command(
    model: str,
    files: tuple[Path, ...],
    label_column: str,
    word_column: str,
    train: tuple[Path, ...],
    floor: bool,
    hardest: int,
    confusion: str | None,
    robustness: bool,
    as_json: bool,
    batch_size: int,
    device: str,
    threads: int,
    deadline: float,
) -> None:
    """Label SENTENCES (CoNLL columns or CoNLL-U, plain or gzipped) with the model's .onnx file and compare.

    Spans count as found where both ends and the type agree, as conlleval has it. Beside the model stand each
    word's usual label and an averaged perceptron, learnt from the training sentences, which it has to beat.
    """
    from seqtools.model_file import ModelFile
    from seqtools.pictures.confusion import check_target
    from seqtools_tag.eval_table import table
    from seqtools_tag.evaluation import evaluate
    from seqtools_tag.run import open_tagger
    from seqtools_tag.sentences import Columns

    if confusion:
        check_target(confusion)
    columns = Columns(label_column, word_column)
    opened = ModelFile.open(model, expect_task="tag")
    tagger = open_tagger(opened, device=device, threads=threads, deadline=deadline)
    gold = _read(files, columns, tagger.labels)
    floors = _floors(opened.path, train, columns, tagger.labels) if floor else {}
    told, seconds = _label(tagger, gold, batch_size)
    changes = _changes(tagger, gold, told, batch_size) if robustness else None
    result = evaluate(
        gold, told, spanned=tagger.labels.spans, known=_vocabulary(tagger), floors=floors, hardest=hardest,
        changes=changes,
    )  # fmt: skip
    if confusion:
        _draw(confusion, result)
    if as_json:
        names = [str(file) for file in files]
        head = {"model": model, "files": names, "seconds": round(seconds, 3)}
        click.echo(json.dumps({**head, **result.as_json()}, ensure_ascii=False))
        return
    for line in table(result, Path(model).name, ", ".join(file.name for file in files)):
        click.echo(line)
    click.echo("")
    click.echo(result.verdict())


def _read(files: Sequence[Path], columns: Columns, labels: LabelSet) -> list[Sentence]:
    """The sentences, their labels in the scheme that the model reports; says which it cannot know."""
    from dataclasses import replace

    from seqtools_tag.schemes import converted
    from seqtools_tag.sentences import read_sentences

    found = [one for path in files for one in read_sentences(path, columns)]
    found = [replace(one, labels=tuple(converted(one.labels, labels.scheme))) for one in found]
    here = {label for one in found for label in one.labels}
    strange = sorted(here - set(labels.shown))
    if here and len(strange) == len(here):
        cause = f"the model knows none of its labels ({_some(strange)})"
        cure = f"It knows {_some(labels.shown)}; name another column with --label-column"
        raise DataError(", ".join(map(str, files)), cause, cure)
    if strange:
        names = ", ".join(file.name for file in files)
        warn(f"{names}: labels that the model does not know count as wrong: {_some(strange)}")
    return found


def _some(names: Sequence[str]) -> str:
    few = list(dict.fromkeys(names))
    return ", ".join(few[:5]) + (", …" if len(few) > 5 else "")


def _floors(model: Path, train: Sequence[Path], columns: Columns, labels: LabelSet) -> dict[str, Predict]:
    """The simple methods, learnt from training sentences where there are some."""
    from seqtools_tag.floor import fit_floor

    beside = model.parent / "data" / "train.jsonl.gz"
    if not train and not beside.is_file():
        note("Without training sentences there is no floor; name them with --train.")
        return {}
    sentences = [one for path in train or (model.parent,) for one in _training(path, columns, labels)]
    return {name: method.predict for name, method in fit_floor(sentences, labels).items()}


def _training(path: Path, columns: Columns, labels: LabelSet) -> list[Sentence]:
    """Sentences of a file, or those that a run was trained on."""
    from seqtools.texts import decode, split_lines
    from seqtools_tag.sentences import Sentence

    if not path.is_dir():
        return _read([path], columns, labels)
    stored = path / "data" / "train.jsonl.gz"
    if not stored.is_file():
        raise DataError(str(path), "it is no run folder of a tagger", "Name a file of training sentences")
    records = map(json.loads, split_lines(decode(stored)))
    return [Sentence(tuple(one["words"]), tuple(one["labels"])) for one in records]


def _label(tagger: Tagger, gold: Sequence[Sentence], batch_size: int) -> tuple[list[TagResult], float]:
    """What the model says of each sentence, and the seconds it took."""
    began = time.perf_counter()
    told: list[TagResult] = []
    with counting("labelled") as show:
        for begin in range(0, len(gold), _WINDOW):
            texts = [" ".join(one.words) for one in gold[begin : begin + _WINDOW]]
            told += tagger.tag_batch(texts, pretokenized=True, batch_size=batch_size)
            show(len(told), len(gold))
    seconds = time.perf_counter() - began
    for one, result in zip(gold, told, strict=True):
        if len(one.words) != len(result.words):
            where = f"line {one.line}" if one.line else "a sentence"
            cause = f"the model reads {len(result.words)} words where {len(one.words)} are"
            raise DataError(where, cause, "Words of more than 2,000 characters cannot be labelled; mend it")
    words = sum(len(one.words) for one in gold)
    detail(f"{words:,} words in {seconds:.1f} s")
    return told, seconds


def _changes(
    tagger: Tagger, gold: Sequence[Sentence], told: Sequence[TagResult], batch_size: int
) -> list[Change]:
    from seqtools_tag.robustness import robustness

    def label(texts: Sequence[str]) -> list[tuple[str, ...]]:
        return [one.labels for one in tagger.tag_batch(texts, pretokenized=True, batch_size=batch_size)]

    # Eight bits round a batch together, so labels are compared with those that the same batches get.
    before = None if tagger.file.profile == "int8" else [one.labels for one in told]
    return robustness(gold, before, label, spanned=tagger.labels.spans)


def _draw(target: str, result: Evaluation) -> None:
    import numpy as np

    from seqtools.pictures.confusion import write

    write(target, list(result.labels.kinds), np.array(result.matrix, np.int64), "words")


def _vocabulary(tagger: Tagger) -> Any:
    """Whether a word is in the model's vocabulary."""
    from functools import cache

    from seqtools import loader
    from seqtools_tag.lookup import WordLookup

    lookup = WordLookup(loader.tokenizer_from(tagger.file.tokenizer))

    @cache
    def known(word: str) -> bool:
        return lookup.ids_of([word])[0] != lookup.unknown

    return known
