"""Beam search inside the graph: all turns in one `Loop`, any beam size, over any step.

The search never sees the network. It is given the first log-probabilities of each sentence and a step, keeps
`beam` hypotheses a sentence side by side (rows, sentence by sentence) and says which rows' states go on.

A hypothesis that has chosen the end is frozen: its only continuation is the end again, for nothing, so it
keeps its place by its score. Where there are fewer hypotheses than places, dead ones fill the rest; they
score -1e30, lose against everything and tell a reader by that score. A turn notes tokens and parents; who
descends from whom is followed backwards in the end, so that nothing grows while the search runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant, repeat
from seqtools.export.loops import repeat_while
from seqtools_beam.topk import top_k

_NEVER = -1e30
"""Added to what must not be chosen; finite, so that nothing becomes NaN."""
_DEAD = -1e29

Step = Callable[[Var, Sequence[Var]], tuple[Var, Sequence[Var], Var]]
"""`(tokens [1, rows, 1], states) -> (log_probs [1, rows, vocab], states, attention [1, rows, source])`: each
state is `[1, rows, …]`, the attention the one with which the next token is predicted."""


@dataclass(frozen=True)
class First:
    """Where a search starts: one row a sentence.

    Attributes:
        log_probs: of each sentence's first token, `[1, batch, vocab]`.
        states: each `[1, batch, …]`.
        attention: with which the first token is predicted, `[batch, source]`.
    """

    log_probs: Var
    states: Sequence[Var]
    attention: Var


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes:
        beam: hypotheses a sentence, int64 scalar; 0 searches nothing and costs next to nothing.
        longest: most tokens of each sentence, the end not counted, int64 `[batch]`.
        shortest: fewest tokens of each sentence, int64 `[batch]`.
        alpha: hypotheses are ranked by score / (length with the end)^alpha in the end, float32 scalar.
    """

    beam: Var
    longest: Var
    shortest: Var
    alpha: Var


@dataclass(frozen=True)
class Found:
    """What a search gives, best first; `time` is the number of turns it took.

    Attributes:
        tokens: int64 `[batch, beam, time]`, padded with the end.
        lengths: tokens before the end, int64 `[batch, beam]`.
        scores: float32 `[batch, beam]`; below -1e20 where there is no hypothesis.
        log_probs: of each token and of the end, zeros past it, float32 `[batch, beam, time]`.
        attention: with which each was predicted, zeros past the end, float32 `[batch, beam, time, source]`.
    """

    tokens: Var
    lengths: Var
    scores: Var
    log_probs: Var
    attention: Var


@dataclass(frozen=True)
class _Chosen:
    """One turn's choice, each `[batch, beam]`; `rows` are the parents, counted over all sentences."""

    tokens: Var
    rows: Var
    log_probs: Var
    scores: Var
    frozen: Var

    @property
    def goes_on(self) -> Var:
        """Whether any hypothesis can still grow, bool `[1]`."""
        # A sum, since there is no largest of nothing.
        growing = op.reduce_sum(op.cast(op.not_(self.frozen), to=np.int32), keepdims=0)
        return op.cast(op.reshape(growing, constant([1])), to=np.bool_)


class BeamGraph:
    """The search as a graph piece.

    Args:
        eos: the id that ends a hypothesis, a number or an int64 scalar of the graph.

    Attributes:
        start, limits: classes of its arguments, for callers that know it by its registered name.
    """

    start = First
    limits = Limits

    def __init__(self, eos: int | Var) -> None:
        self._eos = constant(eos) if isinstance(eos, int) else eos

    def __call__(self, step: Step, first: First, limits: Limits) -> Found:
        """Search; in a graph of its own for each call."""
        sizes = _Sizes(first, limits)
        choice = _Choice(self._eos, sizes)
        begun = choice.first(first.log_probs)

        def turn(index: Var, tokens: Var, scores: Var, frozen: Var, *old: Var) -> list[Var]:
            log_probs, new, attention = step(tokens, old)
            chosen = choice(top_k(log_probs, sizes.width), scores, frozen, op.add(index, constant(1)))
            carried = sizes.carried(chosen)
            collected = [carried[0], chosen.rows, chosen.log_probs, attention]
            return [chosen.goes_on, *carried, *sizes.descendants(new, chosen), *collected]

        longest = op.reduce_max(limits.longest, keepdims=0)
        times = op.where(sizes.searches, op.sub(longest, constant(1)), constant(0))
        carried = [*sizes.carried(begun), *sizes.descendants(first.states, begun)]
        results = repeat_while(times, begun.goes_on, carried, turn)
        return _Trace(self._eos, sizes, begun, results[-4:]).found(results[1], first.attention)


