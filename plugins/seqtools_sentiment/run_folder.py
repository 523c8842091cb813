"""A classifier's run folder: besides what every run has, labelled texts, their classes, a linear model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools.errors import DataError
from seqtools.texts import decode, split_lines
from seqtools.training.files import write_gzip
from seqtools.training.run_folder import RunFolder
from seqtools_sentiment.examples import Example, Labels

if TYPE_CHECKING:
    from seqtools.nn.classifier import Classifier

PARTS = ("train", "valid")
PREPARED = (
    "tokenizer.json",
    "labels.json",
    "floor.json",
    "linear.json",
    "run.json",
    *(f"{part}.jsonl.gz" for part in PARTS),
)
"""What is written, into data/ or beside it, before a folder is a run."""


class SentimentRun(RunFolder):
    """Reads and writes the run folder of a classifier."""

    def examples(self, part: str) -> list[Example]:
        """Labelled texts of `train` or `valid`."""
        path = self.examples_path(part)
        try:
            records = [json.loads(line) for line in split_lines(decode(path))]
            return [
                Example(one["text"], tuple(one["labels"]), tuple(one.get("shares", ()))) for one in records
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(str(path), f"it is damaged ({error!r})", "Is the run folder whole?") from error

    def write_examples(self, part: str, examples: Iterable[Example]) -> None:
        """Store a part, a JSON record a line."""
        records = (
            {"text": one.text, "labels": one.labels, **({"shares": one.shares} if one.shares else {})}
            for one in examples
        )
        path = self.examples_path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_gzip(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

    def examples_path(self, part: str) -> Path:
        """Where a part lies."""
        return self.path / "data" / f"{part}.jsonl.gz"

    def labels(self) -> Labels:
        """The classes."""
        return Labels.from_payload(self._json("labels.json"))

    def write_labels(self, labels: Labels) -> None:
        """Store the classes."""
        self.write_json("labels.json", labels.payload())

    def linear(self) -> dict[str, Any]:
        """The linear model's payload; empty if there is none."""
        return self.optional("linear.json")

    def write_linear(self, payload: dict[str, Any]) -> None:
        """Store the linear model."""
        self.write_payload("linear.json", payload)

    def calibration(self) -> dict[str, Any]:
        """Weights of the network's and the linear model's logits; empty before they are fitted."""
        return self.optional("calibration.json")

    def write_calibration(self, payload: dict[str, Any]) -> None:
        """Store those weights."""
        self.write_json("calibration.json", payload)

    def scores(self) -> dict[str, Any]:
        """Figures on test texts; empty before the run is scored on any."""
        return self.optional("scores.json")

    def write_scores(self, scores: dict[str, Any]) -> None:
        """Store those figures, which ends the run."""
        self.write_json("scores.json", scores)

    def classifier(self) -> Classifier:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from seqtools.nn.classifier import Classifier

        weights = self.best_weights()
        labels, vocabulary = self.labels(), self.tokenizer().vocab_size
        ordinal = labels.objective == "ordinal"
        network = Classifier(self.recipe().network, vocabulary, labels.outputs, ordinal=ordinal)
        network.load_state_dict(weights)
        return network.eval()
