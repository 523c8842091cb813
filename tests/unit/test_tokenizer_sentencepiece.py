"""What is special about SentencePiece tokenizers; what all share is in test_tokenizer_checks."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools.plugin import Tokenizer
from seqtools.testing import TokenizerChecks
from seqtools_sentencepiece import corpus
from seqtools_sentencepiece.corpus import training_lines
from seqtools_sentencepiece.tokenizer import SentencePieceTokenizer

TEXT = (
    "Before we proceed any further, hear me speak.\n\tSpeak, speak; we are resolved.\n    speaking further\n"
    * 20
)
STRANGE = "▁a▁ \u2585 <s></s><0x41><unk> 日本🙂\x00\r\n  x  \n "


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def trained(request: pytest.FixtureRequest) -> SentencePieceTokenizer:
    return SentencePieceTokenizer.train([TEXT], algorithm=request.param, vocab_size=330, sampling=0.2)


class TestBpe(TokenizerChecks):
    kind = "sentencepiece"
    options = {"algorithm": "bpe", "sampling": 0.3}  # noqa: RUF012  (a ClassVar of the base)


def test_special_ids_and_bytes_come_first(trained: SentencePieceTokenizer) -> None:
    assert (trained.bos, trained.eos, trained.unknown) == (1, 2, -1)
    assert trained.decode([1, trained.encode("speak")[0], 2]).strip() in "speak"
    assert trained.encode("\n").tolist() == [3 + 0x0A]


def test_awkward_text_comes_back(trained: SentencePieceTokenizer) -> None:
    assert trained.decode(trained.encode(STRANGE)) == STRANGE
    assert trained.decode(trained.encode_sampled(STRANGE, np.random.default_rng(0))) == STRANGE


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    text=st.lists(st.sampled_from([*"aeks ▁\n\t€", "speak", " further"])).map("".join),
    seed=st.integers(0, 99),
)
def test_sampled_cuts_spell_the_same_text(trained: SentencePieceTokenizer, text: str, seed: int) -> None:
    ids = trained.encode_sampled(text, np.random.default_rng(seed))
    assert trained.decode(ids) == text


def test_sampling_differs_between_draws_and_not_between_equal_seeds(trained: Tokenizer) -> None:
    rng = np.random.default_rng(1)
    first, second = trained.encode_sampled(TEXT, rng), trained.encode_sampled(TEXT, rng)
    assert first.tolist() != second.tolist()
    assert trained.encode_sampled(TEXT, np.random.default_rng(1)).tolist() == first.tolist()
    assert first.size > trained.encode(TEXT).size


def test_sampling_is_the_same_in_another_process(trained: SentencePieceTokenizer) -> None:
    program = (
        "import json, sys, numpy\n"
        "from seqtools_sentencepiece.tokenizer import SentencePieceTokenizer as T\n"
        "payload, text = json.load(sys.stdin)\n"
        "print(T.from_payload(payload).encode_sampled(text, numpy.random.default_rng(5)).tolist())\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([trained.payload(), TEXT]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == trained.encode_sampled(TEXT, np.random.default_rng(5)).tolist()


def test_without_sampling_the_best_cut_is_given() -> None:
    plain = SentencePieceTokenizer.train([TEXT], vocab_size=300)
    assert (plain.encode_sampled(TEXT, np.random.default_rng(0)) == plain.encode(TEXT)).all()


def test_the_trainer_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    SentencePieceTokenizer.train([TEXT], vocab_size=300)
    assert capfd.readouterr() == ("", "")


def test_a_small_corpus_gives_a_smaller_vocabulary() -> None:
    assert 260 <= SentencePieceTokenizer.train(["ab ab"], vocab_size=4000).vocab_size < 300


def test_lines_are_put_together_and_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training_lines(["on", "e\ntwo\tth", "ree\n\n"]) == ["one", "two", "three"]
    monkeypatch.setattr(corpus, "SAMPLE_LINES", 10)
    lines = training_lines(f"{n}\n" for n in range(1000))
    assert len(lines) == len(set(lines)) == 10
    assert max(map(int, lines)) > 500
    long = training_lines(["x" * 2500])
    assert [len(line) for line in long] == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"algorithm": "wordpiece"}, "unigram or bpe"),
        ({"vocab_size": 100}, "at least 260"),
        ({"vocab_size": 262}, "Use more than 2"),
        ({"sampling": 2}, "0 to 1"),
        ({"samplng": 0.1}, "Did you mean 'sampling'"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        SentencePieceTokenizer.train([TEXT], **options)  # type: ignore[arg-type]


def test_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no text"):
        SentencePieceTokenizer.train(["", "\n\n"])


@pytest.mark.parametrize("proto", ["", "****", "AAAA", 7])
def test_damaged_payloads_are_named(proto: object) -> None:
    with pytest.raises(DataError, match="damaged"):
        SentencePieceTokenizer.from_payload({"proto": proto, "algorithm": "bpe", "sampling": 0})


def test_ids_outside_the_vocabulary_are_named(trained: SentencePieceTokenizer) -> None:
    with pytest.raises(DataError, match="token 9999"):
        trained.decode([9999])
