"""One recipe several times: over seeds, over folds, each scored once on texts that nothing was fitted to.

Every training is a run folder of its own; one that has its scores is not trained again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqtools.errors import UsageError
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree
from seqtools.training.files import write_text
from seqtools.wording import counted
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.labels import learn_labels
from seqtools_sentiment.opening import opening, plain
from seqtools_sentiment.prepare import digest, fill, read_split
from seqtools_sentiment.reading import read_examples
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.splits import folds as dealt
from seqtools_sentiment.splits import repeats, split, without
from seqtools_sentiment.study_scores import Rivals, score, summary, table
from seqtools_sentiment.train_run import train_filled


@dataclass(frozen=True)
class Part:
    """Texts of one training.

    Attributes:
        name: of the run folder, without the seed's number.
        train, valid, test: to fit, to choose by, to score once.
        labels: the classes.
        about: what the texts are, JSON-safe.
    """

    name: str
    train: Sequence[Example]
    valid: Sequence[Example]
    test: Sequence[Example]
    labels: Labels
    about: dict[str, Any]


def study(
    files: Sequence[str], test: Sequence[str], output: Path, recipe: SentimentRecipe, *, seeds: int = 1,
    folds: int = 0, parent: Path | None = None, export: bool = True, report: Reporter,
) -> dict[str, Any]:  # fmt: skip
    """Train `seeds` times, on each fold, and score network, blend and linear models on the test texts.

    Args:
        files: the labelled texts.
        test: files of test texts; none with folds, each of which is tested on in its turn. With neither, the
            scores are those on validation texts, and say so.
        output: gets the run folders and study.json.
        recipe: its seed is the first of the seeds, and decides how texts are split.
        folds: 0 for none.
        parent: the run of a language model to start from.
        export: write each run's model file, unless there are folds.

    Returns:
        What study.json holds.

    Raises:
        UsageError: nothing sensible is asked for.
        ConfigError: a run folder holds another recipe or other texts.
    """
    if (output / "recipe.toml").is_file():
        cause = "it is a run folder, and this takes a folder for several runs"
        raise UsageError(str(output), cause, "Choose another -o")
    parts = _folded(files, recipe, folds, report) if folds else [_tested(files, test, recipe, report)]
    results = []
    for part in parts:
        rivals = Rivals(report)
        for seed in range(recipe.training.seed, recipe.training.seed + seeds):
            name = f"{part.name}-seed-{seed}" if folds and seeds > 1 else part.name or f"seed-{seed}"
            run = SentimentRun(output / name)
            own = replace(recipe, training=replace(recipe.training, seed=seed))
            found = _finished(run, own, part, parent)
            if found is None:
                report(f"--- {name}")
                found = _trained(run, own, part, parent, rivals, export and not folds, report)
            results.append({"run": name, **found})
    told = {"on": _on(parts, test, folds), "seeds": seeds, "folds": folds, **summary(results)}
    report(table(told))
    write_text(output / "study.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return told


def _trained(
    run: SentimentRun, recipe: SentimentRecipe, part: Part, parent: Path | None, rivals: Rivals,
    export: bool, report: Reporter,
) -> dict[str, Any]:  # fmt: skip
    """Train one run to its end and score it."""

    def begin(fresh: SentimentRun) -> None:
        fill(fresh, part.train, part.valid, part.labels, recipe, report, part.about)
        rivals.keep(fresh, recipe)

    train_filled(run, recipe, begin, parent=parent, floor=True, export=export, report=report)
    test = [replace(one, text=opening(plain(one.text), recipe.data.max_length)) for one in part.test]
    found = {"about": part.about, "systems": score(run, rivals, test), "texts": len(test)}
    run.write_scores(found)
    return found


def _finished(
    run: SentimentRun, recipe: SentimentRecipe, part: Part, parent: Path | None
) -> dict[str, Any] | None:
    """The scores of a run that has them; a run with another recipe or other texts is refused."""
    if not run.exists:
        return None
    before = run.info()["data"]
    same = {name: before.get(name) for name in part.about} == part.about
    agree(run, recipe, parent, lambda: same)
    return run.scores() or None


def _tested(files: Sequence[str], test: Sequence[str], recipe: SentimentRecipe, report: Reporter) -> Part:
    """Training, validation and test texts; a test text is in no other part."""
    train, valid, about = read_split(files, recipe, report)
    labels = learn_labels(train, recipe.data)
    if not test:
        return Part("", train, valid, valid, labels, about)
    tested = _speaking(read_examples(test, recipe.data, report))
    labels.check(tested, "test texts")
    kept = without(train, tested), without(valid, tested)
    twice = len(train) + len(valid) - sum(map(len, kept))
    if twice:
        report(f"left out of training and validation: {counted(twice, 'text')} that the test holds, too")
    return Part("", *kept, tested, labels, {**about, "test_sha256": digest(tested)})


def _folded(files: Sequence[str], recipe: SentimentRecipe, folds: int, report: Reporter) -> list[Part]:
    """Each fold in its turn as test, a share of each class of the others for validation."""
    data, seed = recipe.data, recipe.training.seed
    if data.valid:
        raise UsageError("--folds", "each holds out its own validation texts", "Leave --valid out")
    examples = _speaking(read_examples(files, data, report))
    if again := repeats(examples):
        report(again)
    labels, found = learn_labels(examples, data), []
    for number, (rest, test) in enumerate(dealt(examples, folds, seed), 1):
        train, valid = split(rest, data.valid_fraction, seed)
        about = {"sha256": digest(examples), "fold": f"{number} of {folds}", "drawn": seed}
        found.append(Part(f"fold-{number:02d}", train, valid, test, labels, about))
    return found


def _speaking(examples: Sequence[Example]) -> list[Example]:
    return [example for example in examples if example.text.strip()]


def _on(parts: Sequence[Part], test: Sequence[str], folds: int) -> str:
    """What was scored, for people."""
    count = sum(len(part.test) for part in parts)
    if folds:
        return f"{folds} folds of {counted(count, 'text')}"
    return counted(count, "test text" if test else "validation text")
