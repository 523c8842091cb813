"""What is said on a terminal while something long is done."""

from __future__ import annotations

import io
import sys

import pytest

from seqtools import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of stderr; not as a fixture, since pytest puts its own there again."""
    there = Terminal()
    monkeypatch.setattr(sys, "stderr", there)
    monkeypatch.setattr(output, "_level", output.NORMAL)
    return there


def test_a_terminal_counts_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    there = terminal(monkeypatch)
    with output.counting("scored", "tokens") as show:
        show(1200, 3000)
        show(3000, 3000)
    assert there.getvalue() == "\rscored 1,200 of 3,000 tokens\rscored 3,000 of 3,000 tokens\r\033[K"


def test_the_line_goes_when_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    there = terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), output.counting("labelled") as show:
        show(1, 2)
        raise KeyboardInterrupt
    assert there.getvalue() == "\rlabelled 1 of 2\r\033[K"


@pytest.mark.parametrize("why", ["asked", "--quiet", "a pipe"])
def test_nothing_is_counted_for_nobody(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = terminal(monkeypatch)
    if why == "--quiet":
        monkeypatch.setattr(output, "_level", output.QUIET)
    if why == "a pipe":
        monkeypatch.setattr(there, "isatty", lambda: False)
    with output.counting("labelled", quiet=why == "asked") as show:
        show(1, 2)
    assert there.getvalue() == ""
