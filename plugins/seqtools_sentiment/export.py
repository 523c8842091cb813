"""`seqtools export` for classifiers: build, verify against torch, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from seqtools.errors import ExportError
from seqtools.export.faces import chosen_form
from seqtools.export.file import check, describe, meanings, save, set_card
from seqtools.export.linear import check_profile
from seqtools.export.report import ExportReport
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter
from seqtools_sentiment.calibration import Calibration
from seqtools_sentiment.card import make_card
from seqtools_sentiment.examples import Example
from seqtools_sentiment.figures import measure
from seqtools_sentiment.graph import build, build_reading
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.opening import characters
from seqtools_sentiment.parts import Parts
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.runner import Runner
from seqtools_sentiment.verify import host_ids, parity_vector, read, verify

MOST_LOST = 0.3
"""Most points of accuracy that an int8 file may lose, measured on validation texts."""

_MEASURED_TOKENS = 200_000
_ENOUGH_TEXTS = 2000
_VERIFIED = 24
_BATCH = 32

IO: dict[str, dict[str, str]] = {
    "inputs": {
        "text": "texts",
        "tokens": "texts as ids, padded with any valid id",
        "lengths": "how many of each row count",
    },
    "outputs": {
        "label": "the most probable class",
        "probabilities": "of the classes, in the order of `classes`; calibrated",
        "chosen": "which labels have a probability of a half or more",
        "score": "where the text stands between the lowest class, -1, and the highest, 1",
        "logits": "what the probabilities are made of",
        "token_counts": "tokens that were read; where there are none the answer is the shares in training",
        "classes": "names of the classes",
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
        form: "text" (strings in), "ids", "fused" (strings by the SentencePiece operators of
            onnxruntime-extensions), or "auto": text where the tokenizer has a face in the graph.

    Raises:
        UsageError: an unknown profile or form, or a tokenizer that has no face in the graph.
        ExportError: the file disagrees with torch, int8 costs too much, a linear model has no text to read,
            or the disk is full.
        DataError: the run folder is not usable.
    """
    check_profile(profile)
    return write(_parts(Path(run), profile, form), Path(output), report=report)


def _parts(path: Path, profile: str, form: str) -> Parts:
    folder = SentimentRun.open(path)
    network, tokenizer, labels = folder.classifier(), folder.tokenizer(), folder.labels()
    recipe, fitted = folder.recipe(), folder.calibration()
    card = make_card(
        recipe,
        folder.info(),
        folder.floor(),
        labels=labels,
        calibration=fitted,
        parameters=count_parameters(network),
        tokenizer=(tokenizer.kind, tokenizer.vocab_size),
        profile=profile,
        form=chosen_form(form, tokenizer),
    )
    calibration = Calibration.from_payload(fitted)
    return Parts(
        network,
        tokenizer,
        labels,
        labels.shares(folder.examples("train")),
        card,
        folder.examples("valid"),
        calibration,
        LinearModel.from_payload(folder.linear()) if calibration.linear_weight else None,
        recipe.data.max_length,
    )


def write(parts: Parts, output: Path, *, report: Reporter) -> ExportReport:
    """Build, verify and write a file; profile and form are the card's.

    Raises:
        ExportError: the file disagrees with torch, int8 costs too much, a linear model has no text to read,
            or the disk is full.
    """
    card = dict(parts.card)
    profile, form = str(card["profile"]), str(card["form"])
    if form == "ids" and parts.linear is not None:
        cause = "the linear model beside the network reads texts, and the file would take ids"
        raise ExportError("--form ids", cause, "Use --form fused, or train without --blend")
    model = _built(parts, profile, card)
    runner, reading = _opened(model, form), None
    if form != "ids":
        reading = _opened(build_reading(parts, form=form), form)
    texts = [example.text for example in parts.valid[:_VERIFIED]]
    parity = verify(runner, parts, reading=reading, texts=texts)
    parity.require(str(output))
    report(parity.told(profile, "labels"))
    card["verification"] = parity.as_json()
    card["verification"]["read_otherwise"] = _read_otherwise(parts, reading, texts, report)
    if profile == "int8":
        card["int8"] = _int8_loss(parts, runner, card, report)
    size = _finish(parts, model, runner, card, output)
    report(f"wrote {output} ({size / 1e6:.2f} MB, {profile}, {'ids' if form == 'ids' else 'text'} in)")
    return ExportReport(output, size, profile, form, parity)


