"""Numbers with their nouns, as people write them."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 window`, `2 windows`, `1,000 windows`.

    Args:
        number: how many.
        noun: what one is called.
        plural: what several are called, if not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
