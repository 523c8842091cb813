"""A tagger's run folder: besides what every run has, sentences, labels, and how words are spelled and cut."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools.errors import DataError
from seqtools.texts import decode, split_lines
from seqtools.training.files import write_atomic
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
        # No time stamp and no name: the same sentences give the same bytes.
        data = gzip.compress(text.encode(), 6, mtime=0)
        write_atomic(self.sentences_path(part), lambda path: path.write_bytes(data))

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

    def write_small(self, name: str, payload: dict[str, Any]) -> None:
        """Write a payload on one line."""
        text = json.dumps(payload, ensure_ascii=False) + "\n"
        write_atomic(self.path / name, lambda path: path.write_text(text, encoding="utf-8"))

    def calibration(self) -> dict[str, Any]:
        """The temperature and what it changed; empty before it was fitted."""
        return self._json("calibration.json") if (self.path / "calibration.json").is_file() else {}

    def tagger(self) -> Tagger:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from safetensors.torch import load_file

        from seqtools.nn.tagger import Tagger

        weights = self.path / "best.safetensors"
        if not weights.is_file():
            cure = "Train it further: run its command again"
            raise DataError(str(self.path), "the run has no weights yet", cure)
        sizes = self.tokenizer().vocab_size, self.spelling().count, len(self.labels())
        network = Tagger(self.recipe().network, *sizes, len(SHAPES))
        network.load_state_dict(load_file(weights))
        return network.eval()
