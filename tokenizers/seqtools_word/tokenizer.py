"""Words as tokens. Rare words become `<unk>`; blanks are not kept, so decoding is a good guess at them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtools.errors import DataError, UsageError
from seqtools.tokens import (
    BOS,
    EOS,
    SPECIALS,
    UNKNOWN,
    check_number,
    checked_ids,
    payload_error,
    refuse_options,
    well_formed,
)
from seqtools_word.pattern import BLANKS, QUOTE, joins_left, joins_right, lower, pattern, surface

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

MODES = ("text", "whitespace")
DEFAULT_VOCAB_SIZE = 30_000
# Words kept while counting a huge corpus; above it those seen once are forgotten.
_COUNTED_WORDS = 2_000_000
# A piece of text without any blank is cut here at last.
_LONGEST_TAIL = 1 << 20
_LAST_BLANK = re.compile(f"[{BLANKS}](?=[^{BLANKS}]*\\Z)")
# A marker that survives cutting: one plain word, or something in brackets.
_MARKER = re.compile(r"\w+|<\S+>|\[\S+\]|\{\S+\}")


class WordStream:
    """Turns word ids into text; a word is final as soon as it is known."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._words = tokenizer
        self._glued = self._after_opening = True

    def push(self, token: int) -> str:
        """The word, after a blank unless one of its neighbours forbids it."""
        words = self._words
        blank = "" if self._glued or words.left[token] else " "
        # A quote after an opening mark or at the start of a line opens, however it was met in training.
        opens = token == words.quote and self._after_opening
        self._after_opening = bool(words.right[token])
        self._glued = self._after_opening or opens
        return blank + words.surfaces[token]

    def flush(self) -> str:
        """Nothing is ever held back."""
        return ""