class _Sizes:
    """Shapes that every turn needs.

    Without a beam there is one all the same, which takes no turn and is cut off in the end: on no rows at
    all, `TopK` of onnxruntime up to 1.30 ends the whole process.
    """

    def __init__(self, first: First, limits: Limits) -> None:
        one = constant([1])
        self.limits = limits
        self.searches = op.greater(limits.beam, constant(0))
        self.sentences = op.shape(limits.longest)
        self.wanted = op.reshape(limits.beam, one)
        self.beam = op.max([self.wanted, one])
        self.rows = op.mul(self.sentences, self.beam)
        vocab = op.slice(op.shape(first.log_probs), constant([2]), constant([3]))
        # One more than there are places, since the end may be forbidden.
        self.width = op.min([op.add(self.beam, one), vocab])
        self.candidates = op.mul(self.beam, self.width)
        self.places = op.concat([self.sentences, self.beam], axis=0)
        self.longest = op.unsqueeze(limits.longest, one)
        self.shortest = op.unsqueeze(limits.shortest, constant([1, 2]))

    def numbers(self, count: Var) -> Var:
        """0, 1, … as `[count]`."""
        return op.range(constant(0), op.squeeze(count), constant(1))

    def carried(self, chosen: _Chosen) -> list[Var]:
        """Tokens as the network wants them, scores, who is frozen."""
        shape = op.concat([constant([1]), self.rows, constant([1])], axis=0)
        return [op.reshape(chosen.tokens, shape, allowzero=1), chosen.scores, chosen.frozen]

    def descendants(self, states: Sequence[Var], chosen: _Chosen) -> list[Var]:
        """States of the rows that go on."""
        rows = op.reshape(chosen.rows, constant([-1]))
        return [op.gather(state, rows, axis=1) for state in states]


class _Choice:
    """One turn: the best continuations of each sentence among the best of each hypothesis."""

    def __init__(self, eos: Var, sizes: _Sizes) -> None:
        self._eos, self._sizes = eos, sizes
        self._grid = op.concat([sizes.sentences, sizes.beam, sizes.width], axis=0)
        self._line = op.concat([sizes.sentences, sizes.candidates], axis=0)
        first = op.unsqueeze(op.mul(sizes.numbers(sizes.sentences), sizes.candidates), constant([1]))
        self._first_candidate = first
        only = op.equal(sizes.numbers(sizes.width), constant(0))
        self._stay = op.where(only, constant(0, np.float32), constant(_NEVER, np.float32))

    def first(self, log_probs: Var) -> _Chosen:
        """Every place looks at its sentence's row of `[1, batch, vocab]`, but all save the first are dead."""
        sizes, one = self._sizes, constant([1])
        best = op.top_k(op.unsqueeze(op.squeeze(log_probs, constant([0])), one), sizes.width, axis=2)
        alive = op.equal(sizes.numbers(sizes.beam), constant(0))
        scores = op.where(alive, constant(0, np.float32), constant(_NEVER, np.float32))
        frozen = op.or_(op.not_(alive), op.less_or_equal(sizes.longest, constant(0)))
        spread = [op.expand(part, self._grid) for part in best]
        chosen = self(spread, op.expand(scores, sizes.places), frozen, constant(0))
        return replace(chosen, rows=op.div(chosen.rows, sizes.beam))

    def __call__(self, best: Sequence[Var], scores: Var, frozen: Var, turn: Var) -> _Chosen:
        """Choose.

        Args:
            best: log-probabilities and tokens of the likeliest, `batch * beam * width` values.
            scores, frozen: of the hypotheses, `[batch, beam]`.
            turn: how many tokens they have.
        """
        sizes = self._sizes
        log_probs, tokens = (op.reshape(part, self._grid, allowzero=1) for part in best)
        barred = op.and_(op.equal(tokens, self._eos), op.less(turn, sizes.shortest))
        log_probs = op.where(barred, constant(_NEVER, np.float32), log_probs)
        done = op.unsqueeze(frozen, constant([2]))
        log_probs = op.where(done, self._stay, log_probs)
        tokens = op.where(done, self._eos, tokens)
        sums = op.add(log_probs, op.unsqueeze(scores, constant([2])))
        scores, place = op.top_k(op.reshape(sums, self._line, allowzero=1), sizes.beam, axis=1)
        place = op.add(place, self._first_candidate)
        token = op.gather(op.reshape(tokens, constant([-1])), place)
        log_prob = op.gather(op.reshape(log_probs, constant([-1])), place)
        over = op.or_(op.equal(token, self._eos), op.less(scores, constant(_DEAD, np.float32)))
        cut = op.greater_or_equal(op.add(turn, constant(1)), sizes.longest)
        return _Chosen(token, op.div(place, sizes.width), log_prob, scores, op.or_(over, cut))


