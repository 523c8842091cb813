"""The faces of tokenizers inside a graph agree with their host faces."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest
import spox
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqtools.export.strings import join
from seqtools.plugin import Tokenizer
from seqtools_byte.graph import ByteGraph
from seqtools_byte.tokenizer import ByteTokenizer
from seqtools_char.graph import CharGraph
from seqtools_char.tokenizer import FIRST_CHARACTER, CharTokenizer
from seqtools_word.graph import WordGraph
from seqtools_word.tokenizer import WordTokenizer

Run = Callable[..., list[Any]]

TEXT = (
    'ROMEO:\n"He said, "Go!" (see "x") \'tis well-known--yes... 3.14 of 1,000;\n\n'
    "naïve café ΟΔΟΣ Ünder İ 日本語 🙂 “so”  two\tTabs\r\n[a] {b} don’t – $5 x/y <unk> <eos> été e\u0301\n"
)
TEXTS = [
    TEXT,
    "",
    "\n",
    " ",
    "a",
    TEXT * 3,
    '""""',
    '("")" "',
    "日本🙂\U00020000z",
    "   ",
    "..--....",
    "1.2.3,4'5",
]
# The characters that the char tokenizer of these tests has.
KNOWN = TEXT.replace("日", "") + "\ufffd"
# NUL ends a string on its way through onnxruntime's Python; surrogates cannot even enter.
ALPHABET = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
NEAR = st.sampled_from([*TEXT, *"\"'.,-0123456789 \n\t\u2003\u3000\x1c\x85\u200b"])
STRINGS = st.lists(st.text(ALPHABET | NEAR, max_size=30), min_size=1, max_size=4)
quickly = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def session(inputs: dict[str, spox.Var], outputs: dict[str, spox.Var]) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    opened = onnxruntime.InferenceSession(
        spox.build(inputs, outputs).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda **feeds: opened.run(None, feeds)


class Face:
    """A graph face, run."""

    def __init__(self, graph: Any, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        text = spox.argument(spox.Tensor(np.str_, ("batch",)))
        tokens = spox.argument(spox.Tensor(np.int64, ("batch", "time")))
        before = spox.argument(spox.Tensor(np.int64, ("batch",)))
        ids, lengths = graph.encode(text)
        self._encode = session({"text": text}, {"ids": ids, "lengths": lengths})
        self._decode = session(
            {"tokens": tokens}, {"text": graph.decode(tokens), "pieces": graph.pieces(tokens)}
        )
        more = graph.decode(tokens, before)
        self._more = session({"tokens": tokens, "before": before}, {"text": more})

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids, lengths = self._encode(text=np.array(texts, dtype=object))
        assert ids.dtype == lengths.dtype == np.int64
        assert ids.shape == (len(texts), max(lengths))
        return [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]

    def decode(self, tokens: Any) -> list[str]:
        text, pieces = self._decode(tokens=np.array(tokens, dtype=np.int64))
        assert text.tolist() == ["".join(row) for row in pieces]
        return list(text)

    def decode_after(self, before: int, tokens: list[int]) -> str:
        feeds = {"tokens": np.array([tokens], np.int64).reshape(1, -1), "before": np.array([before])}
        (text,) = self._more(**feeds)
        return str(text[0])


@pytest.fixture(scope="module")
def char() -> Face:
    tokenizer = CharTokenizer.train([KNOWN])
    return Face(CharGraph(tokenizer), tokenizer)


@pytest.fixture(scope="module")
def byte() -> Face:
    return Face(ByteGraph(ByteTokenizer()), ByteTokenizer())


def word_face(**options: Any) -> Face:
    tokenizer = WordTokenizer.train([TEXT], min_count=1, **options)
    return Face(WordGraph(tokenizer), tokenizer)


@pytest.fixture(scope="module", params=["text", "whitespace", "lowercase"])
def word(request: pytest.FixtureRequest) -> Face:
    if request.param == "lowercase":
        return word_face(lowercase=True)
    return word_face(mode=request.param)


class TestChar:
    def test_known_characters_are_the_same_ids(self, char: Face) -> None:
        texts = ["".join(c for c in text if c in KNOWN) for text in TEXTS]
        assert char.encode(texts) == [char.tokenizer.encode(text).tolist() for text in texts]

    def test_unknown_characters_are_unknown(self, char: Face) -> None:
        (ids,) = char.encode(["a日b"])
        assert ids == [*char.tokenizer.encode("a"), 0, *char.tokenizer.encode("b")]

    @quickly
    @given(data=st.data())
    def test_decode_is_the_same(self, char: Face, data: st.DataObject) -> None:
        ids = st.integers(0, char.tokenizer.vocab_size - 1) | st.integers(0, FIRST_CHARACTER)
        tokens = data.draw(st.lists(ids, max_size=30))
        expected = "".join(c if c in KNOWN else "\ufffd" for c in char.tokenizer.decode(tokens))
        assert char.decode(np.array([tokens]).reshape(1, -1)) == [expected]

    @quickly
    @given(texts=STRINGS)
    def test_spelled_characters_are_replaced_one_by_one(self, char: Face, texts: list[str]) -> None:
        for text in texts:
            ids = char.tokenizer.encode(text)
            expected = "".join(c if c in KNOWN else "\ufffd" for c in text)
            assert char.decode(ids[None]) == [expected]


class TestByte:
    def known(self, text: str) -> str:
        outside = [c for c in text if 0x10000 <= ord(c) < 0x1F000 or ord(c) >= 0x1FB00]
        return "".join("\ufffd" if c in outside else c for c in text)

    @quickly
    @given(texts=STRINGS)
    def test_encode_is_the_same(self, byte: Face, texts: list[str]) -> None:
        expected = [byte.tokenizer.encode(self.known(text)).tolist() for text in texts]
        assert byte.encode(texts) == expected

    def test_encode_of_awkward_texts(self, byte: Face) -> None:
        for texts in (TEXTS, [""], ["", ""], ["", "é"]):
            assert byte.encode(texts) == [byte.tokenizer.encode(self.known(t)).tolist() for t in texts]

    @quickly
    @given(data=st.binary(max_size=40))
    def test_decode_of_any_bytes(self, byte: Face, data: bytes) -> None:
        tokens = np.frombuffer(data, np.uint8)[None].astype(np.int64) + 3
        assert byte.decode(tokens)[0].replace("\0", "") == self.known(
            data.decode("utf-8", "replace")
        ).replace("\0", "")

    def test_decode_of_every_start_of_a_character(self, byte: Face) -> None:
        ends = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE1, 0xF1, 0xFF]
        rows = [[lead, a, b, 0x80] for lead in range(0x80, 0x100) for a in ends for b in ends]
        expected = [self.known(bytes(row).decode("utf-8", "replace")) for row in rows]
        assert byte.decode(np.array(rows) + 3) == expected

    def test_special_ids(self, byte: Face) -> None:
        rows = [[1, 0xE6 + 3, 0x97 + 3, 2, 0xA5 + 3, 0], [1, 1, 0x41 + 3, 2, 2, 2]]
        assert (
            byte.decode(rows) == [byte.tokenizer.decode(row) for row in rows] == ["\ufffd\ufffd\ufffd", "A"]
        )


class TestWord:
    @quickly
    @given(texts=STRINGS)
    def test_encode_is_the_same(self, word: Face, texts: list[str]) -> None:
        assert word.encode(texts) == [word.tokenizer.encode(text).tolist() for text in texts]

    def test_encode_of_awkward_texts(self, word: Face) -> None:
        for texts in (TEXTS, ["", ""], [" "]):
            assert word.encode(texts) == [word.tokenizer.encode(text).tolist() for text in texts]

    @quickly
    @given(data=st.data())
    def test_decode_is_the_same(self, word: Face, data: st.DataObject) -> None:
        quotes = {token for token in word.tokenizer.encode('"( "\n').tolist() if token}
        ids = st.integers(0, word.tokenizer.vocab_size - 1) | st.sampled_from([1, *sorted(quotes)])
        tokens = data.draw(st.lists(ids, max_size=20))
        assert word.decode(np.array([tokens]).reshape(1, -1)) == [word.tokenizer.decode(tokens)]

    def test_a_text_that_goes_on_gets_its_blank(self, word: Face) -> None:
        tokens = word.tokenizer.encode('said, "Go! (see x) see x').tolist()
        for cut in range(1, len(tokens) + 1):
            if word.tokenizer.decode([tokens[cut - 1]]) == '"':
                continue  # whether it opens depends on the id before it, which is not told
            begun = word.tokenizer.decode(tokens[:cut])
            assert begun + word.decode_after(tokens[cut - 1], tokens[cut:]) == word.tokenizer.decode(tokens)


PREPARED: dict[str, dict[str, Any]] = {
    "plain": {"lowercase": True, "normalize": "nfd", "newlines": False},
    "bare": {"normalize": "nfd", "accents": False},
    "compatible": {"normalize": "nfkd", "digits": True, "mode": "whitespace"},
    "all": {
        **{"lowercase": True, "normalize": "nfkd", "newlines": False, "accents": False, "digits": True},
        **{"stop_words": "english", "stemmer": "english"},
    },
    "stopped": {"stop_words": "said, <unk>, well-known", "lowercase": True},
    "stems": {"stemmer": "english", "newlines": False, "mode": "whitespace", "digits": True},
}
ODD = (
    "ÀÉé\u0301\u0327ﬁ½２²İıßẞΣς≠が한각Ⓐ…\u212b\u037e\u0340\u0344\u1ec7\u2126\u3000\uf900\ufb01<>K"
    + "a'’-.0919 "
)
PREPARED_STRINGS = st.lists(
    st.text(ALPHABET | NEAR | st.sampled_from(ODD), max_size=30) | st.sampled_from(["It is", "the films\n"]),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module", params=list(PREPARED))
def prepared(request: pytest.FixtureRequest) -> Face:
    texts = [TEXT, "films film it is 12 café e\u0301 각 か 0 <ünk> a-b K fi 1⁄2"]
    options: dict[str, Any] = PREPARED[request.param]
    tokenizer = WordTokenizer.train(texts, min_count=1, **options)
    return Face(WordGraph(tokenizer), tokenizer)


class TestPreparedWords:
    """Every option that prepares a text does inside a graph what it does on the host."""

    @quickly
    @given(texts=PREPARED_STRINGS)
    def test_encode_is_the_same(self, prepared: Face, texts: list[str]) -> None:
        assert prepared.encode(texts) == [prepared.tokenizer.encode(text).tolist() for text in texts]

    def test_encode_of_awkward_texts(self, prepared: Face) -> None:
        for texts in (TEXTS, ["", ""], [" "], [ODD, ODD.upper(), "it is", "The Films\r\n"], ["a\r\n" * 999]):
            assert prepared.encode(texts) == [prepared.tokenizer.encode(text).tolist() for text in texts]

    def test_encode_of_every_character_that_changes(self, prepared: Face) -> None:
        """Each between two letters, so that a border that moves is seen; in the vocabulary or not."""
        every = (chr(point) for point in (*range(1, 0xD800), *range(0xE000, 0x30000)))
        changed = [c for c in every if c.lower() != c or unicodedata.decomposition(c)]
        rows = [changed[first : first + 64] for first in range(0, len(changed), 64)]
        texts = ["\u2003".join(f"a{c}b" for c in row) for row in rows]
        assert prepared.encode(texts) == [prepared.tokenizer.encode(text).tolist() for text in texts]


def test_join_of_any_width() -> None:
    pieces = spox.argument(spox.Tensor(np.str_, ("batch", "time")))
    run = session({"pieces": pieces}, {"text": join(pieces)})
    rng = np.random.default_rng(0)
    for width in (*range(10), 31, 32, 33, 257):
        rows = [[chr(97 + int(c)) * int(c % 3) for c in rng.integers(0, 26, width)] for _ in range(3)]
        (text,) = run(pieces=np.array(rows, dtype=object).reshape(3, width))
        assert text.shape == (3,)
        assert text.tolist() == ["".join(row) for row in rows]
