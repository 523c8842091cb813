"""Open a `tag` file and label words with it. numpy and onnxruntime only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqtools.batching import batches
from seqtools.errors import DataError, ModelFileError, UsageError
from seqtools.model_file import ModelFile
from seqtools.runtime.session import Session
from seqtools_tag.labels import LabelSet
from seqtools_tag.reading import Part, clean, parts, places
from seqtools_tag.results import TagResult, spans_of

BATCH_SIZE = 32
_CHARACTERS_AT_ONCE = 16_384
_OUTPUTS = ("words", "labels", "probabilities", "word_counts")
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
        labels: the labels it was trained on, and how they are reported.

    Raises:
        ModelFileError: the file lacks an input or an output of its task, or its labels.
    """

    def __init__(
        self, model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
    ) -> None:
        self.file, self.labels = model, _labels(model)
        self.session = Session(
            model.data, subject=str(model.path), device=device, threads=threads, deadline=deadline
        )
        missing = {"text", "pretokenized"} - set(self.session.inputs) or set(_OUTPUTS) - set(
            self.session.outputs
        )
        if missing:
            raise ModelFileError(str(model.path), f"it lacks '{min(missing)}'", _REMAKE)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that words can get."""
        return tuple(dict.fromkeys(self.labels.shown))

    def tag(self, text: str, *, pretokenized: bool = False, threshold: float = 0.0) -> TagResult:
        """The labels of one text; see `tag_batch`."""
        return self.tag_batch([text], pretokenized=pretokenized, threshold=threshold)[0]

    def tag_batch(
        self,
        texts: Sequence[str],
        *,
        pretokenized: bool = False,
        threshold: float = 0.0,
        batch_size: int = BATCH_SIZE,
    ) -> list[TagResult]:
        """Label the words of texts.

        Args:
            texts: a sentence each; a blank one has no words. One of more than 2,000 characters is read in
                parts that end where sentences do.
            pretokenized: words stand between blanks; else texts are cut as the training sentences were.
            threshold: leave out spans that are less probable.
            batch_size: most texts that are read at once.

        Returns:
            A result for each text, in order.

        Raises:
            UsageError: a value is out of range, or labels that mark no spans get a threshold.
        """
        texts = [texts] if isinstance(texts, str) else texts
        self._check(threshold, batch_size)
        cleaned = [clean(text) for text in texts]
        plan = [list(parts(text)) for text in cleaned]
        told = self._read([part for row in plan for part in row], pretokenized, batch_size)
        results = [self._result(text, row, told) for text, row in zip(cleaned, plan, strict=True)]
        return [result.without(threshold) for result in results] if threshold else results

    def _check(self, threshold: float, batch_size: int) -> None:
        if not 0 <= threshold <= 1:
            raise UsageError("threshold", f"{threshold} is out of range", "Use 0 (all spans) to 1")
        if threshold and not self.labels.spans:
            raise UsageError("threshold", "the labels of this model mark no spans", "Drop it")
        if batch_size < 1:
            raise UsageError("batch-size", f"{batch_size} is out of range", "Use 1 or more")

    def _read(self, rows: Sequence[Part], pretokenized: bool, batch_size: int) -> Iterator[list[Any]]:
        """Words, labels and probabilities of each part, in order."""
        found: dict[int, list[Any]] = {}
        for group in batches([len(part.text) for part in rows], batch_size):
            # The first is the longest.
            most = max(1, _CHARACTERS_AT_ONCE // max(len(rows[group[0]].text), 1))
            for begin in range(0, len(group), most):
                indices = group[begin : begin + most]
                found.update(
                    zip(indices, self._run([rows[i].text for i in indices], pretokenized), strict=True)
                )
        return (found[index] for index in range(len(rows)))

    def _run(self, texts: list[str], pretokenized: bool) -> list[list[Any]]:
        feeds = {"text": np.array(texts, object), "pretokenized": np.array([pretokenized])}
        *columns, counts = self.session.run(_OUTPUTS, feeds)
        return [
            [column[row, :count].tolist() for column in columns] for row, count in enumerate(counts.tolist())
        ]

    def _result(self, text: str, row: Sequence[Part], told: Iterator[list[Any]]) -> TagResult:
        labels: list[str] = []
        probabilities: list[float] = []
        offsets: list[tuple[int, int]] = []
        for part in row:
            words, said, shares = next(told)
            labels += said
            probabilities += shares
            offsets += places(part, words)
        spans = spans_of(text, labels, probabilities, offsets) if self.labels.spans else ()
        words_told = tuple(text[start:end] for start, end in offsets)
        return TagResult(
            text, words_told, tuple(labels), tuple(probabilities), tuple(offsets), spans, len(row)
        )


def _labels(model: ModelFile) -> LabelSet:
    try:
        return LabelSet.from_payload(json.loads(model.metadata.get("seqtools.labels", "{}")))
    except (ValueError, AttributeError, RecursionError, DataError) as error:
        raise ModelFileError(
            str(model.path), "its metadata does not say which labels it knows", _REMAKE
        ) from error
