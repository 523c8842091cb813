"""A translator's run folder: besides what every run has, the pairs, and perhaps a target tokenizer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools.texts import decode, split_lines
from seqtools.training.files import write_atomic
from seqtools.training.run_folder import RunFolder

if TYPE_CHECKING:
    from seqtools.nn.seq2seq import Seq2Seq

PARTS, SIDES = ("train", "valid"), ("source", "target")
PREPARED = (
    "tokenizer.json",
    "target_tokenizer.json",
    "lexicon.json",
    "run.json",
    *(f"{part}.{side}.gz" for part in PARTS for side in SIDES),
)
"""What is written, into data/ or beside it, before a folder is a run."""


class TranslateRun(RunFolder):
    """Reads and writes the run folder of a translator."""

    def texts(self, part: str, side: str) -> list[str]:
        """Sentences of `train` or `valid`, of the `source` or the `target`."""
        return list(split_lines(decode(self.text_path(part, side))))

    def write_texts(self, part: str, side: str, texts: Iterable[str]) -> None:
        """Store one side of a part, a sentence a line."""
        data = "".join(f"{text}\n" for text in texts).encode()
        # No time stamp and no name: the same pairs give the same bytes.
        write_atomic(
            self.text_path(part, side), lambda path: path.write_bytes(gzip.compress(data, 6, mtime=0))
        )

    def text_path(self, part: str, side: str) -> Path:
        """Where one side of a part lies."""
        return self.path / "data" / f"{part}.{side}.gz"

    @property
    def joint(self) -> bool:
        """Whether both sides share a tokenizer."""
        return not (self.path / "target_tokenizer.json").is_file()

    def target_tokenizer(self) -> Tokenizer:
        """The target's tokenizer; the joint one where there is one."""
        return self.tokenizer() if self.joint else loader.tokenizer_from(self._json("target_tokenizer.json"))

    def write_target_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Store a tokenizer of the target's own."""
        self.write_json("target_tokenizer.json", {"kind": tokenizer.kind, "payload": tokenizer.payload()})

    def lexicon(self) -> dict[str, Any]:
        """The lexical table's payload; empty if none was learned."""
        return self._json("lexicon.json") if (self.path / "lexicon.json").is_file() else {}

    def write_lexicon(self, payload: dict[str, Any]) -> None:
        """Store the lexical table."""
        text = json.dumps(payload, ensure_ascii=False) + "\n"
        write_atomic(self.path / "lexicon.json", lambda path: path.write_text(text, encoding="utf-8"))

    def dictionary(self) -> dict[str, Any]:
        """The word-by-word dictionary's payload; empty if the floor was not scored."""
        return self._json("dictionary.json") if (self.path / "dictionary.json").is_file() else {}

    def seq2seq(self) -> Seq2Seq:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from safetensors.torch import load_file

        from seqtools.nn.seq2seq import Seq2Seq

        weights = self.path / "best.safetensors"
        if not weights.is_file():
            cure = "Train it further: run its command again"
            raise DataError(str(self.path), "the run has no weights yet", cure)
        sizes = self.tokenizer().vocab_size, self.target_tokenizer().vocab_size
        network = Seq2Seq(self.recipe().network, *sizes)
        network.load_state_dict(load_file(weights))
        return network.eval()
