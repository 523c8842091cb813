"""`seqtools evaluate` for classifiers: figures, confusions, mistakes, robustness, and the linear models."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import DataError, UsageError
from seqtools.output import counting, detail, note, warn
from seqtools.run_options import evaluate_options

if TYPE_CHECKING:
    from seqtools.model_file import ModelFile
    from seqtools_sentiment.examples import Example, Labels
    from seqtools_sentiment.figures import Figures
    from seqtools_sentiment.recipe import LabelledDataConfig
    from seqtools_sentiment.results import Classification
    from seqtools_sentiment.robustness import Change
    from seqtools_sentiment.run import Classifier

_WINDOW = 1024  # texts between two words of progress


@click.command("evaluate")
@click.option("-m", "--model", required=True, help="Model file.")
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option("--text", default="", metavar="NAME", help="Column or field of the text.  [default: found]")
@click.option("--label", default="", metavar="NAME", help="Column or field of the label.  [default: found]")
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the files.")
@click.option(
    "--train",
    multiple=True,
    metavar="FILE",
    help="Fit the linear models on these texts and score them, too (repeatable).",
)
@click.option(
    "--errors", type=click.IntRange(0), default=5, show_default=True, help="Hardest errors to show."
)
@click.option("--confusion", metavar="FILE", help="Draw the confusion matrix: a .svg or .png file.")
@click.option("--robustness", is_flag=True, help="Change texts as people do and count labels that change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Texts classified at once."
)
@evaluate_options
def command(
    model: str,
    files: tuple[str, ...],
    text: str,
    label: str,
    encoding: str,
    train: tuple[str, ...],
    errors: int,
    confusion: str | None,
    robustness: bool,
    as_json: bool,
    batch_size: int,
    device: str,
    threads: int,
) -> None:
    """Classify the labelled texts of each FILE with the model's .onnx file and compare.

    Files are of every form that training takes: CSV or TSV, JSON Lines, __label__ lines, NAME=FILE for texts
    of one class; all may be gzipped. --train names the training texts: NB-SVM and TF-IDF with logistic
    regression are fitted on them, and the last line says whether the model beats them.
    """
    from seqtools.model_file import ModelFile
    from seqtools.pictures.confusion import write
    from seqtools_sentiment.eval_table import table
    from seqtools_sentiment.evaluation import evaluate
    from seqtools_sentiment.recipe import LabelledDataConfig
    from seqtools_sentiment.run import open_classifier

    opened = ModelFile.open(model, expect_task="sentiment")
    classifier = open_classifier(opened, device=device, threads=threads)
    labels = classifier.labels
    if confusion:
        _check_confusion(confusion, labels)
    data = LabelledDataConfig(text=text, label=label, encoding=encoding)
    examples = _read(files, data)
    labels.check(examples, ", ".join(files))
    rivals = _rivals(train, data, examples, classifier)
    began = time.perf_counter()
    results = _classify(classifier, [example.text for example in examples], batch_size)
    seconds = time.perf_counter() - began
    detail(f"{len(results):,} texts in {seconds:.1f} s")
    changes = _changes(classifier, results, batch_size) if robustness else None
    result = evaluate(examples, results, labels, errors=errors, rivals=rivals, changes=changes)
    if confusion and result.figures.confusion is not None:
        write(confusion, labels.names, result.figures.confusion)
    if as_json:
        told = {"model": model, "files": list(files), "seconds": round(seconds, 3), **result.as_json()}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for line in table(result, Path(model).name, ", ".join(files), "" if rivals else _validated(opened)):
        click.echo(line)


def _check_confusion(target: str, labels: Labels) -> None:
    from seqtools.pictures.confusion import check_target

    check_target(target)
    if labels.objective == "sigmoid":
        cause = "the labels of this model do not exclude each other, so that none is taken for another"
        raise UsageError("confusion", cause, "Drop it; the table tells each label's figures")


def _read(files: Sequence[str], data: LabelledDataConfig) -> list[Example]:
    from seqtools_sentiment.reading import read_examples

    if not files:
        raise UsageError("FILE", "there is no text to score", "Name a file with labelled texts")
    examples = read_examples(files, data, note)
    if not examples:
        raise DataError(", ".join(files), "there is no text in it", "Give labelled texts")
    return examples


def _rivals(
    train: Sequence[str], data: LabelledDataConfig, examples: Sequence[Example], model: Classifier
) -> Mapping[str, Figures]:
    """Linear models fitted on the training texts; none if none are named."""
    if not train:
        return {}
    from seqtools_sentiment.reading import read_examples
    from seqtools_sentiment.rivals import fitted_rivals
    from seqtools_sentiment.splits import without

    taught = [one for one in read_examples(train, data) if one.text.strip()]
    twice = len(examples) - len(without(examples, taught))
    if twice:
        warn(f"{twice:,} of the texts to score stand in the training texts, too: all figures flatter.")
    return fitted_rivals(taught, examples, model.labels)


def _classify(model: Classifier, texts: Sequence[str], batch_size: int) -> list[Classification]:
    results: list[Classification] = []
    with counting("classified") as show:
        for begin in range(0, len(texts), _WINDOW):
            results += model.classify_batch(texts[begin : begin + _WINDOW], batch_size=batch_size)
            show(len(results), len(texts))
    return results


def _changes(model: Classifier, results: Sequence[Classification], batch_size: int) -> list[Change]:
    from seqtools_sentiment.robustness import robustness

    def label(texts: Sequence[str]) -> list[tuple[str, ...]]:
        return [one.labels for one in model.classify_batch(texts, batch_size=batch_size)]

    return robustness([one.text for one in results], [one.labels for one in results], label)


def _validated(model: ModelFile) -> str:
    """What the card tells of the linear models, on the validation texts of the training."""
    metrics: Any = model.card.get("metrics")
    try:
        own, systems = metrics["validation"]["accuracy"], metrics["floor"]["systems"]
        told = [f"{name} {100 * float(figures['accuracy']):.2f}" for name, figures in systems.items()]
        return f"On validation, by the card: network {100 * float(own):.2f}, {', '.join(told)}."
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
