"""The labels of a tagger: what it is trained on, what it reports, and which may stand side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools_tag.schemes import BIO, BIOES, OUTSIDE, PLAIN, converted, detect, is_span_label, parted

BoolArray = NDArray[np.bool_]

UNSEEN = -1
"""Number of a label that training has not met."""

_REPORTED = {BIO: {"S": "B", "E": "I"}, BIOES: {}}


class LabelSet:
    """The labels that a network chooses from.

    Spans are trained as BIOES, which tells a span's end from its middle and scores better (Ratinov & Roth
    2009), and reported in the scheme that the data has; IOB1 is reported as BIO.

    Args:
        names: each once, as trained.
        scheme: what is reported: `plain`, `bio` or `bioes`.

    Attributes:
        shown: each label as it is reported.
    """

    def __init__(self, names: Sequence[str], scheme: str = PLAIN) -> None:
        if scheme not in (PLAIN, BIO, BIOES) or len(set(names)) != len(names) or not names:
            raise DataError("labels", "their list is damaged", "Take the run folder from its source again")
        self.names, self.scheme = tuple(names), scheme
        self._ids = {name: number for number, name in enumerate(self.names)}
        self.shown = tuple(map(self._shown, self.names))

    @classmethod
    def learn(cls, sentences: Sequence[Sequence[str]], scheme: str = "auto") -> LabelSet:
        """The labels of training data.

        Args:
            sentences: labels of each.
            scheme: `auto`, `plain`, `bio` or `bioes`.

        Raises:
            DataError: every word has the same label, or a label is not one of the scheme.
        """
        found = detect(sentences)
        if scheme in (BIO, BIOES) and found == PLAIN:
            cause = f"they are not {scheme}: {_odd(sentences)}"
            raise DataError("labels", cause, "Set data.scheme to plain, or mend the labels")
        kept = sorted({label for labels in sentences for label in labels})
        if len(kept) < 2:
            cause = f"every word has the label '{kept[0]}'" if kept else "there are none"
            raise DataError("labels", cause, "Name another column with --label-column")
        scheme = found if scheme == "auto" else scheme
        if scheme == PLAIN:
            return cls(kept)
        types = sorted({parted(label)[1] for label in kept if label != OUTSIDE})
        names = [OUTSIDE, *(f"{letter}-{kind}" for kind in types for letter in "BIES")]
        return cls(names, BIOES if scheme == BIOES else BIO)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> LabelSet:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        names, scheme = payload.get("names"), payload.get("scheme")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError("labels", "their list is missing", "Take the run folder from its source again")
        return cls(names, str(scheme))

    def payload(self) -> dict[str, Any]:
        """JSON-safe; says everything."""
        return {"names": list(self.names), "scheme": self.scheme}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def spans(self) -> bool:
        """Whether the labels mark spans."""
        return self.scheme != PLAIN

    @property
    def types(self) -> tuple[str, ...]:
        """What spans can be; nothing for plain labels."""
        found = dict.fromkeys(parted(name)[1] for name in self.names if name != OUTSIDE)
        return tuple(found) if self.spans else ()

    def ids(self, labels: Sequence[str]) -> list[int]:
        """Numbers of a sentence's labels, given in any scheme; `UNSEEN` for one that is not known."""
        trained = converted(labels, BIOES) if self.spans else labels
        return [self._ids.get(label, UNSEEN) for label in trained]

    def reported(self, ids: Iterable[int]) -> list[str]:
        """Chosen labels as they are reported; a path without forbidden moves gives whole spans."""
        return [self.shown[number] for number in ids]

    def _shown(self, name: str) -> str:
        if not self.spans or name == OUTSIDE:
            return name
        letter, kind = parted(name)
        return f"{_REPORTED[self.scheme].get(letter, letter)}-{kind}"

    def forbidden(self) -> tuple[BoolArray, BoolArray, BoolArray]:
        """True for moves `[from, to]`, first labels and last labels that no spans have."""
        count = len(self.names)
        if not self.spans:
            return np.zeros((count, count), bool), np.zeros(count, bool), np.zeros(count, bool)
        parts = [parted(name) for name in self.names]
        opened = np.array([letter in "BI" for letter, _ in parts])
        within = np.array([letter in "IE" for letter, _ in parts])
        kinds = np.array([kind for _, kind in parts])
        same = kinds[:, None] == kinds[None, :]
        legal = np.where(opened[:, None], within[None, :] & same, ~within[None, :])
        return ~legal, within, opened


def _odd(sentences: Iterable[Sequence[str]]) -> str:
    """An example of what is no label of a scheme."""
    odd = next((label for labels in sentences for label in labels if not is_span_label(label)), "")
    return f"there is '{odd}'" if odd else "no span begins anywhere"
