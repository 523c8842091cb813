"""Open a `sentiment` file and classify texts with it. numpy and onnxruntime only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from seqtools.batching import batches
from seqtools.errors import DataError, ModelFileError, UsageError
from seqtools.explaining.explanation import Explanation
from seqtools.model_file import ModelFile
from seqtools.runtime.arrays import FloatArray
from seqtools.runtime.session import Session
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.explanation import explain
from seqtools_sentiment.feeding import Feeder, stored
from seqtools_sentiment.gradients import Fading
from seqtools_sentiment.results import Choice, Classification

BATCH_SIZE = 32


def open_classifier(
    model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
) -> Classifier:
    """The runtime of the task `sentiment`; see `seqtools.load`."""
    opened = partial(
        Session, subject=str(model.path), device=device, threads=threads, deadline=deadline,
        extensions=model.form == "fused",
    )  # fmt: skip
    return Classifier(model, opened)


class Classifier:
    """A model that says which of its classes a text belongs to.

    The same text gives the same answer: alone or among others, in any order (a file in eight bits rounds a
    batch together; there probabilities may differ in their last digits).

    Attributes:
        file, session: of the model.
        opened: makes a session of the bytes of a file as this one's was made.
        labels: its classes.

    Raises:
        ModelFileError: the file lacks what its task needs.
    """

    def __init__(self, file: ModelFile, opened: Callable[[bytes], Session]) -> None:
        self.file, self.opened, self.session = file, opened, opened(file.data)
        self._feeder = Feeder(file)
        try:
            self.labels = Labels.from_payload(stored(file, "labels"))
        except DataError as error:
            raise ModelFileError(str(file.path), error.cause, error.cure) from error
        wanted = ["label", "probabilities", "token_counts", *(["score"] if self.labels.ordered else [])]
        missing = sorted({*wanted, "logits"} - set(self.session.outputs))
        if missing:
            cause = f"it has no output '{missing[0]}'"
            raise ModelFileError(str(file.path), cause, "Export it again with: seqtools export RUN -o FILE")
        self._wanted = wanted

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, from the lowest to the highest where they are ordered."""
        return self.labels.names

    @property
    def max_length(self) -> int:
        """Tokens read of a text; what follows is left out."""
        return self._feeder.max_length

    @property
    def characters(self) -> int:
        """Characters looked at of a text, before it is cut into tokens."""
        return self._feeder.characters

    @cached_property
    def fading(self) -> Fading:
        """The same model with tokens that can be faded in."""
        return Fading(self)

    def feeds(self, texts: Sequence[str]) -> dict[str, Any]:
        """The file's inputs for texts."""
        return self._feeder.feeds([self._feeder.read(text) for text in texts])

    def classify(self, text: str, **options: Any) -> Classification:
        """What the model says of one text; options as in `classify_batch`."""
        return self.classify_batch([text], **options)[0]

    def classify_batch(
        self,
        texts: Sequence[str] | str,
        *,
        threshold: float | None = None,
        abstain: float = 0.0,
        batch_size: int = BATCH_SIZE,
    ) -> list[Classification]:
        """Classify texts.

        Args:
            texts: any texts; one without any token gets the answer that fits most of the training texts.
            threshold: probability from which a label counts, where labels do not exclude each other.
            abstain: no label counts where the best one is less probable, where they do.
            batch_size: texts run at once.

        Returns:
            A result for each text, in order.

        Raises:
            UsageError: an option is out of range or does not fit the model's labels.
        """
        texts = [texts] if isinstance(texts, str) else texts
        choice = Choice(threshold, abstain)
        choice.check(self.labels.objective)
        if batch_size < 1:
            raise UsageError("batch-size", f"{batch_size} is too small", "Use 1 or more")
        found: dict[int, Classification] = {}
        given = [self._feeder.read(text) for text in texts]
        for batch in batches([len(text) for text in given], batch_size):
            values = self.session.run(self._wanted, self._feeder.feeds([given[index] for index in batch]))
            for row, index in enumerate(batch):
                found[index] = self._result(texts[index], [value[row] for value in values], choice)
        return [found[index] for index in range(len(texts))]

    def logits(self, texts: Sequence[str], *, batch_size: int = BATCH_SIZE) -> list[FloatArray]:
        """Calibrated logits `[outputs]` of each text."""
        found: dict[int, FloatArray] = {}
        given = [self._feeder.read(text) for text in texts]
        for batch in batches([len(text) for text in given], batch_size):
            (rows,) = self.session.run(["logits"], self._feeder.feeds([given[index] for index in batch]))
            found.update(zip(batch, rows, strict=True))
        return [found[index] for index in range(len(texts))]

    def explain(
        self,
        text: str,
        label: str | None = None,
        *,
        method: str = "occlusion",
        batch_size: int = BATCH_SIZE,
    ) -> Explanation:
        """How much each word speaks for a label.

        Args:
            text: any text.
            label: one of `classes`; None is the most probable one.
            method: `occlusion` leaves each word out and asks again; `gradients` integrates what fading words
                in changes, so that effects sum to the label's log-odds less those of nothing read.
            batch_size: texts run at once.

        Raises:
            UsageError: there is no such label or method.
            ModelFileError: words cannot be faded in, as the file is made otherwise.
        """
        return explain(self, text, label, method=method, batch_size=batch_size)

    def _result(self, text: str, row: Sequence[Any], choice: Choice) -> Classification:
        label, shares, tokens, *score = row
        probabilities = dict(zip(self.classes, (float(share) for share in shares), strict=True))
        return Classification(
            text,
            str(label),
            probabilities,
            choice.of(probabilities, str(label), self.labels.objective),
            float(score[0]) if score else None,
            int(tokens),
            not text.strip(),
        )
