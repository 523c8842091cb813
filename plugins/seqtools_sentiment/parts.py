"""What a classification file is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from seqtools.nn.classifier import Classifier
from seqtools.plugin import Tokenizer
from seqtools_sentiment.calibration import Calibration
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.objectives import prior_logits

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray


@dataclass(frozen=True)
class Parts:
    """What a file is made of.

    Attributes:
        network: in eval mode on the CPU.
        tokenizer: what it reads with.
        labels: its classes.
        prior: share of each class in training, `[classes]`: the answer for a text without any token.
        card: from `make_card`, or anything alike with `profile` and `form`.
        valid: validation texts, for the check on real ones and the loss of int8.
        calibration: weights of the two models' logits.
        linear: the linear model, where it has a say.
        max_length: tokens read of a text.
    """

    network: Classifier
    tokenizer: Tokenizer
    labels: Labels
    prior: FloatArray
    card: dict[str, Any]
    valid: Sequence[Example]
    calibration: Calibration = field(default_factory=Calibration)
    linear: LinearModel | None = None
    max_length: int = 512

    @property
    def prior_logits(self) -> FloatArray:
        """Logits that say the prior, `[outputs]`."""
        logits: FloatArray = prior_logits(torch.from_numpy(self.prior), self.labels.objective).numpy()
        return logits