class _Trace:
    """From parents to whole hypotheses, and from scores to an order.

    Args:
        begun: the first turn.
        collected: tokens `[turns, 1, rows, 1]`, parents and log-probabilities `[turns, batch, beam]` and
            attention `[turns, 1, rows, source]` of all later turns.
    """

    def __init__(self, eos: Var, sizes: _Sizes, begun: _Chosen, collected: Sequence[Var]) -> None:
        self._eos, self._sizes = eos, sizes
        tokens, parents, log_probs, self._attention = collected
        # Runtimes differ in whether they stack or join what a loop collects; here that is the same.
        turns = op.slice(op.shape(tokens), constant([0]), constant([1]))
        self._time = op.add(turns, constant([1]))
        self._tokens = self._lines(begun.tokens, tokens)
        self._log_probs = self._lines(begun.log_probs, log_probs)
        self._ancestors = self._followed(
            op.reshape(parents, op.concat([turns, sizes.rows], axis=0), allowzero=1)
        )

    def _lines(self, first: Var, later: Var) -> Var:
        """`[batch, beam]` and as many values for each later turn -> `[time, rows]`."""
        flat = [op.reshape(part, constant([-1])) for part in (first, later)]
        return op.reshape(
            op.concat(flat, axis=0), op.concat([self._time, self._sizes.rows], axis=0), allowzero=1
        )

    def _followed(self, parents: Var) -> Var:
        """The row of each last hypothesis at every turn, `[time, rows]`; `parents [turns, rows]`."""
        last = self._sizes.numbers(self._sizes.rows)
        backwards = _turned(parents)

        def turn(index: Var, row: Var) -> list[Var]:
            line = op.reshape(op.gather(backwards, op.reshape(index, constant([1])), axis=0), constant([-1]))
            parent = op.gather(line, row)
            return [parent, parent]

        turns = op.squeeze(op.sub(self._time, constant([1])))
        _, rows = repeat(turns, [last], turn)
        shape = op.concat([op.reshape(turns, constant([1])), self._sizes.rows], axis=0)
        rows = op.reshape(rows, shape, allowzero=1)
        return op.concat([_turned(rows), op.unsqueeze(last, constant([0]))], axis=0)

    def found(self, scores: Var, first_attention: Var) -> Found:
        """Rank by `scores [batch, beam]` and lengths, then lay out best first."""
        sizes = self._sizes
        beam, shape = sizes.beam, op.concat([sizes.sentences, sizes.beam, self._time], axis=0)
        written = op.not_(op.equal(op.gather_elements(self._tokens, self._ancestors, axis=1), self._eos))
        lengths = op.reduce_sum(op.cast(written, to=np.int64), constant([0]), keepdims=0)
        counted = op.cast(op.add(op.reshape(lengths, sizes.places, allowzero=1), constant(1)), to=np.float32)
        ranked, place = op.top_k(op.div(scores, op.pow(counted, sizes.limits.alpha)), beam, axis=1)
        firsts = op.unsqueeze(op.mul(sizes.numbers(sizes.sentences), beam), constant([1]))
        order = op.reshape(op.add(place, firsts), constant([-1]))
        rows = op.gather(self._ancestors, order, axis=1)
        tokens, log_probs = (
            op.transpose(op.gather_elements(part, rows, axis=1)) for part in (self._tokens, self._log_probs)
        )
        results = op.concat([sizes.sentences, beam], axis=0)
        lengths = op.reshape(op.gather(lengths, order), results, allowzero=1)
        parts = (
            op.reshape(tokens, shape, allowzero=1),
            lengths,
            op.reshape(ranked, results, allowzero=1),
            op.reshape(log_probs, shape, allowzero=1),
            self._looked(rows, lengths, first_attention),
        )
        return Found(*(op.slice(part, constant([0]), sizes.wanted, constant([1])) for part in parts))

    def _looked(self, rows: Var, lengths: Var, first: Var) -> Var:
        """Attention `[batch, beam, time, source]`: a token was predicted by the row it descends from."""
        sizes, one = self._sizes, constant([1])
        source = op.slice(op.shape(first), one, constant([2]))
        turns = op.sub(self._time, one)
        before = op.slice(rows, constant([0]), turns)
        offsets = op.unsqueeze(op.mul(sizes.numbers(turns), sizes.rows), one)
        lines = op.reshape(
            self._attention, op.concat([op.mul(turns, sizes.rows), source], axis=0), allowzero=1
        )
        later = op.gather(lines, op.add(before, offsets))
        sentence = op.div(sizes.numbers(sizes.rows), sizes.beam)
        begun = op.unsqueeze(op.gather(first, sentence), constant([0]))
        shape = op.concat([self._time, sizes.sentences, sizes.beam, source], axis=0)
        looked = op.reshape(op.concat([begun, later], axis=0), shape, allowzero=1)
        position = sizes.numbers(self._time)
        longest = op.unsqueeze(sizes.limits.longest, constant([1, 2]))
        inside = op.and_(
            op.less_or_equal(position, op.unsqueeze(lengths, constant([2]))), op.less(position, longest)
        )
        inside = op.unsqueeze(inside, constant([3]))
        return op.where(inside, op.transpose(looked, perm=(1, 2, 0, 3)), constant(0, np.float32))


def _turned(lines: Var) -> Var:
    """The first axis the other way round."""
    least = np.iinfo(np.int64).min
    return op.slice(lines, constant([-1]), constant([least]), constant([0]), constant([-1]))
