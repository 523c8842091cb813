"""What a model knows of the tables it reads, where neither a person nor the table says it."""

from __future__ import annotations

from dataclasses import dataclass

from seqtools_forecast.frequency import Frequency


@dataclass(frozen=True)
class Known:
    """What counts where it fits.

    Attributes:
        frequency: of series too short to have one of their own, like four days without a weekend.
        targets: columns to forecast if a table has several that could be.
        categories: static columns that are categories, whatever they hold; the others are numbers. None tells
            them by what they hold.
    """

    frequency: Frequency | None = None
    targets: tuple[str, ...] = ()
    categories: frozenset[str] | None = None


NOTHING = Known()
