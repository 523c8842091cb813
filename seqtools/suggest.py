"""Suggestions for typos: one wording for commands, hooks, names and options."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, options: Iterable[str]) -> str:
    """The option most like `word`, or "" when none is near."""
    import difflib

    matches = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def hint(word: str, options: Iterable[str]) -> str:
    """A cure for an unknown name: the nearest option, else all of them, else ""."""
    known = sorted(options)
    near = closest(word, known)
    if near:
        return f"Did you mean '{near}'?"
    return f"Known: {', '.join(known)}" if known else ""
