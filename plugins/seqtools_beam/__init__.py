"""Beam search, for every task that writes tokens. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import DecoderSpec, SearchConstraintSpec, SearchScorerSpec, hookimpl


@hookimpl
def seqtools_decoders() -> list[DecoderSpec]:
    """The search, with a face inside the graph and one outside."""
    return [
        DecoderSpec(
            name="beam",
            target="seqtools_beam.search:BeamSearch",
            graph="seqtools_beam.graph:BeamGraph",
            summary="The likeliest sequences, several at a time.",
        )
    ]


@hookimpl
def seqtools_search_scorers() -> list[SearchScorerSpec]:
    """What our own options rank and expand by."""
    return [
        SearchScorerSpec(
            name="length",
            target="seqtools_beam.penalties:Length",
            summary="Makes short and long hypotheses comparable; rewards words.",
        ),
        SearchScorerSpec(
            name="coverage",
            target="seqtools_beam.penalties:Coverage",
            summary="Punishes source that no token has looked at.",
        ),
        SearchScorerSpec(
            name="repetition",
            target="seqtools_beam.penalties:Repetition",
            summary="Makes tokens less likely that a hypothesis holds already.",
        ),
        SearchScorerSpec(
            name="prefix_bias",
            target="seqtools_beam.penalties:PrefixBias",
            summary="Pulls towards a given beginning, as long as it is followed.",
        ),
    ]


@hookimpl
def seqtools_search_constraints() -> list[SearchConstraintSpec]:
    """What our own options rule out and ask for."""
    return [
        SearchConstraintSpec(
            name="no_repeat_ngram",
            target="seqtools_beam.ngrams:NoRepeatNgram",
            summary="No sequence of n tokens twice.",
        ),
        SearchConstraintSpec(
            name="banned",
            target="seqtools_beam.banned:Banned",
            summary="Token sequences that must not appear.",
        ),
        SearchConstraintSpec(
            name="phrases",
            target="seqtools_beam.phrases:Phrases",
            summary="Token sequences that must appear.",
        ),
    ]
