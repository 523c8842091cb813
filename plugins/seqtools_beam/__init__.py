"""Beam search, for every task that writes tokens. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import DecoderSpec, hookimpl


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
