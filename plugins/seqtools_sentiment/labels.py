"""Which classes the training data have, whether they exclude each other, whether they are ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqtools.errors import ConfigError, DataError
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.orders import known_order
from seqtools_sentiment.recipe import LabelledDataConfig

# More classes than this, each met twice at best, are texts, dates or measurements.
_MANY = 20


def learn_labels(examples: Sequence[Example], data: LabelledDataConfig) -> Labels:
    """The classes of training examples.

    Raises:
        DataError: there is one class only, or so many that the column cannot be one of labels; an example
            has several labels where it may have one only.
        ConfigError: `data.order` does not name these classes, or there is no order that an ordinal
            objective needs.
    """
    counts = Counter(label for example in examples for label in example.labels)
    _check_number(counts, len(examples))
    several = next((example for example in examples if len(example.labels) != 1 and not example.shares), None)
    objective = data.objective
    if objective == "auto" and several:
        objective = "sigmoid"
    if objective == "sigmoid":
        return Labels(_sorted(counts), objective)
    if several:
        cause = f"it has {len(several.labels) or 'no'} labels, but '{objective}' needs one"
        cure = "Set data.objective to sigmoid"
        raise DataError(several.where or f"text {several.text[:40]!r}", cause, cure)
    order = _order(counts, data)
    if objective == "ordinal" and not order:
        cause = f"the labels {', '.join(_sorted(counts))} have no order that is known"
        raise ConfigError("data.order", cause, "Name them from lowest to highest, with commas")
    if objective == "auto":
        objective = "ordinal" if len(order) > 2 else "softmax"
    elif objective == "softmax" and len(order) > 2 and not data.order and order[0].lstrip("+-").isdigit():
        order = ()  # said to be mere numbers of classes
    return Labels(order or _sorted(counts), objective, bool(order))


def told(labels: Labels, examples: Sequence[Example]) -> str:
    """One line for people: classes with their counts (shares are added), and how they are understood."""
    sums = labels.targets(examples).sum(0, dtype=float).tolist()
    counts = {name: round(total) for name, total in zip(labels.names, sums, strict=True)}
    how = {"ordinal": "ordered", "sigmoid": "any number of them a text"}.get(labels.objective, "one a text")
    between = " < " if labels.ordered else ", "
    names = between.join(f"{name} ({counts[name]:,})" for name in labels.names[:12])
    more = f"{between}…" if labels.classes > 12 else ""
    return f"labels: {labels.classes}, {how}: {names}{more}"


def _check_number(counts: Counter[str], texts: int) -> None:
    if not texts:
        raise DataError("training texts", "there are none", "Give files with texts and their labels")
    if not counts:
        raise DataError("training texts", "they have no labels", "Name the column of labels with --label")
    if len(counts) == 1:
        (name,) = counts
        cure = "Add texts of another class, or name the column of labels with --label"
        raise DataError("training texts", f"all {texts:,} have the label '{name}'", cure)
    if len(counts) > _MANY and len(counts) > texts / 2:
        some = ", ".join(repr(name[:30]) for name in list(counts)[:3])
        cause = f"there are {len(counts):,} different labels for {texts:,} texts ({some}, …)"
        raise DataError("training texts", cause, "Name the column of labels with --label")


def _sorted(names: Counter[str]) -> tuple[str, ...]:
    return known_order(names) or tuple(sorted(names))


def _order(counts: Counter[str], data: LabelledDataConfig) -> tuple[str, ...]:
    if not data.order:
        return known_order(counts)
    order = tuple(name.strip() for name in data.order.split(","))
    if sorted(order) != sorted(counts):
        cause = f"it names {', '.join(order)}, but the labels are {', '.join(_sorted(counts))}"
        raise ConfigError("data.order", cause, "Name each label once")
    return order