class WordTokenizer:
    """Words of a text, as `mode` cuts them.

    Args:
        words: the vocabulary after the three specials, most frequent first, without repeats.
        mode: `text` cuts words, numbers, punctuation marks and newlines; `whitespace` cuts at blanks and
            makes every newline a token (the way PTB and WikiText are written).
        lowercase: fold to lower case first.
        unk: the word that a prepared corpus writes for rare words; it gets the unknown id. "" for none.

    Attributes:
        ids: id of each word.
        surfaces: what each id shows, `[vocab]`.
        left, right: whether an id allows no blank before it, after it; bool `[vocab]`.
        quote: id of the straight quote that may open or close, -1 if there is none.
    """

    kind: ClassVar[str] = "word"
    bos = BOS
    eos = EOS
    unknown = UNKNOWN

    def __init__(
        self,
        words: Sequence[str],
        *,
        mode: str = "text",
        lowercase: bool = False,
        unk: str = SPECIALS[UNKNOWN],
    ) -> None:
        if mode not in MODES:
            raise UsageError("tokenizer option 'mode'", f"{mode!r} is unknown", f"Use {' or '.join(MODES)}")
        if unk and not _MARKER.fullmatch(unk):
            raise UsageError(
                "tokenizer option 'unk'", f"{unk!r} is no marker", "Use one word or something like <unk>"
            )
        unk = lower(unk) if lowercase else unk
        self.mode, self.lowercase, self.unk = mode, lowercase, unk
        self.words = [*SPECIALS, *words]
        self.pattern = pattern(mode, unk)
        self._cut = re.compile(self.pattern)
        # Words of the text itself that look like our start and end ids are ordinary words.
        self.ids = {word: index for index, word in enumerate(words, len(SPECIALS))}
        if len(self.ids) != len(words):
            raise DataError("word tokenizer", "a word is listed twice", "List each word once")
        if unk:
            self.ids[unk] = UNKNOWN
        self.surfaces = [unk or SPECIALS[UNKNOWN], "", "", *map(surface, words)]
        self.left = np.array([joins_left(word, mode) for word in self.words])
        self.right = np.array([joins_right(word, mode) for word in self.words])
        self.quote = self.ids.get(QUOTE, -1) if mode == "text" else -1
        self.left[[BOS, EOS]] = self.right[[BOS, EOS]] = True

    @property
    def vocab_size(self) -> int:
        """Specials and words."""
        return len(self.words)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocab_size: int = 0,
        min_count: int = 2,
        mode: str = "text",
        lowercase: bool = False,
        unk: str = SPECIALS[UNKNOWN],
        **options: Any,
    ) -> WordTokenizer:
        """The most frequent words of a corpus.

        Args:
            texts: the corpus in pieces; a word may be cut by the border of two pieces.
            vocab_size: most ids to use; 0 means 30,000.
            min_count: leave out words seen less often; 1 keeps all.
            mode: see the class.
            lowercase: see the class.
            unk: see the class.
            options: none other exists.

        Raises:
            DataError: no word is frequent enough.
            UsageError: an option is unknown or out of range.
        """
        refuse_options(cls.kind, options, ("vocab_size", "min_count", "mode", "lowercase", "unk"))
        check_number("min_count", min_count, 1)
        if vocab_size:
            check_number("vocab_size", vocab_size, len(SPECIALS) + 1)
        empty = cls((), mode=mode, lowercase=lowercase, unk=unk)
        counts = empty._count(texts)
        kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
        kept = kept[: (vocab_size or DEFAULT_VOCAB_SIZE) - len(SPECIALS)]
        if not kept:
            cause = f"no word occurs {min_count} times" if counts else "it holds no words"
            raise DataError("corpus", cause, "Give more text, or set min_count = 1")
        return cls([word for _, word in kept], mode=mode, lowercase=lowercase, unk=unk)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> WordTokenizer:
        """Rebuild from `payload()`.

        Raises:
            DataError: the payload is damaged.
        """
        try:
            return cls(
                list(payload["words"]),
                mode=str(payload["mode"]),
                lowercase=bool(payload["lowercase"]),
                unk=str(payload["unk"]),
            )
        except (KeyError, TypeError, UsageError) as error:
            raise payload_error(cls.kind, error) from error

    def payload(self) -> dict[str, Any]:
        """The words after the specials, and the options that change how a text is cut."""
        return {
            "words": self.words[len(SPECIALS) :],
            "mode": self.mode,
            "lowercase": self.lowercase,
            "unk": self.unk,
        }

    def extend(self, texts: Iterable[str]) -> WordTokenizer:
        """Add every word that is new in `texts` at the end, most frequent first."""
        counts = self._count(texts)
        new = sorted((-count, word) for word, count in counts.items() if word not in self.ids)
        words = [*self.words[len(SPECIALS) :], *(word for _, word in new)]
        return WordTokenizer(words, mode=self.mode, lowercase=self.lowercase, unk=self.unk)

    def cut(self, text: str) -> list[str]:
        """The words of a text, before rare ones become unknown."""
        text = well_formed(text)
        return self._cut.findall(lower(text) if self.lowercase else text)

    def encode(self, text: str) -> IntArray:
        """Ids of the words of a text, `[time]`."""
        ids = self.ids
        return np.array([ids.get(word, UNKNOWN) for word in self.cut(text)], dtype=np.int64)

    def encode_sampled(self, text: str, rng: np.random.Generator) -> IntArray:
        """As `encode`; words have one segmentation only."""
        del rng
        return self.encode(text)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """Words joined to text; blanks are put where printed text has them.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return "".join(map(self.stream().push, checked_ids(ids, self.vocab_size).tolist()))

    def stream(self) -> WordStream:
        """Text while tokens arrive; push the prompt first so that the blank after it is right."""
        return WordStream(self)

    def _count(self, texts: Iterable[str]) -> Counter[str]:
        """How often each word occurs; an endless corpus forgets words that stay rare."""
        counts: Counter[str] = Counter()
        for text in _whole_words(texts):
            counts.update(self.cut(text))
            if len(counts) > _COUNTED_WORDS:
                counts = Counter({word: count for word, count in counts.items() if count > 1})
        if self.unk:
            counts.pop(self.unk, None)
        return counts


def _whole_words(texts: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that end at a blank, so that no word is cut in two."""
    tail = ""
    for text in texts:
        tail += text
        found = _LAST_BLANK.search(tail, max(0, len(tail) - _LONGEST_TAIL))
        if found is None and len(tail) < _LONGEST_TAIL:
            continue
        end = len(tail) if found is None else found.start()
        yield tail[:end]
        tail = tail[end:]
    yield tail
