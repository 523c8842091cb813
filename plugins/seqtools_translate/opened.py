"""Model files made ready to run, alone or as an ensemble."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import ModelFileError, UsageError
from seqtools.model_file import ModelFile
from seqtools.runtime.session import Session
from seqtools_translate.file_model import FileModel
from seqtools_translate.settings import AVERAGES
from seqtools_translate.texts import SourceText, TargetText, tokenizers_of

if TYPE_CHECKING:
    from seqtools_translate.dictionary import Dictionary
    from seqtools_translate.lexicon import Lexicon


@dataclass(frozen=True)
class Opened:
    """One model file, ready to run."""

    file: ModelFile
    session: Session
    model: FileModel
    source: SourceText
    target: TargetText

    @classmethod
    def of(cls, file: ModelFile, *, device: str, threads: int, deadline: float | None) -> Opened:
        """Open a session over a file.

        Raises:
            ModelFileError: it lacks an input of its task, or its tokenizer.
        """
        source, target = tokenizers_of(file)
        session = Session(
            file.data, subject=str(file.path), device=device, threads=threads, deadline=deadline,
            extensions=file.form == "fused",
        )  # fmt: skip
        model = FileModel(file, session, target.vocab_size)
        return cls(file, session, model, SourceText(source), TargetText(target))


@dataclass(frozen=True)
class Team:
    """The models that translate together: one, or several over the same target tokens.

    Attributes:
        members: the models; the first one tells attention, settings and lexicon.
        weights: how much each counts, or None for evenly.
        average: what is averaged, `probabilities` or `log-probabilities`.

    Raises:
        UsageError: there is no model, or weights do not fit.
        ModelFileError: two files have different target vocabularies.
    """

    members: tuple[Opened, ...]
    weights: tuple[float, ...] | None = None
    average: str = "probabilities"

    def __post_init__(self) -> None:
        check_team(len(self.members), self.weights, self.average)
        first = self.members[0]
        for other in self.members[1:]:
            if other.target.tokenizer.payload() != first.target.tokenizer.payload():
                cause = f"its target vocabulary is another one than that of {first.file.path}"
                raise ModelFileError(str(other.file.path), cause, "Train the models with one tokenizer")

    @property
    def first(self) -> Opened:
        """The first model, and mostly the only one."""
        return self.members[0]

    @property
    def several(self) -> bool:
        """Whether more than one model translates."""
        return len(self.members) > 1

    @property
    def attends(self) -> bool:
        """Whether the first model has attention, as its card tells."""
        network = self.first.file.card.get("network")
        return not isinstance(network, dict) or network.get("attention") != "none"

    @cached_property
    def lexicon(self) -> Lexicon | None:
        """What each source token may become, where the only model's file tells."""
        told = _stored(self.first.file, "seqtools.lexicon")
        if told is None or self.several or not self.first.model.has_shortlist:
            return None
        from seqtools_translate.lexicon import Lexicon

        return Lexicon.from_payload(told)

    @cached_property
    def dictionary(self) -> Dictionary | None:
        """What lone words become, where the first model's file tells; for words that are unknown."""
        told = _stored(self.first.file, "seqtools.dictionary")
        if told is None:
            return None
        from seqtools_translate.dictionary import Dictionary

        return Dictionary.from_payload(told)

    def instead(self, word: str) -> str:
        """What to write for a source word that the model has no word for: the dictionary's, else itself."""
        return (self.dictionary.get(word) if self.dictionary else None) or word


def _stored(file: ModelFile, key: str) -> dict[str, Any] | None:
    """A JSON object of the metadata; None where there is none.

    Raises:
        ModelFileError: it is damaged.
    """
    try:
        told = json.loads(file.metadata.get(key, "null"))
    except (ValueError, RecursionError):
        told = ""
    if told is None or isinstance(told, dict):
        return told
    cause = f"its metadata '{key}' is not a JSON object"
    raise ModelFileError(str(file.path), cause, "Export it again with: seqtools export RUN -o FILE")


def check_team(models: int, weights: Sequence[float] | None, average: str) -> None:
    """Complain about an ensemble that makes no sense, before its files are opened.

    Raises:
        UsageError: there is no model, or weights do not fit.
    """
    if not models:
        raise UsageError("ensemble", "it has no model", "Give at least one")
    if weights is not None and len(weights) != models:
        cause = f"{len(weights)} weights for {models} models"
        raise UsageError("weights", cause, "Give one for each model")
    if weights is not None and not all(0 < weight < np.inf for weight in weights):
        raise UsageError("weights", "one is no number above 0", "Use numbers like 1 or 0.5")
    if average not in AVERAGES:
        raise UsageError("ensemble-by", f"{average!r} is unknown", f"Use {' or '.join(AVERAGES)}")
