"""`seqtools export` for taggers: build, verify against torch, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from seqtools.batching import batches
from seqtools.errors import ExportError, UsageError
from seqtools.export.file import check, describe, meanings, save, set_card
from seqtools.export.linear import check_profile
from seqtools.export.report import ExportReport
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter
from seqtools_tag.calibration import tempered
from seqtools_tag.card import make_card
from seqtools_tag.figures import Figures, measure
from seqtools_tag.graph import build
from seqtools_tag.parts import Parts
from seqtools_tag.run_folder import TagRun
from seqtools_tag.runner import Runner
from seqtools_tag.sentences import Sentence
from seqtools_tag.verify import parity_vector, verify

MOST_LOST = 0.3
"""Most points of accuracy, or of F1 where there are spans, that an int8 file may lose on validation."""

_MEASURED_WORDS = 40_000
_ENOUGH_WORDS = 10_000
_VERIFIED = 24
_BATCH = 32

IO: dict[str, dict[str, str]] = {
    "inputs": {
        "text": "sentences, one a row",
        "pretokenized": "true: words stand between blanks; false: texts are cut into words and punctuation",
    },
    "outputs": {
        "words": "the words of each row, then empty strings",
        "labels": "the label of each word, then empty strings",
        "label_ids": "the same as places in `classes`, then -1",
        "probabilities": "how probable each of these labels is, whatever the others are, calibrated; then 0",
        "class_probabilities": "the same for each label in the order of `classes`",
        "word_counts": "how many words each row has",
        "spans": "what labels mark, row by row: row, first word, one past the last word, place of the type "
        "among the types in order",
        "span_labels": "the type of each of these",
        "classes": "names of the labels",
        "card": "where the model comes from, JSON",
    },
}


def export_run(
    run: Path, output: Path, *, profile: str = "portable", form: str = "auto", report: Reporter
) -> ExportReport:
    """Write a run's best network as one file.

    Args:
        run: the run folder.
        output: the file to write; replaced in one go.
        profile: "portable" (fp32) or "int8".
        form: "text" or "auto", which is the same: a tagger's file takes strings.

    Raises:
        UsageError: an unknown profile or form.
        ExportError: the file disagrees with torch, int8 costs too much, or the disk is full.
        DataError: the run folder is not usable.
    """
    check_profile(profile)
    if form not in ("auto", "text"):
        raise UsageError("--form", f"{form!r} is not a form of taggers", "Choose auto or text")
    return write(_parts(Path(run), profile), Path(output), report=report)


def _parts(path: Path, profile: str) -> Parts:
    folder = TagRun.open(path)
    calibration = folder.calibration()
    network = tempered(folder.tagger(), calibration.get("temperature", 1.0))
    tokenizer, labels, cutter = folder.tokenizer(), folder.labels(), folder.cutter()
    card = make_card(
        folder.recipe(),
        folder.info(),
        folder.floor(),
        labels=labels,
        cutter=cutter,
        parameters=count_parameters(network),
        vocabulary=tokenizer.vocab_size,
        profile=profile,
        calibration=calibration,
    )
    return Parts(network, tokenizer, folder.spelling(), labels, cutter, card, folder.sentences("valid"))


def write(parts: Parts, output: Path, *, report: Reporter) -> ExportReport:
    """Build, verify and write a file; the profile is the card's.

    Raises:
        ExportError: the file disagrees with torch, int8 costs too much, or the disk is full.
    """
    card = dict(parts.card)
    profile = str(card["profile"])
    model = _built(parts, profile, card)
    runner = Runner(model.SerializeToString())
    real = [one.words for one in parts.valid[:_VERIFIED]]
    parity = verify(runner, parts, profile=profile, sentences=real)
    parity.require(str(output))
    report(parity.told(profile, "labels"))
    card["verification"] = parity.as_json()
    if profile == "int8":
        card["int8"] = _int8_loss(parts, runner, card, report)
    size = _finish(parts, model, card, output)
    report(f"wrote {output} ({size / 1e6:.2f} MB, {profile}, text in, labels out)")
    return ExportReport(output, size, profile, "text", parity)


def _built(parts: Parts, profile: str, card: dict[str, Any]) -> onnx.ModelProto:
    model = build(parts, profile=profile, card=card)
    check(model)
    return model


def _int8_loss(parts: Parts, runner: Runner, card: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """What eight bits cost on validation sentences; refuse too much.

    On few words figures jump by more than is lost, so fewer than 10,000 are allowed more, as their spread
    grows, and one word always.
    """
    name = "F1" if parts.labels.spans else "accuracy"
    sentences = _measured(parts)
    exact = Runner(_built(parts, "portable", card).SerializeToString())
    figures = [_figures(one, sentences, spanned=parts.labels.spans) for one in (exact, runner)]
    before, after = (100 * (one.f1 if parts.labels.spans else one.accuracy) for one in figures)
    words = max(figures[0].words, 1)
    allowed = max(MOST_LOST * max(1.0, _ENOUGH_WORDS / words) ** 0.5, 100 / words)
    report(f"int8: validation {name} {after:.2f}, fp32 {before:.2f} ({after - before:+.2f}, {words:,} words)")
    if before - after > allowed + 1e-9:
        cause = f"eight bits cost {before - after:.2f} points of {name}, more than {allowed:.2f}"
        raise ExportError("--profile int8", cause, "Use --profile portable")
    key = name.lower()
    return {key: after, f"{key}_fp32": before, "loss": before - after, "words": words}


def _measured(parts: Parts) -> list[Sentence]:
    """As many validation sentences as are quick to read."""
    sentences: list[Sentence] = []
    words = 0
    for sentence in parts.valid:
        words += len(sentence.words)
        if sentences and words > _MEASURED_WORDS:
            break
        sentences.append(sentence)
    return sentences


def _figures(runner: Runner, sentences: Sequence[Sentence], *, spanned: bool) -> Figures:
    said: list[list[str]] = [[] for _ in sentences]
    for rows in batches([len(one.words) for one in sentences], _BATCH):
        texts = [" ".join(sentences[row].words) for row in rows]
        for row, told in zip(rows, runner.rows(texts, pretokenized=True), strict=True):
            said[row] = told.labels
    return measure([one.labels for one in sentences], said, spanned=spanned)


def _finish(parts: Parts, model: onnx.ModelProto, card: dict[str, Any], output: Path) -> int:
    """Card, parity vector and metadata into the model, the model into the file."""
    set_card(model, card)
    runner = Runner(model.SerializeToString())
    real = [one.words for one in parts.valid[:_BATCH]]
    describe(
        model,
        {
            "task": "tag",
            "profile": card["profile"],
            "form": "text",
            "io": meanings(model, IO),
            "tokenizer": {"kind": parts.tokenizer.kind, "payload": parts.tokenizer.payload()},
            "card": card,
            "parity": parity_vector(runner, profile=card["profile"], sentences=real),
            "labels": parts.labels.payload(),
            "cutting": parts.cutter.payload(),
            "spelling": parts.spelling.payload(),
        },
    )
    return save(model, output)
