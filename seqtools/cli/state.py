"""What the common options decided, for one run of the program."""

from __future__ import annotations

from collections.abc import Mapping

from seqtools import output
from seqtools.discovery import EntryPoint

debug: bool = False
"""Show tracebacks."""

color: bool | None = None
"""True or False where FORCE_COLOR or NO_COLOR decide, None to ask the terminal."""

running: EntryPoint | None = None
"""The plugin whose command was loaded last, to name it if it breaks."""


def reset(environ: Mapping[str, str]) -> None:
    """Start a run: nothing said yet, colours as the environment wishes.

    A variable counts when it is not empty, whatever its value; NO_COLOR goes first.
    """
    global debug, color, running
    debug, running = False, None
    output.set_level(output.NORMAL)
    color = False if environ.get("NO_COLOR") else True if environ.get("FORCE_COLOR") else None
