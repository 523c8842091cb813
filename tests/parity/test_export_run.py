"""`export_run` from a run folder to a checked file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from seqtools import loader
from seqtools.cli.export import command
from seqtools.errors import ExportError, UsageError
from seqtools.export.file import weights_sha256
from seqtools.export.graph import Weights, constant
from seqtools.export.strings import join, strings
from seqtools.model_file import ModelFile
from seqtools.nn.language_model import LanguageModel
from seqtools.parity import compare, tolerance
from seqtools.recipe import DataConfig, NetworkConfig, Recipe, TokenizerConfig
from seqtools.training.run_folder import RunFolder
from seqtools.training.token_stream import write_stream
from seqtools_generate import export as exporting
from seqtools_generate import verify as verifying
from seqtools_generate.export import export_run
from seqtools_generate.verify import Runner

TEXT = "Now is the winter of our discontent\nMade glorious summer by this sun of York;\n" * 4


def make_run(path: Path, kind: str = "char", *, per_line: bool = False, **network: Any) -> RunFolder:
    """A run folder as training leaves it, with random weights."""
    (path / "data").mkdir(parents=True)
    run, tokenizer = RunFolder(path), loader.tokenizer_class(kind).train([TEXT])
    recipe = Recipe(
        network=NetworkConfig(**{"width": 24, **network}),
        tokenizer=TokenizerConfig(kind=kind),
        data=DataConfig(per_line=per_line),
    )
    run.write_recipe(recipe)
    run.write_tokenizer(tokenizer)
    run.write_json("run.json", {"data": {"files": ["york.txt"], "sha256": "0"}, "seed": 3})
    run.write_json("floor.json", {"name": "6-gram", "nats_per_character": 1.5})
    for part in ("train", "valid"):
        write_stream(run.stream_path(part), [TEXT], tokenizer)
    torch.manual_seed(0)
    model = LanguageModel(recipe.network, tokenizer.vocab_size)
    save_file({name: value.clone() for name, value in model.state_dict().items()}, path / "best.safetensors")
    return run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run")


def test_the_file_tells_its_story(run: RunFolder, tmp_path: Path) -> None:
    lines: list[str] = []
    report = export_run(run.path, tmp_path / "m.onnx", report=lines.append)
    file = ModelFile.open(tmp_path / "m.onnx", expect_task="generate")
    assert (file.profile, file.form, report.form) == ("portable", "text", "text")
    assert report.size == (tmp_path / "m.onnx").stat().st_size
    assert report.parity.worst < 1e-5
    assert report.parity.unequal == 0
    assert "largest difference from torch" in lines[0]
    assert file.tokenizer == {"kind": "char", "payload": run.tokenizer().payload()}
    assert file.card["metrics"]["floor"]["name"] == "6-gram"
    assert file.card["data"]["files"] == ["york.txt"]
    assert file.card["verification"]["tokens_unequal"] == 0
    assert [port.name for port in file.inputs] == list(file.io["inputs"])
    runner = Runner(file.data)
    assert json.loads(str(runner.run(["card"], runner.feeds(np.zeros((1, 1), np.int64)))[0])) == file.card
    model = onnx.load_from_string(file.data)
    assert file.metadata["seqtools.sha256"] == weights_sha256(model)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 20
    assert model.ir_version == 10


@pytest.mark.parametrize("profile", ["portable", "int8"])
@pytest.mark.parametrize("kind", ["char", "byte", "word"])
def test_the_stored_vector_checks_the_file(kind: str, profile: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", kind)
    export_run(run.path, tmp_path / "m.onnx", profile=profile, report=lambda line: None)
    file = ModelFile.open(tmp_path / "m.onnx")
    found = compare(Runner(file.data).run, file.parity, "m.onnx")
    assert {one.case for one in found} == {"greedy", "sampled", "truncated", "score", "text"}
    assert max(one.largest for one in found) <= tolerance(file.parity)
    assert not any(one.unequal for one in found)


def test_text_and_ids_are_one_prompt(run: RunFolder, tmp_path: Path) -> None:
    export_run(run.path, tmp_path / "m.onnx", report=lambda line: None)
    runner, tokenizer = Runner((tmp_path / "m.onnx").read_bytes()), run.tokenizer()
    noise = np.random.default_rng(0).random((9, 1), dtype=np.float32)
    ids = tokenizer.encode("glorious")[None]
    names = ("new_text", "new_tokens", "next_state")
    choice = verifying.CHOICES["sampled"]
    by_ids = runner.run(names, runner.feeds(ids, uniforms=noise, choice=choice))
    by_text = runner.run(names, runner.feeds(ids[:, :0], uniforms=noise, choice=choice, text="glorious"))
    assert all(np.array_equal(a, b) for a, b in zip(by_ids, by_text, strict=True))
    assert by_text[0][0] == tokenizer.decode(by_text[1][0])


def test_a_text_a_line_begins_with_the_start_id(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_line=True)
    export_run(run.path, tmp_path / "m.onnx", report=lambda line: None)
    runner, tokenizer = Runner((tmp_path / "m.onnx").read_bytes()), run.tokenizer()
    none = np.zeros((1, 0), np.int64)
    by_text = runner.run(["next_state"], runner.feeds(none, text="Made"))[0]
    ids = np.array([[tokenizer.bos, *tokenizer.encode("Made")]])
    assert np.array_equal(by_text, runner.run(["next_state"], runner.feeds(ids))[0])
    further = runner.run(["next_state"], runner.feeds(none, text=" gl", state=by_text))[0]
    assert further[0, 0] == by_text[0, 0] + 3


def test_int8_states_its_loss(run: RunFolder, tmp_path: Path) -> None:
    lines: list[str] = []
    report = export_run(run.path, tmp_path / "m.onnx", profile="int8", report=lines.append)
    card = ModelFile.open(tmp_path / "m.onnx").card
    assert report.perplexity_loss == pytest.approx(card["int8"]["relative_loss"])
    assert abs(card["int8"]["relative_loss"]) < 0.01
    assert any("validation perplexity" in line for line in lines)


def test_int8_that_costs_too_much_is_refused(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST_LOST", -1.0)
    with pytest.raises(ExportError, match="raise the perplexity"):
        export_run(run.path, tmp_path / "m.onnx", profile="int8", report=lambda line: None)
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_disagrees_is_not_written(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.onnx").write_bytes(b"the old one")
    honest = exporting.build

    def bent(network: LanguageModel, *given: Any, **named: Any) -> onnx.ModelProto:
        model = honest(network, *given, **named)
        with torch.no_grad():
            network.head.bias[0] += 0.01
        return model

    monkeypatch.setattr(exporting, "build", bent)
    with pytest.raises(ExportError, match="differ from torch's"):
        export_run(run.path, tmp_path / "m.onnx", report=lambda line: None)
    assert (tmp_path / "m.onnx").read_bytes() == b"the old one"


def test_other_tokens_are_noticed(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "choose", lambda log_probs, choice, uniform: 0)
    with pytest.raises(ExportError, match="chosen tokens differ"):
        export_run(run.path, tmp_path / "m.onnx", report=lambda line: None)


def test_nothing_half_written_stays(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        export_run(run.path, tmp_path / "nowhere" / "m.onnx", report=lambda line: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


@pytest.mark.parametrize(("option", "value"), [("profile", "int3"), ("form", "speech")])
def test_unknown_options_are_refused(run: RunFolder, tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"--{option}"):
        export_run(run.path, tmp_path / "m.onnx", report=lambda line: None, **{option: value})


def test_the_command_asks_the_task(run: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "m.onnx"
    result = CliRunner().invoke(command, [str(run.path), "-o", str(output), "--form", "ids"])
    assert result.exception is None
    assert result.stdout == ""
    assert "wrote" in result.stderr
    assert ModelFile.open(output).form == "ids"
    assert isinstance(CliRunner().invoke(command, [str(run.path), "-o", str(tmp_path)]).exception, UsageError)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 13])
def test_pieces_are_joined_in_order(count: int) -> None:
    import spox
    import spox.opset.ai.onnx.v20 as op

    weights = Weights()
    width = spox.argument(spox.Tensor(np.int64, ()))
    letters = op.slice(strings("abcdefghijklmn"), constant([0]), op.reshape(width, constant([1])))
    model = weights.build({"width": width}, {"text": join(op.unsqueeze(letters, constant([0])))})
    session = verifying.ort.InferenceSession(model.SerializeToString())
    assert session.run(None, {"width": np.array(count)})[0].tolist() == ["abcdefghijklmn"[:count]]
