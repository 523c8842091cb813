"""Beam search over a step model, outside the graph: what callers use.

With nothing but beam size, alpha, lengths and prefixes it does what its face inside the graph does, in the
same order and precision, so that both give the same hypotheses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack

from seqtools.errors import UsageError
from seqtools.plugin import StepModel
from seqtools.search import SearchConstraint, SearchScorer
from seqtools_beam import hypotheses
from seqtools_beam.ensemble import ensemble
from seqtools_beam.options import BeamOptions
from seqtools_beam.request import Given, Request
from seqtools_beam.rules import Rules
from seqtools_beam.sampling import noise
from seqtools_beam.turns import Turns


class BeamSearch:
    """Finds likely token sequences.

    A hypothesis grows by the raw sum of its log-probabilities; a finished one stays in the beam and competes
    with its own. Candidates are ordered by sum, then by row, log-probability and token. At the end
    hypotheses are ranked by what the scorers make of the sums, by default sum / length with the end
    token counted.

    Args:
        options: see `BeamOptions`; None is the defaults.
        scorers, constraints: further rules as objects, after those that the options name.

    Raises:
        UsageError: options name a rule that no plugin offers.
    """

    Options = BeamOptions
    Hypothesis = hypotheses.Hypothesis
    Event = hypotheses.Event
    ensemble = staticmethod(ensemble)
    noise = staticmethod(noise)

    def __init__(
        self,
        options: BeamOptions | None = None,
        scorers: Sequence[SearchScorer] = (),
        constraints: Sequence[SearchConstraint] = (),
    ) -> None:
        self.options = options or BeamOptions()
        self._rules = Rules.of(self.options, scorers, constraints)

    def run(
        self, model: StepModel, batch: int, *, eos: int, **given: Unpack[Given]
    ) -> list[list[hypotheses.Hypothesis]]:
        """Search all sentences of a batch.

        Args:
            model: what to search; see `seqtools.plugin.StepModel`.
            batch: sentences; `model.first(batch)` is asked for them.
            eos: the end token, or -1 for none.
            given: lengths, prefixes, phrases and so on; see `request.Request`.

        Returns:
            For each sentence its `n_best` hypotheses, best first; fewer where fewer exist, but at least one.

        Raises:
            UsageError: something given does not fit.
        """
        events = self._events(model, eos, Request(batch, self.options, **given), streams=False)
        done = {event.sentence: event.hypotheses or [] for event in events}
        return [done[sentence] for sentence in range(batch)]

    def stream(
        self, model: StepModel, batch: int, *, eos: int, **given: Unpack[Given]
    ) -> Iterator[hypotheses.Event]:
        """As `run`, but tell what is certain as soon as it is; a sentence's tokens are never taken back.

        Raises:
            UsageError: something given does not fit.
        """
        return self._events(model, eos, Request(batch, self.options, **given), streams=True)

    def _events(
        self, model: StepModel, eos: int, request: Request, *, streams: bool
    ) -> Iterator[hypotheses.Event]:
        if request.batch == 0:
            return iter(())
        self._check_attention(model, request)
        log_probs, state = model.first(request.batch)
        plan = request.plan(self._rules, eos, log_probs.shape[1], streams=streams)
        return Turns(plan, model, log_probs, state).events()

    def _check_attention(self, model: StepModel, request: Request) -> None:
        if (request.attention or self._rules.needs_coverage) and not hasattr(model, "attention"):
            what = "its attention is asked for" if request.attention else "a coverage penalty needs attention"
            cause = f"{what}, but the model has none"
            raise UsageError("beam search", cause, "Use a model with attention, or do without")
