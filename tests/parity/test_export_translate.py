"""Exported translators against torch, and against themselves under every way of running them."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

import seqtools
from seqtools import loader
from seqtools.errors import ExportError
from seqtools.export.tidy import subgraphs
from seqtools.model_file import ModelFile
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.parity import compare, tolerance
from seqtools.plugin import resolve
from seqtools.recipe import Seq2SeqConfig
from seqtools_translate.export import Parts, write
from seqtools_translate.graph import build
from seqtools_translate.oracle import beam_search, forced
from seqtools_translate.runner import Runner
from seqtools_translate.verify import verify

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny_translator: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_translator.py")))

SOURCE, TARGET = 19, 23
KINDS = ("none", "dot", "scaled_dot", "general", "concat", "additive", "multihead")
OPTIONS: dict[str, dict[str, Any]] = {
    "fed": {"input_feeding": True},
    "fed and deep": {"input_feeding": True, "deep_output": True, "layers": 3, "residual": True},
    "deep": {"deep_output": True, "attention": "scaled_dot"},
    "early": {"attend": "first", "layers": 3},
    "early, fed, deep": {"attend": "first", "input_feeding": True, "deep_output": True},
    "covered": {"coverage": True},
    "covered additive": {"coverage": True, "attention": "additive"},
    "covered heads": {"coverage": True, "attention": "multihead", "attend": "first"},
    "covered scaled": {"coverage": True, "attention": "scaled_dot", "input_feeding": True},
    "one head": {"attention": "scaled_dot", "attention_heads": 1},
    "one additive head": {"attention": "multihead", "attention_heads": 1},
    "narrow attention": {"attention": "additive", "attention_width": 8},
    "one way": {"bidirectional": False, "encoder_layers": 2, "residual": True, "encoder_width": 10},
    "deep encoder": {"encoder_layers": 3, "residual": True},
    "mean": {"bridge": "mean"},
    "from zero": {"bridge": "zero"},
    "none, from zero": {"bridge": "zero", "attention": "none", "input_feeding": True},
    "normed": {"layer_norm": "between", "encoder_layers": 2, "residual": True},
    "normed gates": {"layer_norm": "cell"},
    "untied": {"tied": False},
    "two cells": {"cell": "gru.v1", "decoder_cell": "lstm.v1"},
    "hybrid": {"encoder": "transformer", "encoder_layers": 2, "encoder_width": 12, "encoder_feedforward": 20},
    "hybrid mean": {
        "encoder": "transformer", "encoder_width": 9, "encoder_heads": 3, "bridge": "mean",
        "attention": "multihead", "attend": "first",
    },
}  # fmt: skip


def network(seed: int = 0, *, source: int = SOURCE, target: int = TARGET, **settings: Any) -> Seq2Seq:
    """A random network whose every parameter matters (no zero biases, no unit gains)."""
    torch.manual_seed(seed)
    given = {"width": 16, "encoder_width": 12, "embedding": 10, "shared": source == target, **settings}
    if given.get("attention") == "dot":
        given["encoder_width"] = given["width"] // 2
    model = Seq2Seq(Seq2SeqConfig(**given), source, target).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    return model


def lower(model: Seq2Seq, profile: str = "portable") -> onnx.ModelProto:
    file = build(model, profile=profile, card={"what": "a test"})
    onnx.checker.check_model(file, full_check=True)
    return file


def ids(*lengths: int, vocab: int = SOURCE, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(3, vocab, length).tolist() for length in lengths]


def agrees(model: Seq2Seq) -> None:
    real = list(zip(ids(7, 2), ids(5, 8, vocab=TARGET), strict=True))
    parity = verify(Runner(lower(model).SerializeToString()), model, profile="portable", real=real)
    assert parity.worst < 1e-5, parity.largest
    assert parity.tokens > 20
    assert parity.unequal == 0


@pytest.mark.parametrize("cell", ["lstm.v1", "gru.v1"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_attention_equals_torch(kind: str, cell: str) -> None:
    agrees(network(attention=kind, cell=cell))


@pytest.mark.parametrize("options", OPTIONS)
def test_options_equal_torch(options: str) -> None:
    agrees(network(1, **OPTIONS[options]))


@pytest.mark.parametrize("cell", ["rnn_tanh.v1", "rnn_relu.v1"])
def test_plain_cells_equal_torch(cell: str) -> None:
    agrees(network(2, cell=cell, input_feeding=True))


def test_joint_vocabularies_equal_torch() -> None:
    agrees(network(source=TARGET, target=TARGET))


def found(runner: Runner, sources: list[list[int]], beam: int, longest: list[int], **given: Any) -> Any:
    """Per sentence: hypotheses as tuples of tokens, scores."""
    told = runner.search(sources, beam=beam, longest=longest, **given)
    rows = range(len(sources))
    tokens = [
        [
            tuple(told["hypotheses"][row, place, : told["hypothesis_lengths"][row, place]].tolist())
            for place in range(beam)
        ]
        for row in rows
    ]
    return tokens, told["scores"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"cell": "gru.v1", "attention": "additive"}, {"encoder": "transformer", "coverage": True}],
    ids=["lstm", "gru", "hybrid"],
)
def test_batch_padding_and_order_change_no_hypothesis(settings: dict[str, Any]) -> None:
    runner = Runner(lower(network(3, **settings)).SerializeToString())
    sources = ids(4, 9, 0, 1, 13, 6, 6, 2)
    longest = [len(source) + 4 for source in sources]
    together, scores = found(runner, sources, 4, longest)
    order = np.random.default_rng(1).permutation(len(sources))
    shuffled, _ = found(runner, [sources[i] for i in order], 4, [longest[i] for i in order])
    wider = runner.feeds([[*source] for source in sources])["source"]
    wider = np.pad(wider, ((0, 0), (0, 5)), constant_values=7)
    padded, _ = found(runner, sources, 4, longest, source=wider)
    assert padded == together
    for place, number in enumerate(order):
        assert shuffled[place] == together[number]
    for number, source in enumerate(sources):
        alone, its_scores = found(runner, [source], 4, [longest[number]])
        assert alone[0] == together[number]
        assert np.allclose(its_scores[0], scores[number], atol=1e-5)


def test_one_beam_is_greedy() -> None:
    model = network(4)
    runner = Runner(lower(model).SerializeToString())
    sources = ids(5, 8, 2)
    tokens, _ = found(runner, sources, 1, [12] * 3)
    for source, (written,) in zip(sources, tokens, strict=True):
        log_probs = forced(model, source, written).log_probs
        assert tuple(log_probs.argmax(axis=1)[: len(written)]) == written


def test_a_forced_prefix_is_continued_and_not_repeated() -> None:
    model = network(5, input_feeding=True)
    runner = Runner(lower(model).SerializeToString())
    sources, prefixes = ids(5, 8), [[4, 11, 9], [7]]
    told = runner.search(sources, beam=3, longest=[6, 6], tokens=np.array([[4, 11, 9], [7, 0, 0]]),
                         token_lengths=np.array([3, 1]))  # fmt: skip
    for row, (source, prefix) in enumerate(zip(sources, prefixes, strict=True)):
        length = int(told["hypothesis_lengths"][row, 0])
        written = told["hypotheses"][row, 0, :length].tolist()
        wanted = forced(model, source, [*prefix, *written])
        begun = len(prefix)
        log_probs = wanted.log_probs[np.arange(begun, begun + length), written]
        assert np.allclose(told["token_log_probs"][row, 0, :length], log_probs, atol=1e-5)
        looked = told["attention"][row, 0, :length, : len(source) + 1]
        assert np.allclose(looked, wanted.attention[begun : begun + length], atol=1e-5)


def test_shortest_and_longest_are_kept() -> None:
    runner = Runner(lower(network(6)).SerializeToString())
    told = runner.search(ids(3, 3), beam=3, longest=[9, 2], min_lengths=[6, 2])
    lengths = told["hypothesis_lengths"]
    assert (lengths[0] >= 6).all()
    assert (lengths[0] <= 9).all()
    assert (lengths[1] == 2).all()


def test_several_targets_of_a_sentence_are_scored_at_once() -> None:
    model = network(7)
    runner = Runner(lower(model).SerializeToString())
    sources, targets = ids(4, 6), ids(3, 5, 0, 2, vocab=TARGET, seed=1)
    (told,) = runner.run(["log_probs"], runner.feeds(sources, targets=targets))
    for row, target in enumerate(targets):
        wanted = forced(model, sources[row // 2], target).log_probs[np.arange(len(target)), target]
        assert np.allclose(told[row, : len(target)], wanted, atol=1e-5)
        assert not told[row, len(target) :].any()


def test_a_step_reads_no_source_and_scores_nothing() -> None:
    runner = Runner(lower(network(8)).SerializeToString())
    names = ("next_encoded", "next_state", "next_coverage")
    encoded, state, coverage = runner.run(names, runner.feeds(ids(4, 2)))
    feeds = runner.feeds(
        [[], []], targets=[[5], [6]], encoded=encoded, state=state, coverage=coverage,
        source_lengths=[4, 2],
    )  # fmt: skip
    log_probs, given, told = runner.run(("log_probs", "given_attention", "hypotheses"), feeds)
    assert log_probs.shape == (2, 0)
    assert given.shape == (2, 1, 5)
    assert told.shape[:2] == (2, 0)


@pytest.mark.parametrize("kind", ["general", "multihead"])
def test_the_reference_evaluator_agrees(kind: str) -> None:
    """A second runtime, written in Python from the specification; its LSTM takes no lengths."""
    file = lower(network(9, attention=kind))
    runner = Runner(file.SerializeToString())
    feeds = runner.feeds(
        ids(4, 4), targets=ids(2, 3, vocab=TARGET), beam_size=3, max_lengths=[6, 5], min_lengths=[3, 0]
    )
    names = ["hypotheses", "hypothesis_lengths", "scores", "log_probs", "next_log_probs", "attention"]
    ours, theirs = runner.run(names, feeds), ReferenceEvaluator(file).run(names, feeds)
    for name, a, b in zip(names, ours, theirs, strict=True):
        assert np.allclose(a, b, atol=1e-5), name


def loop_nodes(graph: onnx.GraphProto, inside: bool = False) -> list[onnx.NodeProto]:
    nodes = []
    for node in graph.node:
        nodes += [node] if inside else []
        for inner in subgraphs(node):
            nodes += loop_nodes(inner, inside or node.op_type == "Loop")
    return nodes


@pytest.mark.parametrize("settings", [{}, {"cell": "gru.v1"}, {"encoder": "transformer"}], ids=str)
def test_eight_bits(settings: dict[str, Any]) -> None:
    sizes = {"width": 32, "encoder_width": 32, "embedding": 32}
    model = network(10, **(sizes | settings))
    file = lower(model, "int8")
    floats = [
        t.name
        for t in file.graph.initializer
        if len(t.dims) > 1 and np.prod(t.dims) >= 512 and t.data_type == onnx.TensorProto.FLOAT
    ]
    assert not floats
    assert any(node.op_type == "DynamicQuantizeMatMul" for node in loop_nodes(file.graph))
    real = list(zip(ids(7, 2), ids(5, 8, vocab=TARGET), strict=True))
    parity = verify(Runner(file.SerializeToString()), model, profile="int8", real=real)
    assert 0 < parity.largest["log-probabilities"] < 0.5


@pytest.mark.parametrize("profile", ["portable", "int8"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_shortlist_is_all_that_is_predicted(tied: bool, profile: str) -> None:
    file = build(network(14, tied=tied), profile=profile, card={}, shortlist=True)
    runner, plain = (
        Runner(one.SerializeToString())
        for one in (file, build(network(14, tied=tied), profile=profile, card={}))
    )
    sources, longest = ids(5, 8, 1), [8, 9, 4]
    every = np.arange(TARGET)
    for beam in (1, 4):
        wanted, scores = found(plain, sources, beam, longest)
        for shortlist in (every[:0], every):
            told, its_scores = found(runner, sources, beam, longest, shortlist=shortlist)
            assert told == wanted
            assert np.allclose(its_scores, scores, atol=1e-5)
    few = np.array([0, 2, 5, 6, 11, 20])
    told, _ = found(runner, sources, 3, longest, shortlist=few)
    assert {token for row in told for tokens in row for token in tokens} <= set(few.tolist())


def test_a_shortlist_holds_outside_the_graph_too() -> None:
    """The tokens that remain share the probability, in the search and in what a host is told."""
    model = network(15)
    runner = Runner(build(model, profile="portable", card={}, shortlist=True).SerializeToString())
    (source,), few = ids(6), np.array([0, 2, 5, 6, 11, 20])
    feeds = runner.feeds([source], targets=[[7, 5]], shortlist=few)
    told, given = runner.run(["next_log_probs", "log_probs"], feeds)
    wanted = forced(model, source, [7, 5]).log_probs
    assert np.allclose(given[0], wanted[[0, 1], [7, 5]], atol=1e-5)  # what is given may be anything
    among = wanted[-1, few] - np.logaddexp.reduce(wanted[-1, few])
    assert np.allclose(told[0, few], among, atol=1e-5)
    assert (np.delete(told[0], few) < -1e20).all()
    search = runner.search([source], beam=2, longest=[1], shortlist=few, tokens=np.array([[7, 5]]),
                           token_lengths=np.array([2]))  # fmt: skip
    assert np.isclose(search["token_log_probs"][0, 0, 0], among.max(), atol=1e-5)


@cache
def _beam() -> Any:
    return resolve(loader.decoder("beam").target, "decoder 'beam'")


def test_the_graph_finds_what_the_host_finds(tmp_path: Path) -> None:
    """Both faces of the search over one file, token for token."""
    model = seqtools.load(tiny_translator.write(tmp_path / "m.onnx"))
    source, _ = tiny_translator.tokenizers()
    texts = [text for text, _ in tiny_translator.SENTENCES[:12]]
    sentences = [source.encode(f"{text} {text}") for text in texts]  # longer than learnt: unsure
    longest = np.array([2 * len(one) for one in sentences])
    runner = Runner(model.file.data)
    rows = [one.tolist() for one in sentences]
    for beam in (1, 4):
        told, scores = found(runner, rows, beam, longest.tolist())
        step = resolve("seqtools_translate.source_model:SourceModel", "test")(
            model._team.first.model, sentences
        )
        search = _beam()(_beam().Options(beam_size=beam, n_best=beam, alpha=1.0))
        host = search.run(
            step, len(rows), eos=2, max_lengths=longest, min_lengths=np.zeros(len(rows), np.int64)
        )
        for row, hypotheses in enumerate(host):
            assert [tuple(one.tokens) for one in hypotheses] == told[row]
            assert np.allclose([one.score for one in hypotheses], scores[row], atol=1e-5)


@pytest.mark.parametrize("joint", [True, False], ids=["joint", "separate"])
@pytest.mark.parametrize("profile", ["portable", "int8"])
def test_a_written_file_opens_checks_itself_and_translates(profile: str, joint: bool, tmp_path: Path) -> None:
    path = tiny_translator.write(tmp_path / "m.onnx", profile=profile, joint=joint)
    file = ModelFile.open(path, expect_task="translate")
    assert (file.profile, file.form) == (profile, "ids")
    assert set(file.tokenizer) == ({"kind", "payload"} if joint else {"source", "target"})
    assert {port.name for port in file.inputs} == set(file.io["inputs"])
    assert {port.name for port in file.outputs} == set(file.io["outputs"])
    runner = Runner(file.data)
    for difference in compare(runner.run, file.parity, "the file"):
        assert difference.largest <= tolerance(file.parity)
        assert not difference.unequal
    if profile == "int8":
        assert file.card["int8"]["loss"] <= 0.3
    model = seqtools.load(path)
    for text, wanted in tiny_translator.SENTENCES[:8]:
        assert model.translate(text) == wanted


@pytest.mark.parametrize("joint", [True, False], ids=["joint", "separate"])
def test_text_in_and_out(joint: bool, tmp_path: Path) -> None:
    """The same translations as through ids, and a file that the runtime takes like any other."""
    path = tiny_translator.write(tmp_path / "m.onnx", joint=joint, form="text")
    file = ModelFile.open(path)
    assert file.form == "text"
    runner = Runner(file.data)
    assert "text" in [case["name"] for case in file.parity["cases"]]
    for difference in compare(runner.run, file.parity, "the file"):
        assert difference.largest <= tolerance(file.parity)
        assert not difference.unequal
    pairs = [*tiny_translator.SENTENCES[:6], ("", "")]
    given = {"text": np.array([one for one, _ in pairs], object), "beam_size": 3, "max_lengths": [9] * 7}
    (texts,) = runner.run(["texts"], runner.feeds([[]] * 7, **given))
    assert texts[:6, 0].tolist() == [wanted for _, wanted in pairs[:6]]
    source, target = tiny_translator.tokenizers(joint=joint)
    rows = [source.encode(one).tolist() for one, _ in pairs]
    through_ids, _ = found(runner, rows, 3, [9] * 7)
    for row in range(7):
        assert texts[row].tolist() == [target.decode(tokens) for tokens in through_ids[row]]
    (none,) = runner.run(["texts"], runner.feeds(rows))
    assert none.shape == (7, 0)
    model = seqtools.load(path)
    assert [model.translate(one) for one, _ in pairs[:6]] == [wanted for _, wanted in pairs[:6]]


def test_a_file_that_disagrees_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(11, source=TARGET, target=TARGET)
    wrong = network(12, source=TARGET, target=TARGET)
    monkeypatch.setattr("seqtools_translate.export.build", lambda _, **given: build(wrong, **given))
    tokenizer, _ = tiny_translator.tokenizers()
    card = {"profile": "portable", "form": "ids"}
    with pytest.raises(ExportError, match="differ from torch"):
        write(Parts(model, tokenizer, tokenizer, card, []), tmp_path / "m.onnx", report=print)
    assert not list(tmp_path.iterdir())


def test_the_oracle_finds_the_best_of_all() -> None:
    """The reference itself: as wide as there are sequences, it finds the likeliest of all sequences."""
    model = network(13, target=5)
    (source,) = ids(4)
    best = beam_search(model, source, beam=5**3, longest=3, alpha=1.0)[0]
    scores = {}
    for sequence in np.ndindex(5, 5, 5):
        tokens = list(sequence)
        written = tokens[: tokens.index(2)] if 2 in tokens else tokens
        fed = [*written, 2] if 2 in tokens else written
        log_probs = forced(model, source, written).log_probs[np.arange(len(fed)), fed]
        scores[tuple(written)] = float(log_probs.sum()) / (len(written) + 1)
    assert best.tokens == max(scores, key=lambda tokens: scores[tokens])
