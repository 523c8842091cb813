"""Whether series are of the kind that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast import pieces
from seqtools_forecast.about import About
from seqtools_forecast.store import SeriesStore


def match(about: About, store: SeriesStore, *, dated: bool) -> None:
    """Refuse series of another kind than the model's.

    Args:
        about: the model.
        store: the series.
        dated: whether the model looks at the calendar.

    Raises:
        DataError: other columns, or another frequency than the model's. Time that is only counted fits any
            model that does not look at the calendar.
    """
    if len(store.targets) != about.shape.targets:
        targets = counted(len(store.targets), "target")
        cause = f"they have {targets}, and the model tells {about.shape.targets}"
        raise DataError("series", cause, f"Name them: --target {','.join(about.targets)}")
    _same("past covariates", about.past, store.past)
    _same("covariates known ahead", about.future, store.future)
    _same("static numbers", about.numbers, store.numbers)
    _same("static categories", tuple(about.categories), store.categories)
    ours, theirs = about.frequency, store.frequency
    if not (ours.is_integer or theirs.is_integer) and (ours.unit, ours.step) != (theirs.unit, theirs.step):
        cause = f"their step is {theirs.name}, and the model was trained on steps of {ours.name}"
        raise DataError("series", cause, f"Use a model of steps of {theirs.name} (-m MODEL), or train one")
    if dated and theirs.is_integer and not ours.is_integer:
        cause = f"they have no stamps, and the model looks at the calendar ({ours.name})"
        raise DataError("series", cause, "Give them a column of time stamps")


def _same(what: str, ours: Sequence[str], theirs: Sequence[str]) -> None:
    if len(ours) != len(theirs):  # names may differ: an option, or another format, maps them
        cause = f"the model has {_named(what, ours)}, and these series have {_named(what, theirs)}"
        raise DataError("series", cause, "Give as many columns as in training, in its order")


def _named(what: str, names: Sequence[str]) -> str:
    return f"the {what} {', '.join(names)}" if names else f"no {what}"


def remarks(card: Mapping[str, Any], store: SeriesStore) -> list[str]:
    """What a person should know of values that the model can take, but cannot read as they are meant."""
    network = card.get("network", {})
    if network.get("transform") == "log" and (count := pieces.total(store.values, lambda some: some == 0)):
        return [f"{_values(count)} 0; the model sees logarithms and takes that for tiny values"]
    if network.get("head") == "negbin" and (count := pieces.total(store.values, lambda some: some < 0)):
        return [f"{_values(count)} below 0, and the model was trained on counts"]
    return []


def _values(count: int) -> str:
    return f"{counted(count, 'value')} {'is' if count == 1 else 'are'}"
