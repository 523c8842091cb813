"""Open a `tag` file and label words with it. numpy and onnxruntime only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np

from seqtools.batching import batches
from seqtools.errors import DataError, ModelFileError, UsageError
from seqtools.explaining.explanation import Explanation
from seqtools.model_file import ModelFile
from seqtools.runtime.session import Session
from seqtools_tag.explanation import explain, fading
from seqtools_tag.labels import LabelSet
from seqtools_tag.reading import Part, clean, parts, places
from seqtools_tag.results import TagResult, spans_of

BATCH_SIZE = 32
_CHARACTERS_AT_ONCE = 16_384
_OUTPUTS = ("word_counts", "words", "labels", "probabilities")
_ALL = "class_probabilities"
_REMAKE = "Export it again with: seqtools export RUN -o FILE"


def open_tagger(
    model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
) -> Tagger:
    """The runtime of the task `tag`; see `seqtools.load`."""
    return Tagger(model, device=device, threads=threads, deadline=deadline)


class Tagger:
    """A model that labels the words of sentences.

    The same text gives the same labels: alone or among others, in any order.

    Args:
        model: a file of this task.
        device, threads, deadline: see `seqtools.load`.

    Attributes:
        file, session: of the model.
        opened: makes a session of the bytes of a file as this one's was made.
        labels: the labels it was trained on, and how they are reported.

    Raises:
        ModelFileError: the file lacks an input or an output of its task, or its labels.
    """

    def __init__(
        self, model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
    ) -> None:
        self.file, self.labels = model, _labels(model)
        self.opened = partial(
            Session, subject=str(model.path), device=device, threads=threads, deadline=deadline
        )
        self.session = self.opened(model.data)
        missing = {"text", "pretokenized"} - set(self.session.inputs) or set(_OUTPUTS) - set(
            self.session.outputs
        )
        if missing:
            raise ModelFileError(str(model.path), f"it lacks '{min(missing)}'", _REMAKE)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that words can get."""
        return tuple(dict.fromkeys(self.labels.shown))

    @cached_property
    def fading(self) -> Session:
        """The same model with words that can be faded in."""
        return fading(self)

    def tag(self, text: str, **options: Any) -> TagResult:
        """The labels of one text; options as in `tag_batch`."""
        return self.tag_batch([text], **options)[0]

    def tag_batch(
        self,
        texts: Sequence[str],
        *,
        pretokenized: bool = False,
        threshold: float = 0.0,
        abstain: float = 0.0,
        top_k: int = 0,
        batch_size: int = BATCH_SIZE,
    ) -> list[TagResult]:
        """Label the words of texts.

        Args:
            texts: a sentence each; a blank one has no words. One of more than 2,000 characters is read in
                parts that end where sentences do.
            pretokenized: words stand between blanks; else texts are cut as the training sentences were.
            threshold: leave out spans that are less probable.
            abstain: "" for labels that are less probable, where labels mark no spans.
            top_k: tell so many of the most probable labels of each word; 0 for none.
            batch_size: most texts that are read at once.

        Returns:
            A result for each text, in order.

        Raises:
            UsageError: a value is out of range or does not fit the model's labels.
            ModelFileError: the file does not tell the probabilities of all labels, and `top_k` asks for them.
        """
        texts = [texts] if isinstance(texts, str) else texts
        self._check(threshold, abstain, top_k, batch_size)
        cleaned = [clean(text) for text in texts]
        plan = [list(parts(text)) for text in cleaned]
        told = self._read([part for row in plan for part in row], pretokenized, batch_size, bool(top_k))
        results = [self._result(text, row, told, top_k) for text, row in zip(cleaned, plan, strict=True)]
        if abstain:
            return [result.sure(abstain) for result in results]
        return [result.without(threshold) for result in results] if threshold else results

    def explain(
        self,
        text: str | TagResult,
        words: Sequence[int | str] | None = None,
        *,
        method: str = "occlusion",
        pretokenized: bool = False,
    ) -> list[Explanation]:
        """How much each word of a text speaks for labels that its words got.

        Args:
            text: a sentence, or what was said of it.
            words: whose labels, by their text or their number from 0; None is every span, or every word where
                labels mark no spans.
            method: `occlusion` hides each word and asks again; `gradients` integrates what fading words in
                changes, so that effects sum to the label's log-odds less those of nothing read.
            pretokenized: words stand between blanks.

        Returns:
            An explanation for each label. That of a span is as probable as its least probable word's.

        Raises:
            UsageError: there is no such word or method.
            ModelFileError: the file does not tell all probabilities, or words cannot be faded in.
        """
        if _ALL not in self.session.outputs:
            raise ModelFileError(str(self.file.path), f"it lacks '{_ALL}'", _REMAKE)
        result = self.tag(text, pretokenized=pretokenized) if isinstance(text, str) else text
        return explain(self, result, words, method)

    def _check(self, threshold: float, abstain: float, top_k: int, batch_size: int) -> None:
        if not 0 <= threshold <= 1:
            raise UsageError("threshold", f"{threshold} is out of range", "Use 0 (all spans) to 1")
        if threshold and not self.labels.spans:
            raise UsageError("threshold", "the labels of this model mark no spans", "Drop it")
        if not 0 <= abstain <= 1:
            raise UsageError("abstain", f"{abstain} is no probability", "Use a number from 0 to 1")
        if abstain and self.labels.spans:
            raise UsageError("abstain", "the labels of this model mark spans", "Use --threshold for these")
        if not 0 <= top_k <= len(self.classes):
            cause = f"the model has {len(self.classes)} labels: {', '.join(self.classes)}"
            raise UsageError("top-k", cause, f"Use 1 to {len(self.classes)}, or 0 for none")
        if top_k and _ALL not in self.session.outputs:
            raise ModelFileError(str(self.file.path), f"it lacks '{_ALL}'", _REMAKE)
        if batch_size < 1:
            raise UsageError("batch-size", f"{batch_size} is out of range", "Use 1 or more")

    def _read(
        self, rows: Sequence[Part], pretokenized: bool, batch_size: int, every: bool
    ) -> Iterator[list[Any]]:
        """Words, labels, probabilities and perhaps those of every label, of each part, in order."""
        found: dict[int, list[Any]] = {}
        for group in batches([len(part.text) for part in rows], batch_size):
            # The first is the longest.
            most = max(1, _CHARACTERS_AT_ONCE // max(len(rows[group[0]].text), 1))
            for begin in range(0, len(group), most):
                indices = group[begin : begin + most]
                given = [rows[i].text for i in indices]
                found.update(zip(indices, self._run(given, pretokenized, every), strict=True))
        return (found[index] for index in range(len(rows)))

    def _run(self, texts: list[str], pretokenized: bool, every: bool) -> list[list[Any]]:
        feeds = {"text": np.array(texts, object), "pretokenized": np.array([pretokenized])}
        counts, *columns = self.session.run((*_OUTPUTS, _ALL) if every else _OUTPUTS, feeds)
        return [
            [column[row, :count].tolist() for column in columns] for row, count in enumerate(counts.tolist())
        ]

    def _result(self, text: str, row: Sequence[Part], told: Iterator[list[Any]], top_k: int) -> TagResult:
        labels: list[str] = []
        probabilities: list[float] = []
        offsets: list[tuple[int, int]] = []
        alternatives: list[tuple[tuple[str, float], ...]] = []
        for part in row:
            words, said, shares, *every = next(told)
            labels += said
            probabilities += shares
            alternatives += (self._best(one, top_k) for one in chain(*every))
            offsets += places(part, words)
        spans = spans_of(text, labels, probabilities, offsets) if self.labels.spans else ()
        words_told = tuple(text[start:end] for start, end in offsets)
        return TagResult(
            text,
            words_told,
            tuple(labels),
            tuple(probabilities),
            tuple(offsets),
            spans,
            len(row),
            tuple(alternatives) if top_k else None,
        )

    def _best(self, shares: list[float], count: int) -> tuple[tuple[str, float], ...]:
        """The most probable labels of a word."""
        places = sorted(range(len(shares)), key=lambda place: -shares[place])[:count]
        return tuple((self.classes[place], shares[place]) for place in places)


def _labels(model: ModelFile) -> LabelSet:
    try:
        return LabelSet.from_payload(json.loads(model.metadata.get("seqtools.labels", "{}")))
    except (ValueError, AttributeError, RecursionError, DataError) as error:
        raise ModelFileError(
            str(model.path), "its metadata does not say which labels it knows", _REMAKE
        ) from error
