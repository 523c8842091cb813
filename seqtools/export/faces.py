"""Tokenizers inside a graph: which have faces there, and how to get them."""

from __future__ import annotations

from typing import Any

from seqtools.errors import UsageError
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


def chosen_form(form: str, *tokenizers: Tokenizer) -> str:
    """The form that was asked for, or what `auto` stands for: `text` where all have faces, else `ids`.

    Raises:
        UsageError: it is none, or these tokenizers cannot be had in it.
    """
    if form not in ("auto", "text", "ids", "fused"):
        raise UsageError("--form", f"{form!r} is not a form", "Choose auto, text, ids or fused")
    fit = has_faces(*tokenizers)
    if form == "fused" and not fusible(*tokenizers):
        raise UsageError("--form", "'fused' is for SentencePiece tokenizers", "Use --form auto")
    if form == "text" and not fit:
        which = "the" if len(tokenizers) == 1 else "a"
        raise UsageError("--form", f"{which} tokenizer has no face inside a graph", "Use --form ids")
    return form if form != "auto" else "text" if fit else "ids"


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
