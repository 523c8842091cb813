"""A tagger's file against torch, its cutting against the host's, and batches against single texts."""

from __future__ import annotations

import json
import runpy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")
pytest.importorskip("spox")

import spox
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import ExportError, UsageError
from seqtools.export.graph import Weights
from seqtools.model_file import ModelFile
from seqtools.parity import compare
from seqtools_tag import export
from seqtools_tag.cutting import Cutter
from seqtools_tag.graph import build
from seqtools_tag.lookup import WordLookup
from seqtools_tag.runner import Runner, feeds
from seqtools_tag.schemes import spans
from seqtools_tag.textual import GraphCutter
from seqtools_tag.verify import verify

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "tiny_tagger.py")))
KINDS: dict[str, dict[str, Any]] = {
    "bio": {},
    "bioes, characters read by an LSTM, no CRF": {"scheme": "bioes", "characters": "lstm", "crf": False},
    "plain, words alone, two layers": {"scheme": "plain", "characters": "none", "shape": 0, "layers": 2},
    "even filters, one direction, GRU": {"character_kernel": 2, "bidirectional": False, "cell": "gru.v1"},
}
LANGUAGES = Cutter(
    endings=("'ll", "'s", "n't"),
    elisions=("aujourd'", "l'", "qu'"),
    abbreviations=("Dr.", "Mr."),
    hyphens=False,
)
NEAR = st.sampled_from(
    [*"'’.-@/:,!?AaBbsStTnNlLdr0189 \t\u2003é日🙂_*=", "http://", "n't", "Dr.", "l'", "a.b"]
)
TEXTS = st.lists(NEAR | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=24)


@cache
def cutting(cutter: Cutter) -> Runner:
    """The graph face of a cutter alone."""
    text = spox.argument(spox.Tensor(np.str_, ("batch",)))
    whole = spox.argument(spox.Tensor(np.bool_, (1,)))
    words, counts = GraphCutter(cutter)(text, whole)
    model = Weights().build({"text": text, "pretokenized": whole}, {"words": words, "word_counts": counts})
    return Runner(model.SerializeToString())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(texts=st.lists(TEXTS.map("".join), min_size=1, max_size=4), english=st.booleans())
def test_texts_are_cut_as_on_the_host(texts: list[str], english: bool) -> None:
    """Word for word, whatever stands beside a text; all of it but blanks is in some word."""
    cutter = Cutter(endings=("'s", "n't")) if english else LANGUAGES
    words, counts = cutting(cutter).run(["words", "word_counts"], feeds(texts))
    for row, text in enumerate(texts):
        assert words[row, : counts[row]].tolist() == cutter.cut(text)
        assert "".join(cutter.cut(text)) == "".join(text.split())


@pytest.mark.parametrize("name", KINDS)
def test_same_as_torch(name: str) -> None:
    """Words, labels and probabilities, of validation sentences and of any text; the same in any batch."""
    parts = tiny.tiny_tagger(**KINDS[name])
    model = build(parts, profile="portable", card={})
    onnx.checker.check_model(model, full_check=True)
    runner = Runner(model.SerializeToString())
    parity = verify(runner, parts, profile="portable", sentences=[one.words for one in parts.valid])
    parity.require("the file")
    assert parity.tokens > 90
    texts = [*tiny.TEXTS, *(" ".join(["Jane's"] * count) for count in range(1, 24))]
    together = runner.rows(texts)
    for text, row in zip(texts, together, strict=True):
        (alone,) = runner.rows([text])
        assert (alone.words, alone.labels) == (row.words, row.labels)
        assert alone.probabilities.tobytes() == row.probabilities.tobytes()
        assert alone.shares.tobytes() == row.shares.tobytes()


