"""What a tagger's file is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqtools.plugin import Tokenizer
from seqtools_tag.cutting import Cutter
from seqtools_tag.labels import LabelSet
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import Spelling


@dataclass(frozen=True)
class Parts:
    """A trained tagger and all that its file says.

    Attributes:
        network: a `seqtools.nn.tagger.Tagger` in eval mode.
        tokenizer: looks words up.
        spelling: reads their characters.
        labels: what it chooses from.
        cutter: cuts a text into words.
        card: from `make_card`, or anything alike.
        valid: validation sentences, for the check on real ones and the loss of int8.
    """

    network: Any
    tokenizer: Tokenizer
    spelling: Spelling
    labels: LabelSet
    cutter: Cutter
    card: dict[str, Any]
    valid: Sequence[Sentence] = ()
