"""The programs in the pages run as they stand there, on a small exported model."""

from __future__ import annotations

import gzip
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pages: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("pages.py"))))
ROOT: Path = pages.ROOT
EMBED, PLUGIN = ROOT / "docs/how-to/embed.md", ROOT / "docs/how-to/write-a-plugin.md"
TINY = [
    "--width",
    "16",
    "--batch-size",
    "4",
    "--chunk",
    "16",
    "--steps",
    "6",
    "--sample-tokens",
    "0",
    "--no-floor",
]


def run(words: list[str], cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "OMP_NUM_THREADS": "1", **environ}
    done = subprocess.run(words, cwd=cwd, env=whole, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def seqtools(cwd: Path, *words: str, **environ: str) -> str:
    return run([sys.executable, "-P", "-m", "seqtools", *words], cwd, **environ).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mytext.txt, runs/mine as the README makes it (only smaller) and model.onnx."""
    folder = tmp_path_factory.mktemp("home")
    sample = gzip.decompress((ROOT / "plugins/seqtools_generate/samples/shakespeare.txt.gz").read_bytes())
    (folder / "mytext.txt").write_bytes(sample[:6000])
    seqtools(folder, "train", "generate", "mytext.txt", "-o", "runs/mine", *TINY)
    shutil.copy(folder / "runs/mine/model.onnx", folder / "model.onnx")
    return folder


def test_the_readme_program_writes_and_scores(home: Path) -> None:
    (program,) = pages.blocks(ROOT / "README.md", "python")
    lines = run([sys.executable, "-c", program], home).stdout
    assert len(lines) > 300
    assert 0 < float(lines.split()[-1]) < 20


def test_the_embedding_program_runs_without_seqtools(home: Path) -> None:
    (program,) = pages.blocks(EMBED, "python")
    assert "seqtools" not in program
    written = run([sys.executable, "-c", program], home).stdout
    assert written.startswith("ROMEO:")
    assert len(written) > len("ROMEO:") + 100  # 200 tokens; an untrained model writes half-bytes too
    assert run([sys.executable, "-c", program], home).stdout == written


def test_the_node_program_writes(home: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    asks = [node, "-e", "require('onnxruntime-node')"]
    if subprocess.run(asks, capture_output=True, check=False, cwd=home).returncode:
        pytest.skip("needs the npm package onnxruntime-node (set NODE_PATH to where it is)")
    (program,) = pages.blocks(EMBED, "js")
    (home / "app.js").write_text(program, encoding="utf-8")
    written = run([node, "app.js"], home).stdout
    assert written.startswith("ROMEO:")
    assert len(written) > len("ROMEO:") + 50


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin of the page, installed into a folder of its own."""
    site = tmp_path_factory.mktemp("site")
    files = pages.files(PLUGIN)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    files[f"{info.name}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["seqtools"].items()
    files[f"{info.name}/entry_points.txt"] = "[seqtools]\n" + "".join(f"{key} = {to}\n" for key, to in points)
    for inside, text in files.items():
        (site / inside).parent.mkdir(parents=True, exist_ok=True)
        (site / inside).write_text(text, encoding="utf-8")
    return site


def test_the_plugin_is_listed(plugin: Path, tmp_path: Path) -> None:
    listed = seqtools(tmp_path, "plugins", "list", PYTHONPATH=str(plugin))
    (row,) = [line for line in listed.splitlines() if line.startswith("mine ")]
    assert row.split()[:4] == ["mine", "ok", "seqtools-mine", "0.1"]
    shown = seqtools(tmp_path, "plugins", "show", "mine", PYTHONPATH=str(plugin))
    assert all(name in shown for name in ("mgu.v1", "hex", "haiku", "near", "runs"))
    assert "haiku" in seqtools(tmp_path, "--help", PYTHONPATH=str(plugin))


def test_its_cell_and_tokenizer_train_and_export_and_its_command_writes(plugin: Path, home: Path) -> None:
    path = str(plugin)
    words = ["train", "generate", "mytext.txt", "-o", "runs/mgu", "--cell", "mgu.v1", "--tokenizer", "hex"]
    seqtools(home, *words, *TINY, PYTHONPATH=path)
    described = seqtools(home, "info", "runs/mgu/model.onnx", "--check", PYTHONPATH=path)
    assert "mgu.v1" in described
    first = seqtools(home, "haiku", "runs/mgu/model.onnx", "--seed", "3", PYTHONPATH=path)
    assert first.strip()
    assert seqtools(home, "haiku", "runs/mgu/model.onnx", "--seed", "3", PYTHONPATH=path) == first


def test_its_rules_change_what_is_found(plugin: Path, home: Path) -> None:
    program = [sys.executable, str(plugin / "try_rules.py")]
    found = run(program, home, PYTHONPATH=str(plugin)).stdout
    score, _, text = found.partition(" ")
    assert float(score) < -20  # 60 tokens are 20 too many; this model has no end token
    assert not any(a == b == c for a, b, c in zip(text, text[1:], text[2:], strict=False))


def test_its_tests_pass(plugin: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "tests/test_hex.py"]
    assert " passed" in run([sys.executable, *words], plugin, PYTHONPATH=str(plugin)).stdout
