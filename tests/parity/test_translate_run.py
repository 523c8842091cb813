"""A real file: the search inside the graph and the one outside agree, whatever the batch."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import seqtools
from seqtools.errors import UsageError
from seqtools.model_file import ModelFile
from seqtools_translate.run import open_ensemble

unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_translator.py")))
SOURCES = [source for source, _ in tiny.SENTENCES[:16]] + ["", "zero one"]
_NOTHING = {"prune": 1e6}  # drops no hypothesis, but the graph cannot do it


@pytest.fixture(scope="module", params=[True, False], ids=["joint", "separate"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("tiny") / "m.onnx"
    tiny.write(path, joint=request.param)
    return seqtools.load(path)


def test_it_translates(model: Any) -> None:
    found = model.translate_batch([source for source, _ in tiny.SENTENCES])
    right = [one.text == target for one, (_, target) in zip(found, tiny.SENTENCES, strict=True)]
    assert sum(right) >= 0.9 * len(right)
    aligned = [pair for one in found for pair in one.alignment[0]]
    assert sum(source == target for source, target in aligned) >= 0.8 * len(aligned)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"beam_size": 1},
        {"n_best": 4},
        {"beam_size": 12, "alpha": 0.0, "n_best": 3},
        {"length_penalty": "average", "max_length": 3},
        {"min_length": 5},
        {"max_length_ratio": 0.1},
        {"prefix": "drei"},
        {"prefix": [""] * 16 + ["vier", "drei zwei"]},
    ],
    ids=str,
)
def test_faces_and_batches_agree(model: Any, change: dict[str, Any]) -> None:
    inside = model.translate_batch(SOURCES, **change)
    outside = model.translate_batch(SOURCES, **_NOTHING, **change)
    alone = []
    for number, source in enumerate(SOURCES):
        prefix = change.get("prefix", "")
        own = {"prefix": prefix if isinstance(prefix, str) else prefix[number]}
        alone += model.translate_batch([source], **{**change, **own})
    for others in (outside, alone):
        for one, other in zip(inside, others, strict=True):
            assert one.hypotheses == other.hypotheses and one.tokens == other.tokens
            assert one.scores == pytest.approx(other.scores, abs=1e-4)
            for left, right in zip(one.log_probs, other.log_probs, strict=True):
                assert left == pytest.approx(right, abs=1e-4)
            for here, there in zip(one.attention, other.attention, strict=True):
                assert here.shape == there.shape and np.allclose(here, there, atol=1e-4)


def test_a_found_hypothesis_scores_what_it_was_found_with(model: Any) -> None:
    found = model.translate_batch(SOURCES, n_best=2)
    for rank in (0, 1):
        pairs = [(one.source, one.hypotheses[rank], one.log_probs[rank]) for one in found if one.source]
        told = model.score_batch([source for source, _, _ in pairs], [target for _, target, _ in pairs])
        for (_, _, log_probs), other in zip(pairs, told, strict=True):
            assert log_probs == pytest.approx(other.log_probs, abs=1e-4)


def test_streams_add_up(model: Any) -> None:
    for source in SOURCES:
        pieces = list(model.stream(source))
        assert "".join(pieces) == model.translate(source)
    assert max(len(list(model.stream(source))) for source in SOURCES) > 1


def test_an_ensemble_with_itself(model: Any, tmp_path: Path) -> None:
    twice = open_ensemble([ModelFile.from_bytes(model.file.data)] * 2, weights=[3, 1])
    for one, other in zip(model.translate_batch(SOURCES), twice.translate_batch(SOURCES), strict=True):
        assert one.text == other.text and one.scores == pytest.approx(other.scores, abs=1e-4)


@pytest.mark.parametrize("change", [{}, {"n_best": 4, "beam_size": 8}, {"prefix": "drei"}], ids=str)
def test_shortlists(tmp_path: Path, change: dict[str, Any]) -> None:
    tiny.write(tmp_path / "m.onnx", shortlist=True)
    model = seqtools.load(tmp_path / "m.onnx")
    full = model.translate_batch(SOURCES, **change)
    inside = model.translate_batch(SOURCES, shortlist=True, **change)
    outside = model.translate_batch(SOURCES, shortlist=True, **_NOTHING, **change)
    for one, other in zip(inside, outside, strict=True):
        assert one.hypotheses == other.hypotheses and one.tokens == other.tokens
        assert one.scores == pytest.approx(other.scores, abs=1e-4)
    same = [one.text == other.text for one, other in zip(full, inside, strict=True)]
    assert sum(same) >= 0.9 * len(same)
    assert "".join(model.stream(SOURCES[0], shortlist=True)) == model.translate(SOURCES[0], shortlist=True)


def test_int8_translates_too(tmp_path: Path) -> None:
    tiny.write(tmp_path / "m.onnx", profile="int8")
    found = seqtools.load(tmp_path / "m.onnx").translate_batch([source for source, _ in tiny.SENTENCES])
    right = [one.text == target for one, (_, target) in zip(found, tiny.SENTENCES, strict=True)]
    assert sum(right) >= 0.9 * len(right)


def test_with_a_shortlist_neighbours_have_no_say(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    tiny.write(path, shortlist=True)
    model = seqtools.load(path)
    together = model.translate_batch(SOURCES, shortlist=True, attention=False)
    alone = [model.translate_batch([one], shortlist=True, attention=False)[0] for one in SOURCES]
    assert [one.hypotheses for one in together] == [one.hypotheses for one in alone]
    assert [one.log_probs for one in together] == [one.log_probs for one in alone]


def test_without_attention_nothing_is_told_of_it(tmp_path: Path, run_cli: Any) -> None:
    path = tmp_path / "m.onnx"
    tiny.write(path, network={"attention": "none"})
    model = seqtools.load(path)
    assert not model.attends
    for option in ({"coverage_penalty": "wu"}, {"replace_unk": True}):
        with pytest.raises(UsageError, match="without attention"):
            model.translate("one", **option)
    for words in (["--alignment", "hard"], ["--attention-map", "ansi"], ["--replace-unk"]):
        done = run_cli("translate", "-m", path, "one", *words)
        assert done.exit_code == 2
        assert "is a model without attention" in done.stderr
