"""The scorers and constraints of a search, found by name as anyone's are, applied in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.errors import PluginError, SeqtoolsError, UsageError
from seqtools.provided import Provided, cure_for, describe
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchConstraint, SearchRows, SearchRule, SearchScorer, SearchSetup
from seqtools.suggest import hint
from seqtools_beam.options import BeamOptions


@dataclass(frozen=True)
class Rules:
    """What a search obeys, by name; `started` gives those of one run."""

    scorers: Mapping[str, SearchScorer]
    constraints: Mapping[str, SearchConstraint]

    @classmethod
    def of(
        cls,
        options: BeamOptions,
        scorers: Sequence[SearchScorer] = (),
        constraints: Sequence[SearchConstraint] = (),
    ) -> Rules:
        """The rules that options name, from the registry, and further objects after them.

        Raises:
            UsageError: no plugin offers a name.
            PluginError: a rule could not be made from its settings.
        """
        made = {
            name: _made(loader.scorer(name), settings) for name, settings in options.named_scorers().items()
        }
        ruling = {
            name: _made(loader.constraint(name), settings)
            for name, settings in options.named_constraints().items()
        }
        made.update({f"scorer {n}": scorer for n, scorer in enumerate(scorers, 1)})
        ruling.update({f"constraint {n}": constraint for n, constraint in enumerate(constraints, 1)})
        return cls(made, ruling)

    @property
    def needs_coverage(self) -> bool:
        """Whether any of them looks at coverage."""
        return any(rule.needs_coverage for _, _, rule in self._named())

    def started(self, setup: SearchSetup, inputs: Mapping[str, Sequence[Any]]) -> Rules:
        """The rules for one run; those with nothing to do are left out.

        Raises:
            UsageError: inputs are for no rule of this search, or are not one value a sentence.
        """
        for name, values in inputs.items():
            known = {*self.scorers, *self.constraints}
            if name not in known:
                raise UsageError("beam search", f"no rule takes inputs for '{name}'", hint(name, known))
            if len(values) != setup.batch:
                cause = f"{len(values)} inputs of '{name}' for {setup.batch} sentences"
                raise UsageError("beam search", cause, "Give one for each sentence")
        return Rules(
            _started("scorer", self.scorers, setup, inputs),
            _started("constraint", self.constraints, setup, inputs),
        )

    def adjusted(self, log_probs: FloatArray, rows: SearchRows) -> FloatArray:
        """Scores `[rows, vocab]` of the next token; `log_probs` may be changed in place."""
        scores = log_probs
        for name, scorer in self.scorers.items():
            with _blaming("scorer", name):
                scores = _fitting(scorer.adjust(scores, rows), log_probs.shape)
        for name, constraint in self.constraints.items():
            with _blaming("constraint", name):
                constraint.forbid(scores, rows)
        return scores

    def ranked(self, rows: SearchRows) -> FloatArray:
        """What hypotheses are ranked by, `[rows]`."""
        scores = rows.scores
        for name, scorer in self.scorers.items():
            with _blaming("scorer", name):
                scores = _fitting(scorer.rank(scores, rows), scores.shape)
        return scores

    def asking(self, batch: int) -> tuple[list[SearchConstraint], IntArray]:
        """The constraints that ask for tokens, and the progress each sentence has to reach, `[batch]`."""
        told = [(rule, rule.needed()) for rule in self.constraints.values()]
        asking = [(rule, needed) for rule, needed in told if needed is not None]
        total = np.zeros(batch, np.int64)
        for _, needed in asking:
            total += needed
        return [rule for rule, _ in asking], total

    def unmet(self, row: int) -> list[list[int]]:
        """What a row was asked for and does not hold."""
        return [sequence for rule in self.constraints.values() for sequence in rule.unmet(row)]

    def reorder(self, rows: IntArray) -> None:
        """Follow the rows."""
        for kind, name, rule in self._named():
            with _blaming(kind, name):
                rule.reorder(rows)

    def push(self, tokens: IntArray) -> None:
        """Take one token a row."""
        for kind, name, rule in self._named():
            with _blaming(kind, name):
                rule.push(tokens)

    def _named(self) -> Iterator[tuple[str, str, SearchRule]]:
        for name, scorer in self.scorers.items():
            yield "scorer", name, scorer
        for name, constraint in self.constraints.items():
            yield "constraint", name, constraint


def _made(found: Provided[Any], settings: Mapping[str, Any]) -> Any:
    """A rule from its settings; whatever goes wrong names the plugin."""
    make, spec = found.load(), found.spec
    try:
        return make(**settings)
    except SeqtoolsError:
        raise
    except Exception as error:
        cause = f"{spec.kind} '{spec.name}' cannot be made from {dict(settings)}: {describe(error)}"
        raise PluginError(str(found.origin), cause, cure_for(found.origin)) from error


@contextmanager
def _blaming(kind: str, name: str) -> Iterator[None]:
    """Let whatever a rule raises name the rule."""
    try:
        yield
    except SeqtoolsError:
        raise
    except Exception as error:
        cause = f"it failed during the search: {describe(error)}"
        raise PluginError(f"{kind} '{name}'", cause, "Search without it, and tell its author") from error


def _fitting(scores: Any, shape: tuple[int, ...]) -> FloatArray:
    """A scorer's answer as float32, of the shape it was asked in."""
    answer: FloatArray = np.asarray(scores, np.float32)
    if answer.shape != shape:
        raise ValueError(f"it answers in the shape {answer.shape}, not {shape}")
    return answer


def _started(
    kind: str, rules: Mapping[str, Any], setup: SearchSetup, inputs: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    begun = {}
    for name, rule in rules.items():
        with _blaming(kind, name):
            run = rule.start(replace(setup, inputs=inputs.get(name)))
        if run is not None:
            begun[name] = run
    return begun
