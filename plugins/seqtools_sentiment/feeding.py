"""Texts on their way into a model file: made safe, cut where the file stops reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.tokens import well_formed
from seqtools_sentiment.opening import plain

_REMAKE = "Export it again with: seqtools export RUN -o FILE"


class Feeder:
    """Makes the inputs of one file.

    Args:
        file: the file.

    Raises:
        ModelFileError: it lacks what its form needs.
    """

    def __init__(self, file: ModelFile) -> None:
        told = stored(file, "reading")
        limits = [told.get(name) for name in ("max_length", "characters")]
        if not all(isinstance(limit, int) and limit > 0 for limit in limits):
            raise ModelFileError(str(file.path), "its metadata does not say how much it reads", _REMAKE)
        self.max_length: int = told["max_length"]
        """Tokens read of a text."""
        self.characters: int = told["characters"]
        """Characters that are looked at, before a text is cut into tokens."""
        self._tokenizer = None
        if file.form == "ids":
            if not file.tokenizer:
                raise ModelFileError(str(file.path), "its metadata has no tokenizer", _REMAKE)
            self._tokenizer = loader.tokenizer_from(file.tokenizer)

    def read(self, text: str) -> str:
        """What a file is given of a text: as `plain` has it, no NUL, which would end it, not too much."""
        return plain(well_formed(text).replace("\0", " "))[: self.characters]

    def feeds(self, texts: Sequence[str]) -> dict[str, Any]:
        """The inputs for texts from `read`."""
        if self._tokenizer is None:
            return {"text": np.array(list(texts), object)}
        rows = [self._tokenizer.encode(text)[: self.max_length] for text in texts]
        lengths = np.array([len(row) for row in rows], np.int64)
        tokens = np.zeros((len(rows), int(lengths.max(initial=0))), np.int64)
        for line, row in zip(tokens, rows, strict=True):
            line[: len(row)] = row
        return {"tokens": tokens, "lengths": lengths}


def stored(file: ModelFile, name: str) -> dict[str, Any]:
    """A JSON object of the metadata.

    Raises:
        ModelFileError: it is not there, or damaged.
    """
    try:
        told = json.loads(file.metadata[f"seqtools.{name}"])
    except (KeyError, ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ModelFileError(str(file.path), f"its metadata 'seqtools.{name}' is no JSON object", _REMAKE)
    return told
