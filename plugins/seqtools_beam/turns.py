"""The loop of a search: ask the rules, choose, let what is done leave, feed the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqtools.plugin import StepModel
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchSetup
from seqtools_beam.allocation import top_share
from seqtools_beam.beam import DEAD, Beam, BoolArray, Column
from seqtools_beam.harvest import attention_of, hypotheses_of
from seqtools_beam.hypotheses import Event, Hypothesis, Key, best_of
from seqtools_beam.options import BeamOptions
from seqtools_beam.rules import Rules
from seqtools_beam.select import Choice, Selector, Turn
from seqtools_beam.settled import settled

_OFF = np.float32(-np.inf)


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes:
        options: of the search.
        setup: sizes and lengths.
        rules: started for this run.
        select: chooses the rows that go on.
        needed: progress with phrases that each sentence has to reach, `[batch]`.
        prefixes: forced beginning of each sentence.
        key: see `hypotheses.Key`.
        attention: hypotheses are to hold it.
        streams: events are to tell what is settled, not only what is done.
    """

    options: BeamOptions
    setup: SearchSetup
    rules: Rules
    select: Selector
    needed: IntArray
    prefixes: Sequence[Sequence[int]]
    key: Key | None = None
    attention: bool = False
    streams: bool = False


class Turns:
    """One run over a batch.

    Args:
        plan: what to do.
        model: what to search.
        log_probs: `[batch, vocab]` of the first tokens.
        state: the model's, after `first`.
    """

    def __init__(self, plan: Plan, model: StepModel, log_probs: FloatArray, state: Any) -> None:
        self._plan, self._model, self._rules = plan, model, plan.rules
        self._log_probs, self._state = log_probs, state
        self._beam = Beam.begin(np.array([len(prefix) for prefix in plan.prefixes], np.int64))
        self._covers = plan.rules.needs_coverage
        self._looks = plan.attention or self._covers
        self._maps: list[FloatArray] = []
        self._complete: dict[int, list[Hypothesis]] = defaultdict(list)
        self._told: dict[int, int] = defaultdict(int)

    def events(self) -> Iterator[Event]:
        """News of the sentences until all are done."""
        nothing = (self._plan.setup.max_lengths == 0) & (self._beam.rows.starts == 0)
        if nothing.any():
            stays = np.flatnonzero(~nothing)
            yield from self._leave(nothing, np.zeros_like(nothing))
            self._log_probs = self._log_probs[stays]
            self._state = self._model.reorder(self._state, stays)
        while len(self._beam.rows.scores):
            seen = len(self._beam.rows.scores)
            parents, stuck = self._grow()
            done = self._done() | stuck
            if self._plan.streams:
                yield from self._news(~done)
            stays = np.flatnonzero(~np.repeat(done, self._beam.width))
            yield from self._leave(done, stuck)
            if len(stays):
                self._feed(parents[stays], seen)

    def _feed(self, parents: IntArray, seen: int) -> None:
        """One step of the model for the rows that stay; they continue `parents` of `seen` rows."""
        state = self._state
        if len(parents) != seen or (parents != np.arange(seen)).any():
            state = self._model.reorder(state, parents)
        tokens = np.ascontiguousarray(self._beam.rows.tokens[:, -1])
        self._log_probs, self._state = self._model.step(tokens, state)

    def _grow(self) -> tuple[IntArray, BoolArray]:
        """Choose one token for each row that goes on.

        Returns:
            Which rows they continue `[rows]`, and the sentences that nothing could follow `[active]`.
        """
        beam, time = self._beam, self._beam.rows.tokens.shape[1]
        if self._looks:
            self._maps.append(self._look())
        forced = time < beam.rows.starts
        size = 1 if beam.width == 1 and forced.all() else self._plan.options.beam_size
        turn = Turn(beam.width, self._scores(forced), beam.rows, time)
        choice = self._plan.select(turn, size)
        if choice.ended is not None:
            self._end(*choice.ended)
        choice = self._pruned(choice)
        stuck = (choice.scores == DEAD).all(axis=1)
        parents = self._extend(choice if not stuck.any() else _held(choice, beam, stuck), forced, stuck)
        return parents, stuck

    def _look(self) -> FloatArray:
        """Attention `[rows, source]` with which the next token is predicted."""
        attention: FloatArray = self._model.attention(self._state)  # type: ignore[attr-defined]
        return attention

    def _scores(self, forced: BoolArray) -> FloatArray:
        """Scores of the next token `[rows, vocab]`: the rules, lengths, prefixes and ends obeyed."""
        rows, setup = self._beam.rows, self._plan.setup
        scores = self._log_probs.astype(np.float32)  # a copy: what follows writes to it
        scores = self._rules.adjusted(scores, rows)
        if setup.eos >= 0:
            scores[rows.lengths < setup.min_lengths[rows.sentences], setup.eos] = _OFF
        for row in np.flatnonzero(forced):
            scores[row] = _OFF
            scores[row, self._plan.prefixes[rows.sentences[row]][rows.tokens.shape[1]]] = 0
        if rows.finished.any():
            scores[rows.finished] = _OFF
            scores[rows.finished, setup.eos] = 0
        return scores

    def _pruned(self, choice: Choice) -> Choice:
        if not self._plan.options.prune:
            return choice
        least = choice.scores.max(axis=1, keepdims=True) - np.float32(self._plan.options.prune)
        return replace(choice, scores=np.where(choice.scores < least, DEAD, choice.scores))

    def _extend(self, choice: Choice, forced: BoolArray, stuck: BoolArray) -> IntArray:
        """The beam after a choice; gives back the rows that were continued, `[rows]`."""
        parents, tokens = choice.parents.reshape(-1), choice.tokens.reshape(-1)
        size, eos = choice.tokens.shape[1], self._plan.setup.eos
        over = self._beam.rows.finished[parents]
        still = over | np.repeat(stuck, size)
        ends = (tokens == eos) & ~still & ~forced[parents]
        log_probs = np.where(still, np.float32(0), self._log_probs[parents, tokens])
        grown = ~(still | ends | forced[parents])
        scores, finished = choice.scores.reshape(-1).astype(np.float32), over | ends
        self._beam = self._beam.reorder(parents, size).push(
            Column(tokens, scores, log_probs, parents, grown, finished, self._covered(parents, still))
        )
        self._rules.reorder(parents)
        self._rules.push(tokens)
        return parents

    def _covered(self, parents: IntArray, still: BoolArray) -> FloatArray | None:
        """Summed attention of the rows that go on, `[rows, source]`."""
        if not self._covers:
            return None
        new = np.where(still[:, None], np.float32(0), self._maps[-1][parents])
        before = self._beam.rows.coverage
        return new if before is None else before[parents] + new

    def _end(self, parents: IntArray, sums: FloatArray) -> None:
        """Complete hypotheses that leave the beam while their sentence goes on."""
        if not len(parents):
            return
        tokens = np.full(len(parents), self._plan.setup.eos)
        none = np.zeros(len(parents), np.bool_)
        own = self._log_probs[parents, tokens]
        covered = self._covered(parents, none)
        column = Column(tokens, sums, own, parents, none, ~none, covered)
        ended = self._beam.reorder(parents, 1).push(column)
        unmet: list[list[list[int]]] = [[] for _ in parents]
        for sentence, one in zip(ended.sentences.tolist(), self._told_of(ended, unmet), strict=True):
            self._complete[sentence].append(one)

    def _done(self) -> BoolArray:
        """Sentences that need no further turn, `[active]`."""
        beam, options = self._beam, self._plan.options
        rows, shape = beam.rows, (-1, beam.width)
        finished = rows.finished.reshape(shape)
        dead = beam.by_sentence == DEAD
        done: BoolArray = (finished | dead).all(axis=1)
        written = rows.tokens.shape[1] - rows.starts[:: beam.width]
        done |= written >= self._plan.setup.max_lengths[beam.sentences]
        for place in np.flatnonzero(self._plan.needed[beam.sentences]):
            share = top_share(int(self._plan.needed[beam.sentences[place]]), options.beam_size)
            done[place] |= (finished & ~dead)[place].sum() >= max(share, options.n_best)
        if options.patience:
            enough = options.patience * options.beam_size
            done |= np.array([len(self._complete[s]) >= enough for s in beam.sentences.tolist()], np.bool_)
        return done

    def _leave(self, done: BoolArray, stuck: BoolArray) -> Iterator[Event]:
        """Give back what is done and go on without it."""
        if not done.any():
            return
        beam, width = self._beam, self._beam.width
        events = []
        for place in np.flatnonzero(done):
            mine = np.arange(place * width, (place + 1) * width)
            events.append(self._finish(int(beam.sentences[place]), mine[beam.live[mine]], bool(stuck[place])))
        stays = np.flatnonzero(~np.repeat(done, width))
        self._beam = beam.reorder(stays, width)
        self._rules.reorder(stays)
        yield from events

    def _finish(self, sentence: int, rows: IntArray, stuck: bool) -> Event:
        """The event that a sentence ends with; `rows` are its live ones."""
        found = self._complete.pop(sentence, [])
        written = self._beam.rows.tokens.shape[1] - len(self._plan.prefixes[sentence])
        at_end = written >= self._plan.setup.max_lengths[sentence] and not stuck
        if at_end or not found:
            unmet = [self._rules.unmet(row) for row in rows.tolist()]
            found += self._told_of(self._beam.reorder(rows, 1), unmet)
        hypotheses = best_of(found, self._plan.options.n_best, self._plan.key)
        return Event(sentence, hypotheses[0].tokens[self._told.pop(sentence, 0) :], hypotheses)

    def _told_of(self, beam: Beam, unmet: Sequence[list[list[int]]]) -> list[Hypothesis]:
        """Every row of a beam as a hypothesis."""
        ranked = self._rules.ranked(beam.rows)
        found = hypotheses_of(beam, ranked, unmet)
        if not self._plan.attention:
            return found
        nothing = self._look()[:0]
        return [
            replace(one, attention=attention_of(beam, row, len(one.log_probs), self._maps, nothing))
            for row, one in enumerate(found)
        ]

    def _news(self, going_on: BoolArray) -> Iterator[Event]:
        """What has become certain in sentences that go on."""
        for place in np.flatnonzero(going_on):
            sentence = int(self._beam.sentences[place])
            told = self._told[sentence]
            new = settled(self._beam, int(place), told, self._complete.get(sentence, ()))
            if new:
                self._told[sentence] = told + len(new)
                yield Event(sentence, new)


def _held(choice: Choice, beam: Beam, stuck: BoolArray) -> Choice:
    """The choice with the rows of stuck sentences as they were."""
    parents, tokens, scores = choice.parents.copy(), choice.tokens.copy(), choice.scores.copy()
    for place in np.flatnonzero(stuck):
        mine = np.arange(place * beam.width, (place + 1) * beam.width)
        parents[place], tokens[place] = mine[0], 0
        parents[place, : beam.width] = mine
        scores[place, : beam.width] = beam.rows.scores[mine]
    return Choice(parents, tokens, scores)
