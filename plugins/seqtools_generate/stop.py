"""Stop texts in a stream: found across tokens, never printed, held back while they may still come."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on until one of the stops appears in it.

    Args:
        stops: the texts; no empty one.
        held: what an earlier matcher held back.
    """

    def __init__(self, stops: Sequence[str], held: str = "") -> None:
        self._stops = tuple(stops)
        self.held = held
        self.stopped = False

    def push(self, piece: str) -> str:
        """Text that can be printed now. After `stopped` has become true there is no more."""
        if not self._stops and not self.held:
            return piece
        text = self.held + piece
        found = [place for place in map(text.find, self._stops) if place >= 0]
        if found:
            self.stopped, self.held = True, ""
            return text[: min(found)]
        cut = len(text) - self._longest_start(text)
        self.held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        """What was held back, now that nothing more comes."""
        text, self.held = self.held, ""
        return text

    def _longest_start(self, text: str) -> int:
        """Length of the longest end of `text` that a stop begins with."""
        longest = min(len(text), max(map(len, self._stops), default=1) - 1)
        for size in range(longest, 0, -1):
            end = text[-size:]
            if any(stop.startswith(end) for stop in self._stops):
                return size
        return 0
