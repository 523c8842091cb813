"""Tokenizers inside a graph: which have faces there, and how to get them."""

from __future__ import annotations

from typing import Any

from seqtools.export.fused import FusedSentencePiece
from seqtools.loader import tokenizer as tokenizer_spec
from seqtools.plugin import Tokenizer, resolve


def has_faces(*tokenizers: Tokenizer) -> bool:
    """Whether all of them have faces inside a graph."""
    return all(tokenizer_spec(one.kind).graph for one in tokenizers)


def fusible(*tokenizers: Tokenizer) -> bool:
    """Whether the form `fused` is one of its own for them: SentencePiece somewhere, faces for the rest."""
    kinds = [one.kind == "sentencepiece" for one in tokenizers]
    rest = [one for one, fuses in zip(tokenizers, kinds, strict=True) if not fuses]
    return any(kinds) and has_faces(*rest)


def face(tokenizer: Tokenizer, *, fused: bool = False) -> Any:
    """The face, with `encode` and `decode`.

    Args:
        tokenizer: the host's.
        fused: SentencePiece by the operators of onnxruntime-extensions.
    """
    if fused and tokenizer.kind == "sentencepiece":
        return FusedSentencePiece(tokenizer)
    spec = tokenizer_spec(tokenizer.kind)
    return resolve(spec.graph, f"tokenizer '{spec.name}'")(tokenizer)
