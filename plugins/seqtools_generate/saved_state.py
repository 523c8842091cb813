"""Where a text stands, in memory and in a small file: enough to go on as if never interrupted."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from seqtools.errors import DataError, ModelFileError
from seqtools.runtime.arrays import FloatArray

_KIND, _FORMAT = "seqtools.generate.state", 1
_LARGEST = 256 << 20


@dataclass(frozen=True)
class SavedState:
    """A text that can go on.

    Attributes:
        state: the network's packed state `[S]`.
        position: tokens written so far; the noise goes on from here.
        seed, sample: what the noise is made from.
        recent: the last tokens, read or written, oldest first (at most `settings.REMEMBERED`): for
            penalties, and to find half a character that was not printed yet.
        held: text written but not printed, since it may be the start of a stop.
        ended: the last token was the model's end token.
    """

    state: FloatArray = field(repr=False)
    position: int = 0
    seed: int = 0
    sample: int = 0
    recent: tuple[int, ...] = field(default=(), repr=False)
    held: str = ""
    ended: bool = False

    def numbered(self, sample: int) -> SavedState:
        """The same place, with the noise of another sample."""
        return replace(self, sample=sample)


def write(path: Path, saved: SavedState, model: str) -> None:
    """Write a state for the model of that SHA-256; the file is complete or not there.

    Raises:
        OSError: it cannot be written.
    """
    told = {
        "kind": _KIND,
        "format": _FORMAT,
        "model": model,
        "position": saved.position,
        "seed": saved.seed,
        "sample": saved.sample,
        "held": saved.held,
        "ended": saved.ended,
        "recent": list(saved.recent),
        "state": base64.b64encode(saved.state.astype("<f4").tobytes()).decode("ascii"),
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(told) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, model: str, *, width: int, vocab: int) -> SavedState:
    """Read a state.

    Args:
        path: the file.
        model: SHA-256 of the model file that is to go on.
        width: columns of its state.
        vocab: number of its tokens.

    Raises:
        DataError: missing, damaged, or no such file.
        ModelFileError: it belongs to another model.
    """
    told = _json(path)
    if told.get("format") != _FORMAT:
        raise DataError(
            str(path), "it was written by a newer seqtools", "Upgrade with: pip install -U seqtools-suite"
        )
    if told.get("model") != model:
        cause = "this state belongs to another model file"
        raise ModelFileError(str(path), cause, "Load it with the model that saved it (-m MODEL)")
    try:
        return _checked(told, width, vocab)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path) from error


def _json(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as stream:
            told = json.loads(stream.read(_LARGEST))
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file", "Check the path given to --load-state") from error
    except OSError as error:
        raise DataError(
            str(path), f"it cannot be read ({error.strerror})", "Check its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        raise _damaged(path)
    return told


def _damaged(path: Path) -> DataError:
    return DataError(
        str(path), "this is no saved state, or it is damaged", "Give a file made with --save-state"
    )


def _checked(told: dict[str, object], width: int, vocab: int) -> SavedState:
    """The state a record tells; ValueError for whatever makes no sense."""
    packed, recent = told["state"], told["recent"]
    numbers = [told["position"], told["seed"], told["sample"]]
    if not (isinstance(packed, str) and isinstance(recent, list)):
        raise ValueError("wrong kinds of values")
    state = np.frombuffer(base64.b64decode(packed, validate=True), "<f4").astype(np.float32)
    if state.shape != (width,) or not np.isfinite(state).all():
        raise ValueError("wrong state")
    if not all(type(n) is int and 0 <= n < 2**64 for n in numbers):
        raise ValueError("wrong numbers")
    if not all(type(token) is int and 0 <= token < vocab for token in recent):
        raise ValueError("wrong tokens")
    position, seed, sample = (int(str(n)) for n in numbers)
    return SavedState(state, position, seed, sample, tuple(recent), str(told["held"]), told["ended"] is True)
