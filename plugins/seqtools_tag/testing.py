"""The network beside the simple methods: on the validation sentences, and once on a test at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from seqtools.plugin import Reporter
from seqtools_tag.figures import Figures
from seqtools_tag.floor import fit_floor
from seqtools_tag.predicting import Reader, predict, score
from seqtools_tag.prepare import columns, digest, reported
from seqtools_tag.run_folder import TagRun
from seqtools_tag.sentences import Sentence, read_sentences


def run_floor(run: TagRun, report: Reporter, test: Path | None = None) -> dict[str, Any]:
    """The simple methods on the validation sentences, and on a test.

    Args:
        run: its training sentences are what they learn from.
        report: gets one line.
        test: further sentences, or None.

    Returns:
        JSON-safe: `systems` (name to figures), `test` (likewise, if there is one), `sentences`, `seconds`.
    """
    began = time.perf_counter()
    labels, valid = run.labels(), run.sentences("valid")
    methods = fit_floor(run.sentences("train"), labels)
    parts = {"systems": valid, **({"test": test_sentences(run, test)} if test else {})}
    told: dict[str, Any] = {
        part: {
            name: score(gold, [method.predict(one.words) for one in gold], labels).summary()
            for name, method in methods.items()
        }
        for part, gold in parts.items()
    }
    seconds = round(time.perf_counter() - began, 2)
    report(f"floor: {_listed(told['systems'])} ({seconds:.1f} s)")
    return {**told, "sentences": len(valid), "seconds": seconds}


def test_sentences(run: TagRun, test: Path) -> list[Sentence]:
    """The sentences of a test, labels in the scheme that is reported."""
    return reported(read_sentences(test, columns(run.recipe())), run.labels())


def network_figures(run: TagRun, gold: Sequence[Sentence]) -> Figures:
    """What the run's best weights make of sentences."""
    labels = run.labels()
    sentences = Reader.of(run).read(gold)
    _, said = predict(run.tagger(), sentences, labels, torch.device("cpu"))
    return score(gold, said, labels)


def run_test(run: TagRun, test: Path, *, floor: bool, report: Reporter) -> dict[str, Any]:
    """The best weights on a test, beside the simple methods.

    Returns:
        JSON-safe: `file`, `sha256`, `figures`, `kinds` (by type or label), `floor` (name to figures).
    """
    figures = network_figures(run, test_sentences(run, test))
    beside = run_floor(run, _nothing, test)["test"] if floor else {}
    report(compare(f"test ({test.name})", figures.summary(), beside))
    report(table(figures))
    return {
        "file": test.name,
        "sha256": digest([test]),
        "figures": figures.summary(),
        "kinds": {kind: count.payload() for kind, count in figures.kinds.items()},
        "floor": beside,
    }


def _nothing(line: str) -> None:
    """The report of what was told already."""


def compare(where: str, figures: Mapping[str, Any], floor: Mapping[str, Mapping[str, float]]) -> str:
    """One honest line: the network's figures beside the floors'."""
    by = judged(figures)
    own = f"{where}: {_spelled(figures)}"
    if not floor:
        return own
    beaten = all(figures[by] > one[by] for one in floor.values())
    verdict = "the network earns its place" if beaten else "the simple method wins: train longer, or use it"
    return f"{own}; {_listed(floor)}: {verdict}"


def judged(figures: Mapping[str, Any]) -> str:
    """The figure that counts: F1 where there are spans."""
    return "f1" if "f1" in figures else "accuracy"


def table(figures: Figures) -> str:
    """Precision, recall and F1 of each type of span, or label, in per cent."""
    rows: list[tuple[str, ...]] = [("", "precision", "recall", "F1", "gold")]
    kinds = {**figures.kinds, **({"all spans": figures.spans} if figures.spans else {})}
    for kind, count in kinds.items():
        shares = (f"{100 * value:.2f}" for value in (count.precision, count.recall, count.f1))
        rows.append((kind, *shares, f"{count.gold:,}"))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )


def _listed(systems: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(f"{name} {_spelled(figures)}" for name, figures in systems.items())


def _spelled(figures: Mapping[str, Any]) -> str:
    accuracy = f"accuracy {100 * figures['accuracy']:.2f} %"
    return f"F1 {100 * figures['f1']:.2f} ({accuracy})" if "f1" in figures else accuracy
