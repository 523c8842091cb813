"""How many colours a terminal may be given."""

from __future__ import annotations

import os
from typing import IO

TRUE_COLOURS = 1 << 24


def colours(stream: IO[str]) -> int:
    """0 where none are wanted or the stream is no terminal, 256, or `TRUE_COLOURS`.

    `NO_COLOR` goes before `FORCE_COLOR`, that before what the stream is.
    """
    if os.environ.get("NO_COLOR"):
        return 0
    if not os.environ.get("FORCE_COLOR") and (os.environ.get("TERM") == "dumb" or not stream.isatty()):
        return 0
    return TRUE_COLOURS if os.environ.get("COLORTERM", "") in ("truecolor", "24bit") else 256
