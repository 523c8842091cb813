"""Subwords by the SentencePiece library, set up so that every text round trips.

No normalisation, no added blank, blanks kept, bytes for what the pieces do not cover (newlines and tabs,
too). Unigram: Kudo 2018; BPE: Sennrich et al. 2016; its dropout: Provilkov et al. 2020.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import sentencepiece

from seqtools.errors import DataError, UsageError
from seqtools.tokens import (
    BOS,
    EOS,
    REPLACEMENT,
    UNKNOWN,
    Utf8Stream,
    check_number,
    checked_ids,
    decode_pieces,
    payload_error,
    refuse_options,
    well_formed,
)
from seqtools_sentencepiece.corpus import training_lines
from seqtools_sentencepiece.sampling import BpeDropout, NBestSampler, Sampler

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

ALGORITHMS = ("unigram", "bpe")
DEFAULT_VOCAB_SIZE = 4000
# 3 specials, 256 bytes, and a piece to spare.
_SMALLEST = 260
# SentencePiece writes blanks as this character; one in the text itself is spelled in bytes instead.
_BLANK = "\u2581"


class SentencePieceTokenizer:
    """Subwords with byte fallback.

    Args:
        proto: a serialized SentencePiece model whose ids 0, 1, 2 are unknown, start and end.
        algorithm: `unigram` or `bpe`, as it was trained.
        sampling: how random `encode_sampled` is. BPE: the share of merges dropped (0.1 is usual).
            Unigram: `alpha`, the power of the probabilities that segmentations are drawn by (0.1 to 0.5 are
            usual; smaller is more random). 0 turns it off.
    """

    kind: ClassVar[str] = "sentencepiece"
    bos = BOS
    eos = EOS
    unknown = -1

    def __init__(self, proto: bytes, *, algorithm: str = "unigram", sampling: float = 0.0) -> None:
        check_number("sampling", sampling, 0, 1)
        self.proto, self.algorithm, self.sampling = proto, algorithm, float(sampling)
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
        self._table = [self._bytes_of(index) for index in range(self.vocab_size)]
        self._blank = [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in _BLANK.encode()]

    @property
    def vocab_size(self) -> int:
        """Specials, bytes and pieces."""
        return int(self._processor.get_piece_size())

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocab_size: int = 0,
        algorithm: str = "unigram",
        sampling: float = 0.0,
        character_coverage: float = 0.9995,
        **options: Any,
    ) -> SentencePieceTokenizer:
        """Learn pieces from a corpus; 100,000 lines of a larger one are drawn and looked at.

        Args:
            texts: the corpus in pieces.
            vocab_size: most ids to use, 260 or more; 0 means 4,000. Small corpora give fewer.
            algorithm: `unigram` or `bpe`.
            sampling: see the class.
            character_coverage: share of the text whose characters become pieces; the rest is bytes.
            options: none other exists.

        Raises:
            DataError: there is no text.
            UsageError: an option is unknown, out of range or too small for this corpus.
        """
        known = ("vocab_size", "algorithm", "sampling", "character_coverage")
        refuse_options(cls.kind, options, known)
        if algorithm not in ALGORITHMS:
            cure = f"Use {' or '.join(ALGORITHMS)}"
            raise UsageError("tokenizer option 'algorithm'", f"{algorithm!r} is unknown", cure)
        check_number("vocab_size", vocab_size or DEFAULT_VOCAB_SIZE, _SMALLEST)
        check_number("sampling", sampling, 0, 1)
        check_number("character_coverage", character_coverage, 0.5, 1)
        lines = training_lines(map(well_formed, texts))
        if not lines:
            raise DataError("corpus", "it holds no text", "Give a file with some text in it")
        proto = _train(lines, algorithm, vocab_size or DEFAULT_VOCAB_SIZE, character_coverage)
        return cls(proto, algorithm=algorithm, sampling=sampling)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> SentencePieceTokenizer:
        """Rebuild from `payload()`.

        Raises:
            DataError: the payload is damaged.
        """
        try:
            proto = base64.b64decode(payload["proto"], validate=True)
            if not proto:
                raise ValueError("the model is empty")
            return cls(proto, algorithm=str(payload["algorithm"]), sampling=float(payload["sampling"]))
        except (KeyError, TypeError, ValueError, binascii.Error, RuntimeError, UsageError) as error:
            raise payload_error(cls.kind, error) from error

    def payload(self) -> dict[str, Any]:
        """The model proto in base64, and the options that matter after training."""
        return {
            "proto": base64.b64encode(self.proto).decode("ascii"),
            "algorithm": self.algorithm,
            "sampling": self.sampling,
        }

    def extend(self, texts: Iterable[str]) -> SentencePieceTokenizer:
        """Itself: bytes cover what is new in `texts`, and pieces added later would change old cuts."""
        del texts
        return self

    def encode(self, text: str) -> IntArray:
        """Ids of the best segmentation, `[time]`."""
        first, *rest = well_formed(text).split(_BLANK)
        ids: list[int] = list(self._processor.encode(first))
        for part in rest:
            ids.extend(self._blank)
            ids.extend(self._processor.encode(part))
        return np.array(ids, dtype=np.int64)

    def encode_sampled(self, text: str, rng: np.random.Generator) -> IntArray:
        """Ids of a random segmentation, `[time]`; the same for the same state of `rng`."""
        if not self.sampling:
            return self.encode(text)
        first, *rest = well_formed(text).split(_BLANK)
        ids = self._sampler.sample(first, rng)
        for part in rest:
            ids.extend(self._blank)
            ids.extend(self._sampler.sample(part, rng))
        return np.array(ids, dtype=np.int64)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """Text of ids, broken bytes as U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return decode_pieces(map(self._table.__getitem__, checked_ids(ids, self.vocab_size).tolist()))

    def stream(self) -> Utf8Stream:
        """Text while tokens arrive, whole characters only."""
        return Utf8Stream(self._table)

    @cached_property
    def _sampler(self) -> Sampler:
        processor = self._processor
        scores = [processor.get_score(index) for index in range(self.vocab_size)]
        if self.algorithm == "unigram":

            def candidates(word: str, count: int) -> list[list[int]]:
                return [list(ids) for ids in processor.nbest_encode_as_ids(word, nbest_size=count)]

            return NBestSampler(candidates, scores, self.sampling)
        plain = (
            i for i in range(self.vocab_size) if not processor.is_byte(i) and not processor.is_control(i)
        )
        pieces = {processor.id_to_piece(i).replace(_BLANK, " "): i for i in plain if i != UNKNOWN}
        return BpeDropout(pieces, scores, processor.encode, self.sampling)

    def _bytes_of(self, index: int) -> bytes | None:
        """What an id decodes to; `None` for start and end."""
        if index == UNKNOWN:
            return REPLACEMENT.encode()
        if self._processor.is_control(index):
            return None
        piece = str(self._processor.id_to_piece(index))
        if self._processor.is_byte(index):
            return bytes([int(piece[3:-1], 16)])
        return piece.replace(_BLANK, " ").encode()


def _train(lines: Sequence[str], algorithm: str, vocab_size: int, coverage: float) -> bytes:
    """A trained model as a serialized proto; the trainer stays silent."""
    model = io.BytesIO()

    def sentences() -> Iterator[str]:
        yield from lines

    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=sentences(),
            model_writer=model,
            model_type=algorithm,
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=coverage,
            byte_fallback=True,
            unk_id=UNKNOWN,
            bos_id=BOS,
            eos_id=EOS,
            pad_id=-1,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=1 << 16,
            # Sums are split by thread: a fixed number gives the same model on every machine.
            num_threads=2,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _explained(error, vocab_size) from error
    return model.getvalue()


def _explained(error: RuntimeError, vocab_size: int) -> UsageError | DataError:
    needed = re.search(r"required_chars\. \d+ vs (\d+)", str(error))
    if needed:
        return UsageError(
            "tokenizer option 'vocab_size'",
            f"{vocab_size} is too small for the characters of this corpus",
            f"Use more than {needed[1]}, or lower character_coverage",
        )
    cause = f"SentencePiece cannot learn from it ({str(error).strip()})"
    return DataError("corpus", cause, "Give more text, or use the byte tokenizer")
