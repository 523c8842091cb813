"""Token streams on disk: written once, then memory-mapped, so that a corpus may be larger than memory."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools.training.files import write_atomic, write_text

if TYPE_CHECKING:
    from seqtools.plugin import IntArray


@dataclass(frozen=True)
class StreamInfo:
    """What lies in a stream.

    Attributes:
        dtype: numpy name of its integers.
        tokens: how many.
        characters: characters of the text they stand for; per line, an end id stands for a line end.
        words: its white-space separated words, plus one per line end.
        sha256: of the file.
    """

    dtype: str
    tokens: int
    characters: int
    words: int
    sha256: str


def narrowest(vocab_size: int) -> np.dtype[Any]:
    """The smallest integer type that holds every id."""
    for kind in (np.uint8, np.uint16):
        if vocab_size <= np.iinfo(kind).max + 1:
            return np.dtype(kind)
    return np.dtype(np.int32)


def write_stream(
    path: Path, texts: Iterable[str], tokenizer: Tokenizer, *, per_line: bool = False,
    encode: Callable[[str], IntArray] | None = None,
) -> StreamInfo:  # fmt: skip
    """Tokenize texts into `path` (and its description into `path` + `.json`), whole or not at all.

    Args:
        texts: pieces of one text, or with `per_line` a text each, put between start and end ids.
        encode: another way to make ids than `tokenizer.encode` (sampled sub-words).
    """
    encode = encode or tokenizer.encode
    dtype, digest = narrowest(tokenizer.vocab_size), hashlib.sha256()
    tokens = characters = words = 0

    def write(temp: Path) -> None:
        nonlocal tokens, characters, words
        with temp.open("wb") as file:
            for text in texts:
                ids = encode(text)
                if per_line:
                    ids = np.concatenate([[tokenizer.bos], ids, [tokenizer.eos]])
                data = np.asarray(ids).astype(dtype).tobytes()
                file.write(data)
                digest.update(data)
                tokens += len(ids)
                characters += len(text) + (1 if per_line else 0)
                words += len(text.split()) + (1 if per_line else text.count("\n"))

    write_atomic(path, write)
    info = StreamInfo(dtype.name, tokens, characters, words, digest.hexdigest())
    write_text(path.with_suffix(".json"), json.dumps(asdict(info), indent=2) + "\n")
    return info


def stream_info(path: Path) -> StreamInfo:
    """The description beside a stream."""
    return StreamInfo(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))


def open_stream(path: Path) -> NDArray[Any]:
    """The ids `[tokens]`, memory-mapped and read-only.

    Raises:
        DataError: the file is missing or shorter than its description says.
    """
    try:
        info = stream_info(path)
        if info.tokens == 0:
            return np.zeros(0, info.dtype)
        stream: NDArray[Any] = np.memmap(path, info.dtype, "r", shape=(info.tokens,))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            str(path),
            f"the token stream is damaged ({error})",
            "Remove the run folder's data/ and train again",
        ) from error
    return stream


def forget(stream: NDArray[Any]) -> None:
    """Give back the memory of a mapped stream's pages that were read; they are read again when wanted.

    The kernel would do so when memory is short, but until then every page read counts as the process's own.
    """
    mapped: Any = stream
    while isinstance(mapped, np.ndarray):  # a slice's base is the array it was cut from
        mapped = mapped.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
