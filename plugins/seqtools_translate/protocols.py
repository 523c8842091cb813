"""How texts are made ready before they are compared: two protocols, whose BLEU must not be mixed.

`cased`: the text as people read it, tokenized by sacreBLEU itself (13a, the WMT protocol; Post 2018).
`lc-tok`: lower-cased, Moses punctuation normalisation, Moses tokens, then BLEU on just those tokens. It
is how results on Multi30k are published, and gives the files of its `data/task1/tok` line for line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

_OTHER_TOKENS = {"zh": "zh", **dict.fromkeys(("ja", "ko", "th", "km", "lo", "my"), "char")}

TextMap = Callable[[str], str]


@dataclass(frozen=True)
class Protocol:
    """A way to compare texts.

    Attributes:
        name: `cased`, `lowercased` or `lc-tok`.
        summary: what it is, in a few words.
        prepare: what is done to each line before sacreBLEU sees it.
        tokenize: sacreBLEU's own tokenizer for what `prepare` gives.
        lowercase: sacreBLEU lower-cases.
    """

    name: str
    summary: str
    prepare: TextMap
    tokenize: str
    lowercase: bool = False

    @property
    def surface(self) -> bool:
        """Whether it compares text as people write it, so that figures on characters mean something."""
        return self.tokenize != "none"


def detokenized(language: str = "", *, lowercase: bool = False) -> Protocol:
    """sacreBLEU's protocol on plain text; lower-cased for models that write no capitals.

    Chinese is split by sacreBLEU's own rules, other languages without blanks by characters.
    """
    tokenize = _OTHER_TOKENS.get(language, "13a")
    name, how = ("lowercased", "lower-cased") if lowercase else ("cased", "cased")
    return Protocol(name, f"{how}, detokenised, {tokenize}", _same, tokenize, lowercase)


def literature(language: str) -> Protocol:
    """The protocol of published Multi30k results, for a target language as a two-letter code.

    Raises:
        ModuleNotFoundError: sacremoses is not installed (extra `evaluate`).
    """
    summary = f"lower-cased, normalised, Moses tokens ({language})"
    return Protocol("lc-tok", summary, moses(language), "none")


@functools.lru_cache(maxsize=8)
def moses(language: str) -> TextMap:
    """Lower-case, normalise punctuation and tokenize as the Moses scripts do, XML escapes included."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalizer, tokenizer = MosesPunctNormalizer(language), MosesTokenizer(language)

    def prepare(text: str) -> str:
        tokens: str = tokenizer.tokenize(normalizer.normalize(text.lower()), return_str=True)
        return tokens

    return prepare


def _same(text: str) -> str:
    return text
