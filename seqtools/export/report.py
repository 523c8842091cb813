"""What an export found out, for people and for the card."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqtools.errors import ExportError


@dataclass
class Parity:
    """How far a file is from the network it was made of.

    Attributes:
        tolerance: largest difference that passes.
        exact: whether what is chosen must be torch's; a quantised file may choose others where two are close.
        chosen: what is chosen: "tokens", "labels", ….
        largest: quantity -> largest absolute difference (log-probabilities, states).
        tokens: how many choices were compared.
        unequal: how many of them no rounding within the tolerance explains.
    """

    tolerance: float
    exact: bool = True
    chosen: str = "tokens"
    largest: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    unequal: int = 0

    def note(self, quantity: str, difference: float) -> None:
        """Keep the largest difference of a quantity; NaN counts as infinite."""
        apart = difference if difference == difference else float("inf")
        self.largest[quantity] = max(self.largest.get(quantity, 0.0), apart)

    @property
    def worst(self) -> float:
        """The largest difference of all."""
        return max(self.largest.values(), default=0.0)

    def require(self, subject: str) -> None:
        """Refuse a file that disagrees.

        Raises:
            ExportError: a difference is above the tolerance, or a choice is another one.
        """
        cure = "The file was not written; please report this with your recipe.toml"
        if self.worst > self.tolerance:
            name = max(self.largest, key=lambda quantity: self.largest[quantity])
            cause = f"its {name} differ from torch's by {self.worst:.2g}, more than {self.tolerance:.2g}"
            raise ExportError(subject, cause, cure)
        if self.exact and self.unequal:
            cause = f"{self.unequal} of {self.tokens} chosen {self.chosen} differ from torch's"
            raise ExportError(subject, cause, cure)

    def told(self, profile: str, compared: str) -> str:
        """One line for a person; `compared` says what was compared."""
        return (
            f"{profile}: largest difference from torch {self.worst:.2g} (allowed {self.tolerance:.2g}), "
            f"{self.tokens} {compared}, {self.unequal} unequal"
        )

    def as_json(self) -> dict[str, Any]:
        """For the card."""
        return {
            "tolerance": self.tolerance,
            "largest_difference": {name: float(f"{value:.3g}") for name, value in self.largest.items()},
            f"{self.chosen}_compared": self.tokens,
            f"{self.chosen}_unequal": self.unequal,
        }


@dataclass(frozen=True)
class ExportReport:
    """What was written where.

    Attributes:
        path: the file.
        size: its bytes.
        profile: "portable" or "int8".
        form: "text" or "ids".
        parity: file against torch.
        perplexity_loss: relative rise of validation perplexity over the fp32 file; None for fp32.
    """

    path: Path
    size: int
    profile: str
    form: str
    parity: Parity
    perplexity_loss: float | None = None
