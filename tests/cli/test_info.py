"""`seqtools info`: the description, its JSON, and the stored self-test."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from seqtools.describe import size
from seqtools.errors import ModelFileError
from seqtools.parity import compare, pack, unpack

Cli = Callable[..., Result]
bigram: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("bigram_file.py"))))
KEYS = [
    "path", "task", "format", "profile", "form", "producer", "sha256", "bytes", "weight_bytes",
    "weights_sha256", "nodes", "opsets", "tokenizer", "inputs", "outputs", "io", "parity", "card",
]  # fmt: skip


def parity_of(text: str, *, wrong: float = 0.0) -> dict[str, Any]:
    """A test vector for the bigram: one text scored from a fresh state."""
    ids = bigram.TOKENIZER.encode(text)
    table = bigram.bigram_table()
    log_probs = np.array([table[-1, ids[0]], *table[ids[:-1], ids[1:]]], np.float32)
    feeds = {
        "tokens": ids[None],
        "lengths": np.array([len(ids)]),
        "state": np.zeros((1, 2), np.float32),
        "steps": np.array(0),
        "temperature": np.array(0, np.float32),
        "top_k": np.array(0),
        "top_p": np.array(1, np.float32),
        "uniforms": np.zeros((0, 1), np.float32),
    }
    expected = {"log_probs": log_probs[None] + np.float32(wrong), "next_log_probs": table[ids[-1:]]}
    case = {"name": "score", "feeds": {k: pack(v) for k, v in feeds.items()},
            "expected": {k: pack(v) for k, v in expected.items()}}  # fmt: skip
    return {"tolerance": 1e-5, "cases": [case]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path: Path = bigram.write_bigram(tmp_path / "bigram.onnx", parity=parity_of("ab ca"))
    return path


def test_words(run_cli: Cli, model: Path) -> None:
    result = run_cli("info", model)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "bigram.onnx: a model for 'generate', profile portable, form ids (format 1)"
    assert "made by     seqtools 0.1.0" in lines
    assert "inputs      tokens: int64[batch, time]" in lines
    assert "            state: float32[batch, 2]" in lines
    assert "outputs     log_probs: float32[batch, time]" in lines
    assert lines[lines.index("card") :] == [
        "card", "  name: bigram", "  license: Apache-2.0", "  metrics", "    nats_per_character: 1.25",
    ]  # fmt: skip


def test_json(run_cli: Cli, model: Path) -> None:
    result = run_cli("info", model, "--json")
    assert result.exit_code == 0 and result.stdout.count("\n") == 1
    told = json.loads(result.stdout)
    assert list(told) == KEYS
    assert told["bytes"] == model.stat().st_size and told["weight_bytes"] < told["bytes"]
    assert told["tokenizer"]["kind"] == "char" and told["parity"]["stored"]
    assert told["inputs"][2] == {"name": "state", "dtype": "float32", "shape": ["batch", 2]}
    assert told["card"]["license"] == "Apache-2.0" and told["io"]["inputs"] == {"tokens": "token ids"}


def test_reading_loads_nothing_heavy(model: Path) -> None:
    code = (
        "import sys; from seqtools.cli import root; root(['info', sys.argv[1]], standalone_mode=False); "
        "bad = {'numpy', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules); sys.exit(', '.join(bad) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_check_passes(run_cli: Cli, model: Path) -> None:
    result = run_cli("info", model, "--check")
    assert result.exit_code == 0, result.output
    assert "check       1 cases, largest difference 0.0e+00 (tolerance 1e-05)" in result.stdout
    told = json.loads(run_cli("info", model, "--check", "--json").stdout)["check"]
    assert told == {
        "cases": ["score"],
        "largest_difference": 0.0,
        "tolerance": 1e-5,
        "unequal": [],
        "ok": True,
    }


def test_check_fails(run_cli: Cli, tmp_path: Path) -> None:
    wrong = bigram.write_bigram(tmp_path / "wrong.onnx", parity=parity_of("ab ca", wrong=0.25))
    result = run_cli("info", wrong, "--check")
    assert result.exit_code == 3 and "does not reproduce its test vector" in result.stderr
    assert "largest difference 2.5e-01" in result.stdout
    shape = parity_of("ab ca")
    shape["cases"][0]["expected"]["log_probs"] = pack(np.zeros((1, 4), np.float32))
    cut = bigram.write_bigram(tmp_path / "cut.onnx", parity=shape)
    result = run_cli("info", cut, "--check", "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["check"]["unequal"] == ["score.log_probs"]


@pytest.mark.parametrize("stored", [{"cases": [{}]}, {"cases": [3]}, {"cases": "x"}, {"cases": 5}])
def test_damaged_vector(run_cli: Cli, tmp_path: Path, stored: dict[str, Any]) -> None:
    path = bigram.write_bigram(tmp_path / "m.onnx", parity=stored)
    result = run_cli("info", path, "--check")
    assert result.exit_code == 3 and "its test vector is damaged" in result.stderr


def test_no_vector(run_cli: Cli, tmp_path: Path) -> None:
    path = bigram.write_bigram(tmp_path / "m.onnx")
    assert run_cli("info", path).exit_code == 0
    result = run_cli("info", path, "--check")
    assert result.exit_code == 3 and "no test vector" in result.stderr


@pytest.mark.parametrize("content", [None, b"", b"hello\n" * 100, b"\xff\xd8\xff\xe0" + bytes(200)])
def test_bad_files(run_cli: Cli, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)
    result = run_cli("info", path)
    assert result.exit_code == 3 and result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr


def test_a_card_cannot_play_with_the_terminal(run_cli: Cli, tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"in": deep}
    card = {"name\x1b[2J": "a\nb\x07", "list": ["x\r", 1], "deep": deep}
    result = run_cli("info", bigram.write_bigram(tmp_path / "m.onnx", card=card))
    assert result.exit_code == 0 and not {"\x1b", "\x07", "\r"} & set(result.stdout)
    assert "  list: x , 1" in result.stdout.splitlines()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float32),
        np.array(5, np.int64),
        np.array([["a", "ü\n"]], object),
        np.array([1.5, -np.inf], np.float32),
    ],
)
def test_arrays_survive_json(array: Any) -> None:
    back = unpack(json.loads(json.dumps(pack(array))))
    assert back.shape == array.shape and back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_infinities_and_nan() -> None:
    def run(names: list[str], feeds: dict[str, Any]) -> list[Any]:
        return [feeds[name] for name in names]

    def case(got: list[float], wanted: list[float]) -> dict[str, Any]:
        stored = {"x": pack(np.array(got, np.float32))}, {"x": pack(np.array(wanted, np.float32))}
        return {"cases": [{"name": "c", "feeds": stored[0], "expected": stored[1]}]}

    inf = float("inf")
    assert compare(run, case([-inf, 1.0], [-inf, 1.5]), "m")[0].largest == 0.5
    assert compare(run, case([float("nan")], [1.0]), "m")[0].largest == inf
    with pytest.raises(ModelFileError, match="no test vector"):
        compare(run, {}, "m")


def test_sizes() -> None:
    assert [size(n) for n in (999, 1500, 2_000_000, 3_100_000_000)] == [
        "999 bytes",
        "1.5 kB",
        "2.0 MB",
        "3.1 GB",
    ]


def test_an_empty_batch_in_a_vector_does_not_end_the_process(run_cli: Cli, tmp_path: Path) -> None:
    hostile = parity_of("ab")
    hostile["cases"][0]["feeds"]["tokens"] = pack(np.zeros((0, 2), np.int64))
    result = run_cli("info", bigram.write_bigram(tmp_path / "m.onnx", parity=hostile), "--check")
    assert result.exit_code == 2 and "the batch is empty" in result.stderr
    hostile["cases"][0]["feeds"]["tokens"] = pack(np.array(3))
    result = run_cli("info", bigram.write_bigram(tmp_path / "m.onnx", parity=hostile), "--check")
    assert result.exit_code == 3 and "test vector is damaged" in result.stderr


def test_a_test_vector_with_missing_values_is_plain_json() -> None:
    values = np.array([[1.5, np.nan], [np.nan, -2]], np.float32)
    stored = pack(values)
    assert stored["data"] == [1.5, None, None, -2.0]
    assert np.array_equal(unpack(json.loads(json.dumps(stored, allow_nan=False))), values, equal_nan=True)
