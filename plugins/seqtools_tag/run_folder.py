"""A tagger's run folder: besides what every run has, sentences, labels, and how words are spelled and cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools.texts import decode, split_lines
from seqtools.training.files import write_gzip
from seqtools.training.run_folder import RunFolder
from seqtools_tag.cutting import Cutter
from seqtools_tag.labels import LabelSet
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import SHAPES, Spelling

if TYPE_CHECKING:
    from seqtools.nn.tagger import Tagger

PARTS = ("train", "valid")
PREPARED = (
    "tokenizer.json",
    "spelling.json",
    "labels.json",
    "cutting.json",
    "rare.json",
    "run.json",
    *(f"{part}.jsonl.gz" for part in PARTS),
)
"""What is written, into data/ or beside it, before a folder is a run."""


class TagRun(RunFolder):
    """Reads and writes the run folder of a tagger."""

    def sentences(self, part: str) -> list[Sentence]:
        """Sentences of `train` or `valid`, their labels in the scheme that is reported."""
        records = map(json.loads, split_lines(decode(self.sentences_path(part))))
        return [Sentence(tuple(one["words"]), tuple(one["labels"])) for one in records]

    def write_sentences(self, part: str, sentences: Iterable[Sentence]) -> None:
        """Store the sentences of a part, one a line."""
        records = ({"words": one.words, "labels": one.labels} for one in sentences)
        text = "".join(json.dumps(record, ensure_ascii=True) + "\n" for record in records)
        write_gzip(self.sentences_path(part), text)

    def sentences_path(self, part: str) -> Path:
        """Where the sentences of a part lie."""
        return self.path / "data" / f"{part}.jsonl.gz"

    def labels(self) -> LabelSet:
        """What the network chooses from."""
        return LabelSet.from_payload(self._json("labels.json"))

    def spelling(self) -> Spelling:
        """The characters that the network knows."""
        return Spelling.from_payload(self._json("spelling.json"))

    def cutter(self) -> Cutter:
        """How a text is cut as the training sentences are."""
        return Cutter.from_payload(self._json("cutting.json"))

    def rare(self) -> list[int]:
        """Ids of words that training sees once and that have no vector."""
        return list(self._json("rare.json")["ids"])

    def calibration(self) -> dict[str, Any]:
        """The temperature and what it changed; empty before it was fitted."""
        return self.optional("calibration.json")

    def tagger(self) -> Tagger:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from seqtools.nn.tagger import Tagger

        weights = self.best_weights()
        sizes = self.tokenizer().vocab_size, self.spelling().count, len(self.labels())
        network = Tagger(self.recipe().network, *sizes, len(SHAPES))
        network.load_state_dict(weights)
        return network.eval()
