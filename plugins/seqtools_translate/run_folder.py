"""A translator's run folder: besides what every run has, the pairs, and perhaps a target tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtools import loader
from seqtools.plugin import Tokenizer
from seqtools.texts import decode, split_lines
from seqtools.training.files import write_gzip
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
        write_gzip(self.text_path(part, side), "".join(f"{text}\n" for text in texts))

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
        return self.optional("lexicon.json")

    def write_lexicon(self, payload: dict[str, Any]) -> None:
        """Store the lexical table."""
        self.write_payload("lexicon.json", payload)

    def dictionary(self) -> dict[str, Any]:
        """The word-by-word dictionary's payload; empty if the floor was not scored."""
        return self.optional("dictionary.json")

    def seq2seq(self) -> Seq2Seq:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from seqtools.nn.seq2seq import Seq2Seq

        weights = self.best_weights()
        sizes = self.tokenizer().vocab_size, self.target_tokenizer().vocab_size
        network = Seq2Seq(self.recipe().network, *sizes)
        network.load_state_dict(weights)
        return network.eval()
