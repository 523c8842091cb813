"""The form `fused`: SentencePiece inside the graph, by the operators of onnxruntime-extensions."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import seqtools
from seqtools.errors import MissingDependencyError, ModelFileError, UsageError
from seqtools.export.faces import chosen_form
from seqtools.loader import tokenizer_class
from seqtools.model_file import ModelFile
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.parity import compare, tolerance
from seqtools.plugin import Tokenizer
from seqtools.recipe import Seq2SeqConfig
from seqtools.runtime import extensions
from seqtools_translate.export import Parts, write
from seqtools_translate.graph import build
from seqtools_translate.runner import Runner
from seqtools_translate.textual import Textual

TEXTS = ["a man in a blue shirt", "two dogs  run", "", "é 日 🙂\tx", "a dog and a man run in a shirt"]
needs_extensions = pytest.mark.skipif(
    find_spec("onnxruntime_extensions") is None, reason="needs onnxruntime-extensions"
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_class("sentencepiece").train(TEXTS * 4, vocab_size=300, algorithm="bpe")


def network(tokenizer: Tokenizer) -> Seq2Seq:
    torch.manual_seed(0)
    config = Seq2SeqConfig(width=12, encoder_width=8, embedding=10, layers=1)
    return Seq2Seq(config, tokenizer.vocab_size, tokenizer.vocab_size).eval()


@pytest.fixture
def file(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    card = {"profile": "portable", "form": "fused"}
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    parts = Parts(network(tokenizer), tokenizer, tokenizer, card, pairs)
    write(parts, tmp_path / "m.onnx", report=lambda line: None)
    return tmp_path / "m.onnx"


@needs_extensions
def test_text_comes_out_as_through_ids(file: Path, tokenizer: Tokenizer) -> None:
    opened = ModelFile.open(file)
    assert opened.form == "fused"
    runner = Runner(opened.data, fused=True)
    for difference in compare(runner.run, opened.parity, "the file"):
        assert difference.largest <= tolerance(opened.parity)
        assert not difference.unequal
    limits: dict[str, Any] = {"beam_size": 3, "max_lengths": [8] * len(TEXTS)}
    blank: list[list[int]] = [[] for _ in TEXTS]
    names = ["texts", "hypotheses", "hypothesis_lengths"]
    texts, *ids = runner.run(names, runner.feeds(blank, text=np.array(TEXTS, object), **limits))
    rows = [tokenizer.encode(text).tolist() for text in TEXTS]
    _, *wanted = runner.run(names, runner.feeds(rows, **limits))
    for ours, theirs in zip(ids, wanted, strict=True):
        assert np.array_equal(ours, theirs)
    for row, places in enumerate(ids[0]):
        for place, tokens in enumerate(places):
            assert texts[row, place] == tokenizer.decode(tokens[: ids[1][row, place]])


@needs_extensions
def test_the_runtime_takes_it_like_any_other(file: Path) -> None:
    assert isinstance(seqtools.load(file).translate("a man"), str)


def test_without_the_operators_the_cure_is_named(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install onnxruntime-extensions"):
        Runner(b"", fused=True)


def fused_metadata(form: str, tokenizer: Tokenizer) -> bytes:
    textual = Textual(tokenizer, tokenizer, fused=True)
    model = build(network(tokenizer), profile="portable", card={}, textual=textual)
    told = {"format": "1", "task": "translate", "profile": "portable", "form": form}
    onnx.helper.set_model_props(model, {f"seqtools.{key}": value for key, value in told.items()})
    return model.SerializeToString()


def test_no_other_form_may_use_the_operators(tokenizer: Tokenizer) -> None:
    assert ModelFile.from_bytes(fused_metadata("fused", tokenizer)).form == "fused"
    for form in ("ids", "text"):
        with pytest.raises(ModelFileError, match=r"unknown domain 'ai\.onnx\.contrib'"):
            ModelFile.from_bytes(fused_metadata(form, tokenizer))


def test_forms_that_tokenizers_do_not_have(tokenizer: Tokenizer) -> None:
    words = tokenizer_class("word").train(TEXTS * 2)
    choose: Callable[..., str] = chosen_form
    assert choose("auto", tokenizer, tokenizer) == "ids"
    assert choose("auto", words, words) == "text"
    assert choose("fused", tokenizer, words) == "fused"
    for form, pair in (("text", (tokenizer, words)), ("fused", (words, words)), ("nonsense", (words, words))):
        with pytest.raises(UsageError, match="--form"):
            choose(form, *pair)
