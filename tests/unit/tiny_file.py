"""Small random models as files, through the real exporter; tests load this by `runpy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from seqtools.export.file import describe, save
from seqtools.nn.language_model import LanguageModel
from seqtools.plugin import Tokenizer
from seqtools.recipe import NetworkConfig
from seqtools_byte.tokenizer import ByteTokenizer
from seqtools_char.tokenizer import FIRST_CHARACTER, CharTokenizer
from seqtools_generate.graph import build
from seqtools_word.tokenizer import WordTokenizer

LETTERS = "\n abcdefghijklmnopqrstuvwxyzEJMORäß"
CHAR = CharTokenizer(LETTERS)
WORD = WordTokenizer(["\n", "the", "king", "is", "dead", ",", ".", "long", "live"])
BYTE = ByteTokenizer()


def tiny_network(tokenizer: Tokenizer, *, seed: int = 0, **network: Any) -> LanguageModel:
    """A random network whose opinions are strong enough to tell tokens apart."""
    torch.manual_seed(seed)
    config = NetworkConfig(**{"cell": "lstm.v1", "layers": 1, "width": 20, **network})
    model = LanguageModel(config, tokenizer.vocab_size).eval()
    with torch.no_grad():
        model.head.weight.mul_(6)
        # Half characters and specials are rare, as in a trained model.
        model.head.bias[: FIRST_CHARACTER if tokenizer is CHAR else 3] -= 4
    return model


def write_tiny(
    path: Path,
    tokenizer: Tokenizer = CHAR,
    *,
    profile: str = "portable",
    form: str = "text",
    per_line: bool = False,
    eos_bias: float = 0.0,
    **network: Any,
) -> Path:
    """Export a tiny network; `per_line` models end their texts sooner with a larger `eos_bias`."""
    model = tiny_network(tokenizer, **network)
    with torch.no_grad():
        model.head.bias[tokenizer.eos] += eos_bias
    card = {"what": "a test model", "tokenizer": {"kind": tokenizer.kind, "one_text_a_line": per_line}}
    start = tokenizer.bos if per_line else None
    built = build(model, tokenizer, profile=profile, form=form, card=card, start=start)
    stored = {"kind": tokenizer.kind, "payload": tokenizer.payload()}
    told = {"task": "generate", "profile": profile, "form": form, "io": {}, "tokenizer": stored}
    describe(built, {**told, "card": card, "parity": {}})
    save(built, path)
    return path
