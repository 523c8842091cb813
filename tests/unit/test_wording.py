"""Nouns agree with their numbers."""

from __future__ import annotations

import pytest

from seqtools.wording import counted


@pytest.mark.parametrize(
    ("number", "plural", "told"),
    [
        (0, "", "0 windows"),
        (1, "", "1 window"),
        (2, "", "2 windows"),
        (1000, "", "1,000 windows"),
        (2, "panes", "2 panes"),
        (1, "panes", "1 window"),
    ],
)
def test_counted(number: int, plural: str, told: str) -> None:
    assert counted(number, "window", plural) == told
