"""Classification files: what they say, what they refuse, texts alone, in batches, as ids."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import spox
from safetensors.torch import save_file

from seqtools.errors import ExportError, UsageError
from seqtools.export.faces import chosen_form
from seqtools.export.graph import Weights
from seqtools.model_file import ModelFile
from seqtools.nn.classifier import Classifier
from seqtools.parity import compare, tolerance
from seqtools.recipe import ClassifierConfig
from seqtools_sentiment import export
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.graph import answers, build
from seqtools_sentiment.opening import PIECE, characters, opening
from seqtools_sentiment.parts import Parts
from seqtools_sentiment.prepare import fill
from seqtools_sentiment.probabilities import probabilities, score
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.runner import Runner
from seqtools_sentiment.verify import host_ids

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_classifier.py")))


def data(file: onnx.ModelProto) -> bytes:
    serialized: bytes = file.SerializeToString()
    return serialized


def opened(parts: Parts, form: str = "text") -> Runner:
    return Runner(data(build(parts, profile="portable", form=form, card={})), fused=form == "fused")


@cache
def judge(
    objective: str = "softmax", kind: str = "word", form: str = "text", *, blended: bool = False
) -> Runner:
    """A tiny classifier's file, opened."""
    return opened(tiny.parts(objective, kind, blended=blended), form)


@pytest.mark.parametrize("blended", [False, True], ids=["net", "blend"])
@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
def test_texts_alone_and_in_batches_give_the_same_bits(objective: str, blended: bool) -> None:
    runner = judge(objective, blended=blended)
    texts = [*tiny.TEXTS, *(one.text for one in tiny.examples(objective)[:40]), "good " * 39, "x" * 3000]
    names = [name for name in runner.outputs if name not in ("classes", "card")]
    together = runner(names, texts)
    for row, text in enumerate(texts):
        for name, all_of_them, alone in zip(names, together, runner(names, [text]), strict=True):
            assert np.array_equal(all_of_them[row], alone[0]), (name, text)


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
def test_outputs_fit_each_other(objective: str) -> None:
    parts, runner = tiny.parts(objective), judge(objective)
    texts = [one.text for one in tiny.examples(objective)[:30]]
    found = dict(zip(runner.outputs, runner(runner.outputs, texts), strict=True))
    shares = probabilities(found["logits"], objective)
    assert np.allclose(found["probabilities"], shares, atol=1e-6)
    assert found["classes"].tolist() == list(parts.labels.names)
    assert found["label"].tolist() == [parts.labels.names[best] for best in shares.argmax(1)]
    assert found["token_counts"].tolist() == [len(parts.tokenizer.encode(text)) for text in texts]
    assert ("chosen" in found) == (objective == "sigmoid")
    assert ("score" in found) == parts.labels.ordered
    if objective == "sigmoid":
        assert np.array_equal(found["chosen"], found["probabilities"] >= 0.5)
        assert found["chosen"].sum(axis=1).max() > 1
    else:
        assert np.allclose(found["probabilities"].sum(axis=1), 1, atol=1e-6)
        assert np.allclose(found["score"], score(shares), atol=1e-6)


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
@pytest.mark.parametrize("text", ["", " \n\t ", "\u2003"])
def test_a_text_without_tokens_gets_the_shares_of_training(objective: str, text: str) -> None:
    parts, names = tiny.parts(objective), ["probabilities", "token_counts", "label"]
    shares, counts, label = judge(objective, blended=True)(names, [text, "good"])
    assert counts.tolist() == [0, 1]
    assert np.allclose(shares[0], parts.prior, atol=1e-5)
    assert label[0] == parts.labels.names[int(parts.prior.argmax())]


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
def test_any_logits_become_probabilities_as_outside_the_file(objective: str) -> None:
    labels = Labels(("a", "b", "c", "d"), objective, ordered=objective == "ordinal")
    logits = spox.argument(spox.Tensor(np.float32, ("batch", labels.outputs)))
    file = Weights().build({"logits": logits}, answers(logits, labels))
    given = np.random.default_rng(0).normal(0, 4, (50, labels.outputs)).astype(np.float32)
    given[:2] = [[-200], [200]]
    label, shares = Runner(data(file)).run(["label", "probabilities"], {"logits": given})
    wanted = probabilities(given, objective)
    assert (shares >= 0).all()
    assert np.allclose(shares, wanted, atol=1e-6)
    assert label.tolist() == [labels.names[best] for best in wanted.argmax(1)]


