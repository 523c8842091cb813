"""Texts under way: tokens from the graph or the host become text, row by row, until each is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.runtime.noise import uniforms
from seqtools_generate.constraints import Constraints
from seqtools_generate.file_model import FileModel
from seqtools_generate.sampling import Greedy, Sample, decode
from seqtools_generate.saved_state import SavedState
from seqtools_generate.settings import REMEMBERED, Settings
from seqtools_generate.stop import StopMatcher

Chunk = tuple[IntArray, FloatArray, FloatArray]
"""Tokens `[rows, steps]`, log-probabilities `[rows, steps]`, state `[rows, S]` after them."""

LARGEST_CHUNK = 256
"""Most tokens of one run."""

_DRAWN_AHEAD = 1024

Choose = Callable[[FloatArray, FloatArray, Sequence["Text"]], Chunk]
"""`(state [rows, S], noise [steps, rows], rows) -> Chunk`."""


def in_graph(model: FileModel, settings: Settings) -> Choose:
    """All in one run of the file: temperature, top-k, top-p."""

    def choose(state: FloatArray, noise: FloatArray, rows: Sequence[Text]) -> Chunk:
        return model.write(state, noise, settings.heat, settings.top_k, settings.top_p)

    return choose


def on_host(model: FileModel, settings: Settings, bias: FloatArray | None) -> Choose:
    """One run a token, everything else in numpy: what the graph does, and what it cannot."""
    greedy = settings.heat == 0
    decoder = Greedy() if greedy else Sample(
        settings.heat, settings.top_k, settings.top_p, settings.min_p, settings.typical
    )  # fmt: skip
    constraints = Constraints(settings, bias)

    def choose(state: FloatArray, noise: FloatArray, rows: Sequence[Text]) -> Chunk:
        before = [np.array(row.recent, np.int64) for row in rows]

        def adjust(log_probs: FloatArray, written: IntArray) -> FloatArray:
            pairs = zip(before, written, strict=True)
            return constraints(log_probs, [np.concatenate(pair) for pair in pairs])

        return decode(model, decoder, state, model.next_log_probs(state), noise, adjust)

    return choose


def chunks(first: int, largest: int) -> Iterator[int]:
    """Endless chunk sizes: small ones so that text shows at once, then twice as many up to `largest`."""
    while True:
        yield first
        first = min(2 * first, largest)


class Text:
    """One sample: tokens in, final text out.

    Args:
        start: where it goes on.
        tokenizer: turns tokens into text.
        stops: texts that end it.
        eos: token that ends it, or -1.
        keep: collect tokens, log-probabilities and text (not for endless streams).
    """

    def __init__(
        self, start: SavedState, tokenizer: Tokenizer, stops: Sequence[str], eos: int, *, keep: bool
    ) -> None:
        self.start, self.state = start, start.state
        self.at_stop: Callable[[], FloatArray] | None = None
        self.position = start.position
        self.recent: deque[int] = deque(start.recent, REMEMBERED + LARGEST_CHUNK)
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.text: list[str] = []
        self.stop_reason = "end" if start.ended and eos >= 0 else ""
        self.eos = eos
        self._stream, self._stops, self._keep = (
            tokenizer.stream(),
            StopMatcher(stops, start.held),
            keep,
        )
        for token in start.recent:
            self._stream.push(token)

    def take(self, tokens: IntArray, logprobs: FloatArray) -> tuple[str, int]:
        """Text that became final with some of `tokens [steps]`, and how many of them were used."""
        pieces, used = [], 0
        for token in tokens.tolist():
            used += 1
            pieces.append(self._stops.push(self._stream.push(token)))
            if self._stops.stopped:
                self.stop_reason = "stop"
            elif token == self.eos:
                self.stop_reason = "end"
                pieces.append(self._stops.flush())
            if self.stop_reason:
                break
        self.recent.extend(tokens[:used].tolist())
        self.position += used
        if self._keep:
            self.tokens += tokens[:used].tolist()
            self.logprobs += logprobs[:used].tolist()
        return self._out("".join(pieces)), used

    def finish(self, *, hold: bool) -> str:
        """The last text of one that reached its length; `hold` keeps back what may start a stop."""
        self.stop_reason = "length"
        return "" if hold else self._out(self._stops.flush())

    def saved(self) -> SavedState:
        """Where it stands."""
        if self.at_stop is not None:
            self.state, self.at_stop = self.at_stop(), None
        start, ended = self.start, self.stop_reason == "end"
        recent, held = tuple(self.recent)[-REMEMBERED:], self._stops.held
        return SavedState(self.state, self.position, start.seed, start.sample, recent, held, ended)

    def _out(self, text: str) -> str:
        if self._keep:
            self.text.append(text)
        return text


@dataclass
class Batch:
    """Texts written together; all stand at the same position and have one seed.

    Args:
        choose: writes a chunk.
        rows: the texts.
        remaining: tokens to write; -1 is no end.
        hold: keep back, at the end, what may be the start of a stop.
    """

    choose: Choose
    rows: list[Text]
    remaining: int
    hold: bool = False
    _drawn: FloatArray | None = None
    _drawn_from: int = 0

    def pieces(self, sizes: Iterator[int]) -> Iterator[list[str]]:
        """Write chunk by chunk; each time the new text of every row."""
        while active := [row for row in self.rows if not row.stop_reason]:
            if self.remaining == 0:
                yield [row.finish(hold=self.hold) if row in active else "" for row in self.rows]
                return
            steps = next(sizes) if self.remaining < 0 else min(next(sizes), self.remaining)
            self.remaining -= steps if self.remaining > 0 else 0
            new = dict(zip(map(id, active), self._chunk(active, steps), strict=True))
            yield [new.get(id(row), "") for row in self.rows]

    def _chunk(self, rows: list[Text], steps: int) -> list[str]:
        before = np.stack([row.state for row in rows])
        noise = self._noise(rows, steps)
        tokens, logprobs, after = self.choose(before, noise, rows)
        written = []
        for i, row in enumerate(rows):
            text, used = row.take(tokens[i], logprobs[i])
            row.state = after[i]
            if used < steps:
                row.at_stop = partial(self._again, row, before[i], noise[:used, i : i + 1])
            written.append(text)
        return written

    def _again(self, row: Text, state: FloatArray, noise: FloatArray) -> FloatArray:
        """The state at a stop inside a chunk: exactly so many tokens are written once more."""
        now = row.recent.copy()
        for _ in noise:
            row.recent.pop()
        after: FloatArray = self.choose(state[None], noise, [row])[2][0]
        row.recent = now
        return after

    def _noise(self, rows: Sequence[Text], steps: int) -> FloatArray:
        """Noise `[steps, rows]`; one text alone draws ahead, since small draws cost as much as large ones."""
        first, samples = rows[0], [row.start.sample for row in rows]
        if len(rows) > 1 or steps >= _DRAWN_AHEAD:
            return uniforms(first.start.seed, samples, first.position, steps)
        place = first.position - self._drawn_from
        if self._drawn is None or not 0 <= place <= _DRAWN_AHEAD - steps:
            self._drawn_from, place = first.position, 0
            self._drawn = uniforms(first.start.seed, samples, first.position, _DRAWN_AHEAD)
        return self._drawn[place : place + steps]