def test_outputs_agree_with_each_other() -> None:
    """Spans are those of the labels, ids those of the classes, padding is what it is said to be."""
    parts = tiny.tiny_tagger(seed=5)
    runner = Runner(build(parts, profile="portable", card={"a": 1}).SerializeToString())
    told = dict(zip(runner.outputs, runner.run(runner.outputs, feeds(tiny.TEXTS)), strict=True))
    assert json.loads(told["card"].item()) == {"a": 1}
    assert tuple(told["classes"]) == tuple(dict.fromkeys(parts.labels.shown))
    found = list(zip(told["spans"].tolist(), told["span_labels"].tolist(), strict=True))
    wanted = []
    for row, count in enumerate(told["word_counts"].tolist()):
        labels = told["labels"][row, :count].tolist()
        assert told["classes"][told["label_ids"][row, :count]].tolist() == labels
        assert (told["label_ids"][row, count:] == -1).all()
        assert set(told["words"][row, count:]) | set(told["labels"][row, count:]) <= {""}
        assert not told["probabilities"][row, count:].any()
        assert not told["class_probabilities"][row, count:].any()
        shares = told["class_probabilities"][row, :count]
        ids = told["label_ids"][row, :count, None]
        assert (np.take_along_axis(shares, ids, 1)[:, 0] == told["probabilities"][row, :count]).all()
        assert np.allclose(shares.sum(1), 1, atol=1e-5)
        for first, past, kind in spans(labels):
            wanted.append(([row, first, past, parts.labels.types.index(kind)], kind))
    assert found == wanted
    assert len(found) > 5


def test_nothing_to_label() -> None:
    """A batch without any word has rows without words."""
    runner = Runner(build(tiny.tiny_tagger(), profile="portable", card={}).SerializeToString())
    told = dict(zip(runner.outputs, runner.run(runner.outputs, feeds(["", " \n"])), strict=True))
    assert told["words"].shape == told["labels"].shape == told["probabilities"].shape == (2, 0)
    assert told["class_probabilities"].shape == (2, 0, len(told["classes"]))
    assert told["spans"].shape == (0, 4)
    assert told["word_counts"].tolist() == [0, 0]


def test_words_between_blanks() -> None:
    """What is cut already is cut nowhere else; a word is looked up as a whole."""
    parts = tiny.tiny_tagger()
    runner = Runner(build(parts, profile="portable", card={}).SerializeToString())
    (row,) = runner.rows(["don't 1,000\u00a0New-York's"], pretokenized=True)
    assert row.words == ["don't", "1,000", "New-York's"]
    assert WordLookup(parts.tokenizer).ids_of(["9,999"]) == WordLookup(parts.tokenizer).ids_of(["1,000"])


def test_a_whole_file(tmp_path: Path) -> None:
    """Eight bits: smaller, checked, self-tested, and told on the card."""
    lines: list[str] = []
    parts = tiny.trained(profile="int8")
    written = export.write(parts, tmp_path / "m.onnx", report=lines.append)
    file = ModelFile.open(tmp_path / "m.onnx", expect_task="tag")
    assert (file.profile, file.form, written.size) == ("int8", "text", len(file.data))
    assert set(file.io["outputs"]) == {port.name for port in file.outputs}
    assert file.card["int8"]["words"] == sum(len(one.words) for one in parts.valid)
    assert file.card["verification"]["labels_unequal"] >= 0
    runner = Runner(file.data)
    assert all(not one.unequal and one.largest <= 1e-6 for one in compare(runner.run, file.parity, "m"))
    assert [
        row.labels for row in runner.rows([" ".join(one.words) for one in parts.valid], pretokenized=True)
    ] == [list(one.labels) for one in parts.valid]
    assert any(line.startswith("int8: validation F1") for line in lines)


def test_eight_bits_that_cost_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is written then."""
    figures = iter([0.9, 0.5])
    found = SimpleNamespace(words=30_000, f1=0.0, accuracy=0.0)
    monkeypatch.setattr(
        export, "_figures", lambda *_, **__: SimpleNamespace(**{**vars(found), "f1": next(figures)})
    )
    with pytest.raises(ExportError, match=r"cost 40.00 points of F1, more than 0.30"):
        export.write(tiny.tiny_tagger(profile="int8"), tmp_path / "m.onnx", report=lambda line: None)
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_disagrees(tmp_path: Path) -> None:
    """Weights that are not those the file was made of."""
    parts, other = tiny.tiny_tagger(), tiny.tiny_tagger(seed=1)
    runner = Runner(build(other, profile="portable", card={}).SerializeToString())
    parity = verify(runner, parts, profile="portable", sentences=[one.words for one in parts.valid])
    with pytest.raises(ExportError, match="differ from torch's"):
        parity.require("the file")


@pytest.mark.parametrize(
    ("options", "cause"), [({"profile": "int4"}, "not a profile"), ({"form": "ids"}, "not a form")]
)
def test_what_there_is_not(tmp_path: Path, options: dict[str, str], cause: str) -> None:
    """Complains before anything is read."""
    with pytest.raises(UsageError, match=cause):
        export.export_run(tmp_path, tmp_path / "m.onnx", report=lambda line: None, **options)
