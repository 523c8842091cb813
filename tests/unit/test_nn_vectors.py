"""Pretrained vectors from the text files that GloVe, fastText and word2vec write."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from seqtools import loader
from seqtools.errors import DataError
from seqtools.nn.vectors import load_vectors, read_vectors
from seqtools.plugin import Tokenizer

LINES = "the 1 2 3\ncat -1.5 0 2e-3\nsat 0.5 0.25 9\n"


def words() -> Tokenizer:
    made: Tokenizer = loader.tokenizer_class("word").train(
        ["the cat sat there\n"], mode="whitespace", min_count=1
    )
    return made


def put(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("glove.txt", LINES),
        ("glove.txt.gz", LINES),
        ("fasttext.vec", "3 3\n" + LINES.replace("\n", " \n")),
        ("windows.txt", LINES.replace("\n", "\r\n")),
    ],
)
def test_all_forms_read_alike(tmp_path: Path, name: str, text: str) -> None:
    found = dict(read_vectors(put(tmp_path / name, text)))
    assert list(found) == ["the", "cat", "sat"]
    np.testing.assert_array_equal(found["cat"], np.array([-1.5, 0, 2e-3], np.float32))


def test_a_word_may_hold_blanks_and_a_blank_line_is_none(tmp_path: Path) -> None:
    found = list(read_vectors(put(tmp_path / "v", "a 1 2\n\n. . . 3 4\n")))
    assert [word for word, _ in found] == ["a", ". . ."]


def test_rows_of_known_words_are_filled_and_counted(tmp_path: Path) -> None:
    tokenizer, said = words(), list[str]()
    weight = torch.zeros(tokenizer.vocab_size, 3)
    path = put(tmp_path / "v.txt", LINES + "the 7 7 7\nunseen 5 5 5\n")
    assert load_vectors(path, tokenizer, weight, said.append) == 3
    assert weight[int(tokenizer.encode("the")[0])].tolist() == [1, 2, 3]  # the first of two
    other = weight[int(tokenizer.encode("there")[0])]
    assert bool(other.any())
    assert not bool((weight == 5).all(1).any())
    assert said == [f"vectors: 3 of {tokenizer.vocab_size} tokens from v.txt"]


def test_another_width_says_what_to_set(tmp_path: Path) -> None:
    tokenizer = words()
    with pytest.raises(DataError, match=r"have 3 values and the embedding 4.*network.embedding = 3"):
        load_vectors(put(tmp_path / "v", LINES), tokenizer, torch.zeros(tokenizer.vocab_size, 4), print)


def test_no_known_word(tmp_path: Path) -> None:
    tokenizer = words()
    with pytest.raises(DataError, match="none of its words is in the vocabulary"):
        load_vectors(
            put(tmp_path / "v", "dog 1 2 3\n"), tokenizer, torch.zeros(tokenizer.vocab_size, 3), print
        )


@pytest.mark.parametrize("bad", ["cat 1 2\n", "cat 1 2 x\n", "1 2 3\n", "cat 1 nan 3\n"])
def test_a_line_that_is_none_is_told(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match="line 2: there are not a word and 3 finite values"):
        list(read_vectors(put(tmp_path / "v", "the 1 2 3\n" + bad)))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LINES.encode() * 50)[:-15])
    (tmp_path / "latin").write_bytes(b"caf\xe9 1 2 3\n")
    for name in ("none", "cut.gz", "latin"):
        with pytest.raises(DataError, match="cannot be read as vectors"):
            list(read_vectors(tmp_path / name))


@pytest.mark.data
def test_real_glove(shared_data: object) -> None:
    find = shared_data
    assert callable(find)
    folder = find("glove_6b_50d")
    path = next(path for path in sorted(folder.rglob("*")) if path.name.endswith((".txt", ".txt.gz", ".gz")))
    word, vector = next(iter(read_vectors(path)))
    assert (word, len(vector)) == ("the", 50)
