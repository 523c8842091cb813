"""What a caller asks of one run, checked and made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from seqtools.errors import UsageError
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchSetup
from seqtools_beam.allocation import AllocatedSelect
from seqtools_beam.diverse import DiverseSelect
from seqtools_beam.hypotheses import Key
from seqtools_beam.options import BeamOptions
from seqtools_beam.patience import PatientSelect
from seqtools_beam.rules import Rules
from seqtools_beam.sampling import SampleSelect, noise
from seqtools_beam.select import Selector, select
from seqtools_beam.sequences import checked
from seqtools_beam.turns import Plan

Tokens = Sequence[int]


class Given(TypedDict, total=False):
    """What `BeamSearch.run` and `stream` take beside model, batch and end token; see `Request`."""

    max_lengths: ArrayLike | None
    min_lengths: ArrayLike | None
    source_lengths: ArrayLike | None
    prefixes: Sequence[Tokens] | None
    biased_prefixes: Sequence[Tokens] | None
    phrases: Sequence[Sequence[Tokens]] | None
    banned: Sequence[Sequence[Tokens]] | None
    inputs: Mapping[str, Sequence[Any]] | None
    numbers: ArrayLike | None
    uniforms: FloatArray | None
    key: Key | None
    attention: bool


@dataclass(frozen=True)
class Request:
    """One run over a batch; whatever is given for sentences has one value for each.

    Attributes:
        batch: sentences.
        options: of the search.
        max_lengths, min_lengths: new tokens of each sentence `[batch]`; None for those of the options.
        source_lengths: `[batch]`, for the options' ratios.
        prefixes: a forced beginning for each; no part of its hypotheses and their scores.
        biased_prefixes: a wished beginning for each.
        phrases: the sequences that must appear in each.
        banned: the sequences that must not.
        inputs: what other rules take, by their names.
        numbers: of the sentences in the whole input, for the noise of samples; None counts from 0.
        uniforms: noise `[turns, batch, beam]` of samples, instead of one made from the seed.
        key: see `hypotheses.Key`; None compares the tokens themselves.
        attention: give it back with the hypotheses.
    """

    batch: int
    options: BeamOptions
    max_lengths: ArrayLike | None = None
    min_lengths: ArrayLike | None = None
    source_lengths: ArrayLike | None = None
    prefixes: Sequence[Tokens] | None = None
    biased_prefixes: Sequence[Tokens] | None = None
    phrases: Sequence[Sequence[Tokens]] | None = None
    banned: Sequence[Sequence[Tokens]] | None = None
    inputs: Mapping[str, Sequence[Any]] | None = field(default=None)
    numbers: ArrayLike | None = None
    uniforms: FloatArray | None = None
    key: Key | None = None
    attention: bool = False

    def plan(self, rules: Rules, eos: int, vocab: int, *, streams: bool) -> Plan:
        """The run, ready to start.

        Raises:
            UsageError: something does not fit the batch, the vocabulary or the options.
        """
        most, least = self._lengths()
        setup = SearchSetup(vocab, eos, self.options.beam_size, least, most)
        started = rules.started(setup, self._inputs())
        asking, needed = started.asking(self.batch)
        chosen = self._selector(setup)
        if asking:
            self._check_allocation()
            chosen = AllocatedSelect(chosen, asking, needed)
        prefixes = self._checked_prefixes(setup)
        return Plan(self.options, setup, started, chosen, needed, prefixes, self.key, self.attention, streams)

    def _lengths(self) -> tuple[IntArray, IntArray]:
        """Most and least new tokens, `[batch]`."""
        ratios = self.options.max_length_ratio or self.options.min_length_ratio
        if self.source_lengths is None and ratios and self.max_lengths is None:
            cause = "the lengths of the sources are not known"
            raise UsageError("length ratio", cause, "Give source_lengths, or max_length instead of a ratio")
        source = self._each("source_lengths", self.source_lengths, 0)
        most, least = self.options.lengths(source)
        if self.max_lengths is not None:
            most = self._each("max_lengths", self.max_lengths, 0)
        if self.min_lengths is not None:
            least = self._each("min_lengths", self.min_lengths, 0)
        return most, least

    def _each(self, name: str, values: ArrayLike | None, default: int) -> IntArray:
        """One whole number of 0 or more for each sentence."""
        told = np.full(self.batch, default, np.int64) if values is None else np.asarray(values, np.int64)
        if told.shape != (self.batch,) or (told < 0).any():
            cause = f"{name} are not {self.batch} numbers of 0 or more"
            raise UsageError("beam search", cause, "Give one for each sentence")
        return told

    def _inputs(self) -> dict[str, Sequence[Any]]:
        told: dict[str, Sequence[Any]] = dict(self.inputs or {})
        named = {"prefix_bias": self.biased_prefixes, "phrases": self.phrases, "banned": self.banned}
        if self.biased_prefixes is not None and not self.options.prefix_bias:
            raise UsageError("biased prefix", "its strength is 0", "Give a prefix_bias above 0, such as 0.6")
        return {**told, **{name: values for name, values in named.items() if values is not None}}

    def _selector(self, setup: SearchSetup) -> Selector:
        options = self.options
        if options.temperature > 0:
            return SampleSelect(self._noise(setup), options.temperature, options.top_k, options.top_p)
        if options.groups > 1:
            return DiverseSelect(options.groups, options.diversity)
        if options.patience:
            return PatientSelect(setup.eos)
        return select

    def _noise(self, setup: SearchSetup) -> FloatArray:
        turns = int(setup.max_lengths.max(initial=0))
        if self.uniforms is None:
            default = np.arange(self.batch)
            numbers = default if self.numbers is None else self._each("numbers", self.numbers, 0)
            return noise(self.options.seed, numbers, setup.beam, turns)
        drawn = np.asarray(self.uniforms, np.float32)
        if drawn.ndim != 3 or drawn.shape[0] < turns or drawn.shape[1:] != (self.batch, setup.beam):
            cause = f"uniforms have the shape {drawn.shape}, not ({turns}, {self.batch}, {setup.beam})"
            raise UsageError("beam search", cause, "Give noise for each turn, sentence and sample")
        return drawn

    def _check_allocation(self) -> None:
        options = self.options
        others = (
            ("temperature", options.temperature > 0),
            ("groups", options.groups > 1),
            ("patience", options.patience > 0),
        )
        for name, on in others:
            if on:
                raise UsageError(name, "it does not go together with phrases", "Drop one of them")

    def _checked_prefixes(self, setup: SearchSetup) -> list[list[int]]:
        if self.prefixes is None:
            return [[] for _ in range(self.batch)]
        if len(self.prefixes) != self.batch:
            cause = f"{len(self.prefixes)} prefixes for {self.batch} sentences"
            raise UsageError("beam search", cause, "Give one for each sentence, which may be empty")
        for prefix in self.prefixes:
            checked([prefix], setup, "a prefix")
        return [[int(token) for token in prefix] for prefix in self.prefixes]