@pytest.mark.parametrize("kind", ["word", "char", "byte"])
def test_texts_are_read_as_the_tokenizer_reads_them(kind: str) -> None:
    parts = tiny.parts(kind=kind)
    texts = [*tiny.TEXTS, *(one.text for one in tiny.examples()[:20])]
    # The char tokenizer's face has one id for all characters that were not met.
    texts = [text for text in texts if kind != "char" or set(text) <= set(parts.tokenizer.characters)]
    names = ["logits", "token_counts", "label"]
    by_text = judge(kind=kind)(names, texts)
    by_ids = judge(kind=kind, form="ids")(names, [host_ids(parts, text) for text in texts])
    for one, other in zip(by_text, by_ids, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.skipif(find_spec("onnxruntime_extensions") is None, reason="needs onnxruntime-extensions")
def test_sentencepiece_is_fused_with_a_linear_model_beside_it() -> None:
    parts = tiny.parts(kind="sentencepiece")
    texts = [*tiny.TEXTS, "é 日 🙂\tx"]
    ids = [host_ids(parts, text) for text in texts]
    names = ["logits", "token_counts", "label"]
    for one, other in zip(
        opened(parts, "fused")(names, texts), opened(parts, "ids")(names, ids), strict=True
    ):
        assert np.array_equal(one, other)
    both = opened(tiny.parts(kind="sentencepiece", blended=True), "fused")
    assert both(["label"], ["a very good film"])[0].tolist() == ["positive"]


def test_long_texts_are_cut_and_change_nothing_beside_them() -> None:
    parts = tiny.parts(max_length=8)
    runner = opened(parts)
    beside = ["a good film", "bad"]
    names = ["logits", "token_counts"]
    short, _ = runner(names, beside)
    huge = "Bad plot, " * 100_000
    logits, counts = runner(names, [huge, *beside])
    assert counts.tolist() == [8, 3, 1]
    assert np.array_equal(logits[1:], short)
    assert np.array_equal(logits[:1], runner(names, ["Bad plot, " * 3])[0])


def test_the_opening_is_cut_at_the_same_character_everywhere() -> None:
    parts, most = tiny.parts(), characters(40)
    names = ["logits", "token_counts"]
    assert most % PIECE == 0
    assert characters(2000) == 64_000
    for before in ("🙂" * (most - 4), "\n" * (most - 4), "x" * (most - 5) + " "):
        text = before + "good film bad"
        assert len(opening(text, 40)) == most
        by_text, by_ids = judge()(names, [text]), judge(form="ids")(names, [host_ids(parts, text)])
        assert all(np.array_equal(one, other) for one, other in zip(by_text, by_ids, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "🙂🙂",
        "\x00",
        "\x00\x01\x1b[0m",
        "👩‍👩‍👧",
        "e\u0301",
        "﷽" * 50,
        "\ufeffgood",
        "\U0010ffff",
        "a\u200bb",
    ],
)
@pytest.mark.parametrize("kind", ["word", "char", "byte"])
def test_odd_characters_are_read(kind: str, text: str) -> None:
    shares, label = judge(kind=kind)(["probabilities", "label"], [text, "good"])
    assert np.isfinite(shares).all()
    assert label[1] in ("negative", "positive")


def test_lengths_of_ids_are_kept_within_what_is_there() -> None:
    runner = opened(tiny.parts(max_length=3), "ids")
    tokens = np.array([[4, 5, 6, 7]])
    counts = [
        runner.run(["token_counts"], {"tokens": tokens, "lengths": np.array([length])})[0].item()
        for length in (-1, 0, 2, 9)
    ]
    assert counts == [0, 0, 2, 3]
    nothing = {"tokens": np.zeros((2, 0), np.int64), "lengths": np.zeros(2, np.int64)}
    assert runner.run(["token_counts"], nothing)[0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("objective", "kind", "profile", "form"),
    [
        ("softmax", "word", "int8", "text"),
        ("ordinal", "char", "portable", "text"),
        ("sigmoid", "sentencepiece", "int8", "ids"),
    ],
)
def test_a_file_opens_says_what_it_is_and_checks_itself(
    objective: str, kind: str, profile: str, form: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    parts = tiny.parts(objective, kind, blended=objective == "softmax" and form == "text", form=form)
    parts = replace(parts, card=parts.card | {"profile": profile})
    report = export.write(parts, tmp_path / "m.onnx", report=lines.append)
    assert report.parity.unequal == 0
    file = ModelFile.open(report.path)
    assert (file.task, file.profile, file.form) == ("sentiment", profile, form)
    assert file.card["verification"]["labels_unequal"] == 0
    assert json.loads(file.metadata["seqtools.labels"]) == parts.labels.payload()
    assert json.loads(file.metadata["seqtools.reading"]) == {"max_length": 40, "characters": 32_000}
    assert [port.name for port in file.inputs] == (["tokens", "lengths"] if form == "ids" else ["text"])
    assert set(file.io["outputs"]) == {port.name for port in file.outputs}
    runner = Runner(file.data)
    (told,) = runner(["card"], [[3]] if form == "ids" else ["good"])
    assert json.loads(str(told)) == file.card
    for difference in compare(runner.run, file.parity, "the file"):
        assert difference.largest <= tolerance(file.parity)
        assert not difference.unequal
    if profile == "int8":
        assert file.card["int8"]["loss"] <= max(export.MOST_LOST, 100 / 60) + 1e-9
    assert any(line.startswith("wrote") for line in lines)


def test_no_input_has_a_default_and_no_operator_is_foreign() -> None:
    file = build(tiny.parts(blended=True), profile="portable", form="text", card={})
    weights = {tensor.name for tensor in file.graph.initializer}
    assert not weights & {value.name for value in file.graph.input}
    foreign = {node.op_type for node in file.graph.node if node.domain not in ("", "ai.onnx.ml")}
    assert foreign == {"Tokenizer"}


def test_a_wrong_file_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tiny.parts()

    def otherwise(given: Parts, **settings: Any) -> onnx.ModelProto:
        return build(replace(given, calibration=replace(given.calibration, network_weight=1.3)), **settings)

    monkeypatch.setattr(export, "build", otherwise)
    with pytest.raises(ExportError, match=r"its (scores|probabilities) differ from torch's"):
        export.write(parts, tmp_path / "m.onnx", report=lambda line: None)
    assert not list(tmp_path.iterdir())


def test_eight_bits_that_cost_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tiny.parts(profile="int8")
    # Of 60 texts one is 1.67 points; 0.3 of 2,000 texts are 1.73 where there are 60.
    told = iter([90.0, 88.28, 90.0, 88.26])
    monkeypatch.setattr(export, "_accuracy", lambda *arguments: next(told))
    loss = export._int8_loss(parts, judge(), parts.card, lambda line: None)
    assert loss == {"accuracy": 88.28, "accuracy_fp32": 90.0, "loss": pytest.approx(1.72), "texts": 60}
    with pytest.raises(ExportError, match=r"eight bits cost 1\.74 points of accuracy, more than 1\.73"):
        export._int8_loss(parts, judge(), parts.card, lambda line: None)


def test_a_linear_model_needs_texts(tmp_path: Path) -> None:
    parts = tiny.parts(kind="sentencepiece", blended=True, form="ids")
    with pytest.raises(ExportError, match="reads texts"):
        export.write(parts, tmp_path / "m.onnx", report=lambda line: None)


def test_a_run_folder_becomes_a_file(tmp_path: Path) -> None:
    run, given = SentimentRun(tmp_path / "run"), list(tiny.examples())
    config = ClassifierConfig(width=12, embedding=12)
    recipe = SentimentRecipe(network=config)
    run.path.mkdir()
    fill(run, given[:200], given[200:], tiny.LABELS["softmax"], recipe, lambda line: None)
    run.write_recipe(recipe)
    model = Classifier(config, run.tokenizer().vocab_size, 2)
    save_file(model.state_dict(), run.path / "best.safetensors")
    run.write_linear(tiny.linear().payload())
    run.write_calibration({"network_weight": 0.5, "linear_weight": 1.0, "ece": 0.01})
    report = export.export_run(run.path, tmp_path / "m.onnx", report=lambda line: None)
    file = ModelFile.open(report.path)
    assert file.card["calibration"]["ece"] == 0.01
    assert "linear" in file.card["what"]
    assert Runner(file.data)(["label"], ["very good"])[0].tolist() == ["positive"]
    cases = (
        ({"profile": "int3"}, "not a profile"),
        ({"form": "speech"}, "not a form"),
        ({"form": "fused"}, "for"),
    )
    for settings, message in cases:
        with pytest.raises(UsageError, match=message):
            export.export_run(run.path, tmp_path / "m.onnx", report=lambda line: None, **settings)


def test_a_tokenizer_without_a_face_takes_ids() -> None:
    read = tiny.tokenizer("sentencepiece")
    assert chosen_form("auto", read) == "ids"
    assert chosen_form("fused", read) == "fused"
    with pytest.raises(UsageError, match="no face inside a graph"):
        chosen_form("text", read)
