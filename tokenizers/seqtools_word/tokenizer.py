"""Words as tokens. Rare words become `<unk>`; blanks are not kept, so decoding is a good guess at them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtools.characters import BLANKS
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
from seqtools_word.chunks import Chunks
from seqtools_word.folding import Folding
from seqtools_word.pattern import QUOTE, joins_left, joins_right, pattern, surface
from seqtools_word.stemming import gathered, stemmer
from seqtools_word.stop_words import stop_words as spelled

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

MODES = ("text", "whitespace")
_OFF: dict[str, Any] = {
    "newlines": True,
    "normalize": "none",
    "accents": True,
    "digits": False,
    "stop_words": [],
    "stemmer": "",
    "forms": {},
}
OPTIONS = ("mode", "lowercase", "unk", *(name for name in _OFF if name != "forms"))
"""What `train` takes besides the size of the vocabulary."""
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
        newlines: False reads a newline as a blank: no token stands for it.
        normalize: `none`, `nfd` or `nfkd`: decompose characters first; see `Folding`.
        accents: False drops combining marks after that.
        digits: write every digit as 0.
        stop_words: leave these out: `english`, or words with commas between them; "" for none.
        stemmer: language of the stemmer that the vocabulary was made with; "" for none.
        forms: ids of further forms of words, as a stemmer found them; one that is not listed is unknown.

    Attributes:
        ids: id of each word and form.
        surfaces: what each id shows, `[vocab]`.
        left, right: whether an id allows no blank before it, after it; bool `[vocab]`.
        quote: id of the straight quote that may open or close, -1 if there is none.
        folding: what happens to a text before it is cut.
        stopped: the words that are left out, as they stand in a folded text.
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
        newlines: bool = True,
        normalize: str = "none",
        accents: bool = True,
        digits: bool = False,
        stop_words: str | Sequence[str] = "",
        stemmer: str = "",
        forms: Mapping[str, int] | None = None,
    ) -> None:
        if mode not in MODES:
            raise UsageError("tokenizer option 'mode'", f"{mode!r} is unknown", f"Use {' or '.join(MODES)}")
        if unk and not _MARKER.fullmatch(unk):
            raise UsageError(
                "tokenizer option 'unk'", f"{unk!r} is no marker", "Use one word or something like <unk>"
            )
        self.folding = Folding(lowercase=lowercase, normalize=normalize, accents=accents, digits=digits)
        unk = self.folding.text(unk)
        self.mode, self.unk, self.newlines, self.stemmer = mode, unk, newlines, stemmer
        self.words, self.forms = [*SPECIALS, *words], dict(forms or {})
        self.pattern = pattern(mode, unk, newlines=newlines)
        self._cut = re.compile(self.pattern)
        self.stopped: frozenset[str] = frozenset()
        self.stopped = frozenset(map(self._one_word, spelled(stop_words)))
        # Words of the text itself that look like our start and end ids are ordinary words.
        self.ids = {word: index for index, word in enumerate(words, len(SPECIALS))}
        if len(self.ids) != len(words):
            raise DataError("word tokenizer", "a word is listed twice", "List each word once")
        if not all(len(SPECIALS) <= index < len(self.words) for index in self.forms.values()):
            raise DataError("word tokenizer", "a form belongs to no word", "Give ids of words")
        self.ids = {**self.forms, **self.ids}
        if unk:
            self.ids[unk] = UNKNOWN
        self._chunks = Chunks(self._ids_of)
        self.surfaces = [unk or SPECIALS[UNKNOWN], "", "", *map(surface, words)]
        self.left = np.array([joins_left(word, mode) for word in self.words])
        self.right = np.array([joins_right(word, mode) for word in self.words])
        self.quote = self.ids.get(QUOTE, -1) if mode == "text" else -1
        self.left[[BOS, EOS]] = self.right[[BOS, EOS]] = True

    @property
    def vocab_size(self) -> int:
        """Specials and words."""
        return len(self.words)

    @property
    def lowercase(self) -> bool:
        """Whether text is folded to lower case."""
        return self.folding.lowercase

    @classmethod
    def train(
        cls, texts: Iterable[str], *, vocab_size: int = 0, min_count: int = 2, **options: Any
    ) -> WordTokenizer:
        """The most frequent words of a corpus; with a stemmer, of families of words that share a stem.

        Args:
            texts: the corpus in pieces; a word may be cut by the border of two pieces.
            vocab_size: most ids to use; 0 means 30,000.
            min_count: leave out words seen less often; 1 keeps all.
            options: those of the class.

        Raises:
            DataError: no word is frequent enough.
            MissingDependencyError: a stemmer is asked for, and the package of stemmers is not installed.
            UsageError: an option is unknown or out of range.
        """
        unknown = [name for name in options if name not in OPTIONS]
        refuse_options(cls.kind, unknown, ("vocab_size", "min_count", *OPTIONS))
        check_number("min_count", min_count, 1)
        if vocab_size:
            check_number("vocab_size", vocab_size, len(SPECIALS) + 1)
        empty = cls((), **options)
        stem = stemmer(empty.stemmer) if empty.stemmer else None
        counts: Mapping[str, int] = empty._count(texts)
        families: dict[str, str] = {}
        if stem:
            counts, families = gathered(counts, stem)
        kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
        kept = kept[: (vocab_size or DEFAULT_VOCAB_SIZE) - len(SPECIALS)]
        if not kept:
            cause = f"no word occurs {min_count} times" if counts else "it holds no words"
            raise DataError("corpus", cause, "Give more text, or set min_count = 1")
        ids = {word: index for index, (_, word) in enumerate(kept, len(SPECIALS))}
        forms = {form: ids[word] for form, word in families.items() if word in ids}
        return cls(list(ids), **options, forms=forms)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> WordTokenizer:
        """Rebuild from `payload()`.

        Raises:
            DataError: the payload is damaged.
        """
        try:
            # The first three stand in every payload; what came later is left out where it is off.
            needed = {name: payload[name] for name in ("mode", "lowercase", "unk")}
            further = {name: payload[name] for name in (*OPTIONS, "forms") if name in payload}
            return cls(list(payload["words"]), **{**needed, **further})
        except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
            raise payload_error(cls.kind, error) from error

    def payload(self) -> dict[str, Any]:
        """The words after the specials, and the options that change how a text is cut."""
        further = {**self._options(), "forms": self.forms}
        return {
            "words": self.words[len(SPECIALS) :],
            **{name: further.pop(name) for name in ("mode", "lowercase", "unk")},
            **{name: value for name, value in further.items() if value != _OFF[name]},
        }

    def extend(self, texts: Iterable[str]) -> WordTokenizer:
        """Add every word that is new in `texts` at the end, most frequent first.

        With a stemmer, a new form of a known word becomes one of its forms.
        """
        counts = self._count(texts)
        new = Counter({word: count for word, count in counts.items() if word not in self.ids})
        words, forms = self.words[len(SPECIALS) :], dict(self.forms)
        families: dict[str, str] = {}
        if self.stemmer:
            stem = stemmer(self.stemmer)
            known = {stem(word): index for index, word in enumerate(words, len(SPECIALS))}
            forms |= {word: known[stem(word)] for word in new if stem(word) in known}
            apart = {word: count for word, count in new.items() if word not in forms}
            new, families = gathered(apart, stem)
        words += [word for _, word in sorted((-count, word) for word, count in new.items())]
        ids = {word: index for index, word in enumerate(words, len(SPECIALS))}
        forms |= {form: ids[word] for form, word in families.items()}
        return WordTokenizer(words, **self._options(), forms=forms)

    def _options(self) -> dict[str, Any]:
        """What the constructor was told, apart from words and their forms."""
        folding = self.folding
        return {
            "mode": self.mode,
            "lowercase": folding.lowercase,
            "unk": self.unk,
            "newlines": self.newlines,
            "normalize": folding.normalize,
            "accents": folding.accents,
            "digits": folding.digits,
            "stop_words": sorted(self.stopped),
            "stemmer": self.stemmer,
        }

    def _one_word(self, word: str) -> str:
        """A stop word as it stands in a folded text."""
        found = self.cut(word)
        if len(found) != 1:
            cause = f"{word!r} is not one word"
            raise UsageError("tokenizer option 'stop_words'", cause, "Give words with commas between them")
        return found[0]

    def cut(self, text: str) -> list[str]:
        """The words of a text without stop words, before rare ones become unknown."""
        words: list[str] = self._cut.findall(self.folding.text(well_formed(text)))
        return [word for word in words if word not in self.stopped] if self.stopped else words

    def _ids_of(self, text: str) -> list[int]:
        ids = self.ids
        return [ids.get(word, UNKNOWN) for word in self.cut(text)]

    def encode(self, text: str) -> IntArray:
        """Ids of the words of a text, `[time]`."""
        return np.fromiter(self._chunks.of(text), np.int64)

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
        chunks = Chunks(self.cut)
        for text in _whole_words(texts):
            counts.update(chunks.of(text))
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