def _built(parts: Parts, profile: str, card: dict[str, Any]) -> onnx.ModelProto:
    model = build(parts, profile=profile, form=card["form"], card=card)
    check(model)
    return model


def _opened(model: onnx.ModelProto, form: str) -> Runner:
    return Runner(model.SerializeToString(), fused=form == "fused")


def _read_otherwise(parts: Parts, reading: Runner | None, texts: Sequence[str], report: Reporter) -> int:
    """How many texts the file cuts otherwise than the tokenizer that trained: characters it never met."""
    there = zip(read(parts, reading, texts), texts, strict=True)
    count = sum(ids != host_ids(parts, text) for ids, text in there)
    if count:
        report(f"{count} of {len(texts)} texts hold characters that the file reads otherwise than training")
    return count


def _int8_loss(parts: Parts, runner: Runner, card: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """What eight bits cost on validation texts; refuse too much.

    On few texts accuracy jumps by more than is lost, so fewer than 2,000 are allowed more, as its spread
    grows, and one text always.
    """
    examples = _measured(parts)
    exact = _opened(_built(parts, "portable", card), card["form"])
    before, after = (_accuracy(one, parts, examples) for one in (exact, runner))
    count = max(len(examples), 1)
    allowed = max(MOST_LOST * max(1.0, _ENOUGH_TEXTS / count) ** 0.5, 100 / count)
    lost = before - after
    beside = f"fp32 {before:.2f} ({after - before:+.2f}, {len(examples):,} texts)"
    report(f"int8: validation accuracy {after:.2f}, {beside}")
    if lost > allowed + 1e-9:
        cause = f"eight bits cost {lost:.2f} points of accuracy, more than {allowed:.2f}"
        raise ExportError("--profile int8", cause, "Use --profile portable")
    return {"accuracy": after, "accuracy_fp32": before, "loss": lost, "texts": len(examples)}


def _measured(parts: Parts) -> list[Example]:
    """As many validation texts as are quick to read, short ones beside each other."""
    examples: list[tuple[int, Example]] = []
    tokens = 0
    for example in parts.valid:
        length = len(host_ids(parts, example.text))
        tokens += length
        if examples and tokens > _MEASURED_TOKENS:
            break
        examples.append((length, example))
    return [example for _, example in sorted(examples, key=lambda pair: pair[0])]


def _accuracy(runner: Runner, parts: Parts, examples: Sequence[Example]) -> float:
    """Accuracy in points."""
    if not examples:
        return 0.0
    shares = []
    for start in range(0, len(examples), _BATCH):
        texts: Sequence[Any] = [example.text for example in examples[start : start + _BATCH]]
        if parts.card["form"] == "ids":
            texts = [host_ids(parts, text) for text in texts]
        shares += list(runner(["probabilities"], texts)[0])
    return 100 * float(measure(np.array(shares), parts.labels.targets(examples), parts.labels).accuracy)


def _finish(parts: Parts, model: onnx.ModelProto, runner: Runner, card: dict[str, Any], output: Path) -> int:
    """Card, parity vector and metadata into the model, the model into the file."""
    set_card(model, card)
    vector = parity_vector(runner, parts, texts=[example.text for example in parts.valid[:_BATCH]])
    describe(
        model,
        {
            "task": "sentiment",
            "profile": card["profile"],
            "form": card["form"],
            "io": meanings(model, IO),
            "tokenizer": {"kind": parts.tokenizer.kind, "payload": parts.tokenizer.payload()},
            "card": card,
            "parity": vector,
            "labels": parts.labels.payload(),
            "reading": {"max_length": parts.max_length, "characters": characters(parts.max_length)},
        },
    )
    return save(model, output)
