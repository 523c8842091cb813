"""What every tokenizer shares: the first three ids, well-formed text, bytes to text piece by piece.

No tokenizer has to use this module; ours do, and a plugin may.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError, UsageError
from seqtools.suggest import hint

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

UNKNOWN, BOS, EOS = 0, 1, 2
SPECIALS = ("<unk>", "<bos>", "<eos>")
REPLACEMENT = "\ufffd"


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined to characters and lone surrogates replaced by U+FFFD.

    Such strings come from broken JSON or `errors="surrogateescape"`; no UTF-8 can express them.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def checked_ids(ids: Sequence[int] | IntArray, vocab_size: int) -> IntArray:
    """Ids as an int64 array `[time]`.

    Raises:
        DataError: an id lies outside `0 <= id < vocab_size`.
    """
    array: IntArray = np.asarray(ids, dtype=np.int64).reshape(-1)
    if array.size and (array.min() < 0 or array.max() >= vocab_size):
        wrong = int(array.min() if array.min() < 0 else array.max())
        raise DataError(
            f"token {wrong}",
            f"the tokenizer knows ids 0 to {vocab_size - 1} only",
            "Decode with the tokenizer that the tokens came from",
        )
    return array


def refuse_options(kind: str, given: Iterable[str], known: Collection[str]) -> None:
    """Complain about options that a kind does not have, with the nearest name that it has.

    Raises:
        UsageError: `given` is not empty.
    """
    for name in given:
        cure = hint(name, known) or "Leave it out"
        raise UsageError(f"tokenizer option '{name}'", f"the kind '{kind}' has no such option", cure)


def check_number(name: str, value: float, low: float, high: float = float("inf")) -> None:
    """Check a numeric option.

    Raises:
        UsageError: the value is outside `low..high` or no number.
    """
    if not isinstance(value, int | float) or not low <= value <= high:
        bounds = f"at least {low:g}" if high == float("inf") else f"{low:g} to {high:g}"
        raise UsageError(f"tokenizer option '{name}'", f"{value!r} is out of range", f"Use {bounds}")


def payload_error(kind: str, error: Exception) -> DataError:
    """The error for a payload that a model file or run folder has damaged."""
    return DataError(
        f"{kind} tokenizer",
        f"its stored description is damaged ({type(error).__name__}: {error})",
        "Take the model file or the run folder from its source again",
    )


def decode_pieces(pieces: Iterable[bytes | None]) -> str:
    """Text of byte pieces; `None` ends a text (bytes do not join across it), broken bytes are U+FFFD."""
    texts: list[str] = []
    held: list[bytes] = []
    for piece in pieces:
        if piece is None:
            texts.append(b"".join(held).decode("utf-8", "replace"))
            held.clear()
        else:
            held.append(piece)
    texts.append(b"".join(held).decode("utf-8", "replace"))
    return "".join(texts)


class Utf8Stream:
    """A `TokenStream` over a table of byte pieces, `None` for ids that end a text."""

    def __init__(self, table: Sequence[bytes | None]) -> None:
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """Characters that this token completes."""
        piece = self._table[token]
        return self.flush() if piece is None else self._decoder.decode(piece)

    def flush(self) -> str:
        """What is held back, as U+FFFD; the stream can go on afterwards."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text


__all__ = [
    "BOS",
    "EOS",
    "REPLACEMENT",
    "SPECIALS",
    "UNKNOWN",
    "Utf8Stream",
    "check_number",
    "checked_ids",
    "decode_pieces",
    "payload_error",
    "refuse_options",
    "well_formed",
]
