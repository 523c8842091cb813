"""The programs in the pages run as they stand there, on a small exported model."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sentencepiece

from seqtools import load
from seqtools_forecast.adapting import Widths

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
TINY_PAIRS = [
    "--vocab-size",
    "400",
    "--width",
    "24",
    "--encoder-width",
    "24",
    "--embedding",
    "24",
    "--steps",
    "30",
    "--batch-tokens",
    "600",
    "--sample-pairs",
    "0",
    "--no-floor",
]

TINY_READER = ["--width", "12", "--embedding", "12", "--steps", "40", "--lr", "0.02", "--ema", "0"]


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
    program = pages.blocks(ROOT / "README.md", "python")[0]
    lines = run([sys.executable, "-c", program], home).stdout
    assert len(lines) > 300
    assert 0 < float(lines.split()[-1]) < 20


@pytest.fixture(scope="module")
def translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs.tsv, runs/es-en made from it, and its file as translator.onnx."""
    folder = tmp_path_factory.mktemp("translators")
    sample = gzip.decompress(
        (ROOT / "plugins/seqtools_translate/samples/spanish-english.tsv.gz").read_bytes()
    )
    (folder / "pairs.tsv").write_bytes(b"".join(sample.splitlines(keepends=True)[:400]))
    seqtools(folder, "train", "translate", "pairs.tsv", "-o", "runs/es-en", *TINY_PAIRS)
    shutil.copy(folder / "runs/es-en/model.onnx", folder / "translator.onnx")
    return folder


@pytest.mark.parametrize("page", ("glossary", "ensembles"))
def test_the_how_to_programs_of_translators_run(page: str, translators: Path) -> None:
    for name in ("one", "two"):
        (translators / "runs" / name).mkdir(exist_ok=True)
        shutil.copy(translators / "translator.onnx", translators / "runs" / name / "model.onnx")
    (program,) = pages.blocks(ROOT / f"docs/how-to/{page}.md", "python")
    run([sys.executable, "-c", program], translators)


def test_the_tutorials_program_translates_and_streams(translators: Path) -> None:
    shutil.copy(translators / "translator.onnx", translators / "es-en.onnx")
    (program,) = pages.blocks(ROOT / "docs/tutorial-translate.md", "python")
    assert len(run([sys.executable, "-c", program], translators).stdout.splitlines()) == 2


SPANISH = ["Ella tiene una casa grande.", "¿Dónde está mi libro?"]


def test_the_readme_program_translates(translators: Path) -> None:
    program = pages.blocks(ROOT / "README.md", "python")[1]
    lines = run([sys.executable, "-c", program], translators).stdout.splitlines()
    assert len(lines) >= 2


def test_the_translator_runs_without_seqtools(translators: Path) -> None:
    program = pages.blocks(EMBED, "python")[1]
    assert "import seqtools" not in program
    said = [
        line.split("\t") for line in run([sys.executable, "-c", program], translators).stdout.splitlines()
    ]
    (translators / "two.es").write_text("\n".join(SPANISH), encoding="utf-8")
    words = ["translate", "-m", "translator.onnx", "-i", "two.es", "--json"]
    found = [json.loads(line) for line in seqtools(translators, *words).splitlines()]
    assert [text for _, text in said] == [one["translation"] for one in found]
    assert [float(score) for score, _ in said] == [pytest.approx(one["score"], abs=1e-4) for one in found]


def test_the_pieces_come_out_and_node_translates(translators: Path) -> None:
    program = pages.blocks(EMBED, "python")[2]
    run([sys.executable, "-c", program], translators)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(translators / "source.model"))
    ids = processor.encode(SPANISH[0])
    (found,) = seqtools(translators, "translate", "-m", "translator.onnx", SPANISH[0], "--json").splitlines()
    program = pages.blocks(EMBED, "js")[1]
    assert run_node(program, translators, *map(str, ids)).split() == [
        str(token) for token in json.loads(found)["tokens"]
    ]


def test_the_embedding_program_runs_without_seqtools(home: Path) -> None:
    program = pages.blocks(EMBED, "python")[0]
    assert "seqtools" not in program
    written = run([sys.executable, "-c", program], home).stdout
    assert written.startswith("ROMEO:")
    assert len(written) > len("ROMEO:") + 100  # 200 tokens; an untrained model writes half-bytes too
    assert run([sys.executable, "-c", program], home).stdout == written


def test_the_node_program_writes(home: Path) -> None:
    program = pages.blocks(EMBED, "js")[0]
    written = run_node(program, home)
    assert written.startswith("ROMEO:")
    assert len(written) > len("ROMEO:") + 50


def run_node(program: str, folder: Path, *words: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    asks = [node, "-e", "require('onnxruntime-node')"]
    if subprocess.run(asks, capture_output=True, check=False, cwd=folder).returncode:
        pytest.skip("needs the npm package onnxruntime-node (set NODE_PATH to where it is)")
    (folder / "app.js").write_text(program, encoding="utf-8")
    return run([node, "app.js", *words], folder).stdout


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a judge of remarks under every name that the pages have for one."""
    folder = tmp_path_factory.mktemp("classifiers")
    sample = gzip.decompress((ROOT / "plugins/seqtools_sentiment/samples/pros-cons.tsv.gz").read_bytes())
    (folder / "reviews.tsv").write_bytes(b"".join(sample.splitlines(keepends=True)[:301]))
    words = ["train", "sentiment", "reviews.tsv", "-o", "runs/reviews", *TINY_READER, "--blend", "--no-floor"]
    seqtools(folder, *words)
    for name in ("remarks.onnx", "classifier.onnx"):
        shutil.copy(folder / "runs/reviews/model.onnx", folder / name)
    return folder


@pytest.fixture(scope="module")
def taggers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tagger of made-up names, runs/ner and tagger.onnx."""
    folder = tmp_path_factory.mktemp("taggers")
    people, places = ("Jane Smith", "Anna", "Ben Holm", "Ruth Adler"), ("Paris", "South Bend", "Rome", "Oslo")
    sentences = []
    for person, place in itertools.product(people, places):
        found = [(person, "PER"), ("lives in", ""), (place, "LOC"), (".", "")]
        sentences.append("".join(column for text, kind in found for column in columns(text, kind)))
    (folder / "names.conll").write_text("\n".join(sentences), encoding="utf-8")
    seqtools(
        folder, "train", "tag", "names.conll", "-o", "runs/ner", "--preset", "ner", *TINY_READER, "--no-floor"
    )
    shutil.copy(folder / "runs/ner/model.onnx", folder / "tagger.onnx")
    return folder


def columns(text: str, kind: str) -> list[str]:
    letters = itertools.chain("B", itertools.repeat("I"))
    return [
        f"{word} {letter + '-' + kind if kind else 'O'}\n"
        for word, letter in zip(text.split(), letters, strict=False)
    ]


def test_the_readme_program_classifies(classifiers: Path) -> None:
    program = pages.blocks(ROOT / "README.md", "python")[2]
    lines = run([sys.executable, "-c", program], classifiers).stdout.splitlines()
    assert len(lines) == 2
    assert all(line.split()[0] in ("con", "pro") for line in lines)


def test_the_tutorials_program_judges(classifiers: Path) -> None:
    (program,) = pages.blocks(ROOT / "docs/tutorial-sentiment.md", "python")
    lines = run([sys.executable, "-c", program], classifiers).stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["Not", "cheap"]


def test_the_how_to_program_explains(classifiers: Path) -> None:
    (program,) = pages.blocks(ROOT / "docs/how-to/explain.md", "python")
    first, *words = run([sys.executable, "-c", program], classifiers).stdout.splitlines()
    assert first.startswith("con ")
    assert [line.split()[0] for line in words if "None" not in line] == ["'not'", "'easy'", "'to'", "'use'"]


def test_the_how_to_program_tags(taggers: Path) -> None:
    program, explaining = pages.blocks(ROOT / "docs/how-to/tag.md", "python")
    lines = run([sys.executable, "-c", program], taggers).stdout.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["Jane", "Smith", "lives", "in", "Paris", "."]
    lines = run([sys.executable, "-c", explaining], taggers).stdout.splitlines()
    assert lines[0].startswith("PER Jane Smith 0.")
    assert [line.split()[0] for line in lines[1:10:2]] == ["'Jane'", "'Smith'", "'lives'", "'in'", "'Paris'"]


REMARKS = ["Great lens, easy to use.", "Broke after a day"]
NAMES = ["Jane Smith lives in Paris.", "Anna sings."]


def test_the_classifier_runs_without_seqtools(classifiers: Path) -> None:
    program = pages.blocks(EMBED, "python")[3]
    assert "seqtools" not in program
    said = run([sys.executable, "-c", program], classifiers).stdout
    assert [line.split("\t")[2] for line in said.splitlines()] == REMARKS
    assert said == told_by_seqtools(classifiers)


def test_node_classifies(classifiers: Path) -> None:
    program = pages.blocks(EMBED, "js")[2]
    assert run_node(program, classifiers, *REMARKS) == told_by_seqtools(classifiers)


def told_by_seqtools(folder: Path) -> str:
    (folder / "two.txt").write_text("\n".join(REMARKS), encoding="utf-8")
    labels = seqtools(folder, "sentiment", "-m", "classifier.onnx", "-i", "two.txt").splitlines()
    return "".join(f"{label}\t{text}\n" for label, text in zip(labels, REMARKS, strict=True))


def test_the_tagger_runs_without_seqtools(taggers: Path) -> None:
    program = pages.blocks(EMBED, "python")[4]
    assert "seqtools" not in program
    found = [json.loads(seqtools(taggers, "tag", "-m", "tagger.onnx", name, "--json")) for name in NAMES]
    spans = [f"{span['label']} {span['text']}" for one in found for span in one["spans"]]
    said = run([sys.executable, "-c", program], taggers).stdout.splitlines()
    assert said == [*map(in_line, found), *spans]
    assert "PER Jane Smith" in spans


def test_node_tags(taggers: Path) -> None:
    program = pages.blocks(EMBED, "js")[3]
    found = [json.loads(seqtools(taggers, "tag", "-m", "tagger.onnx", name, "--json")) for name in NAMES]
    assert run_node(program, taggers, *NAMES).splitlines() == list(map(in_line, found))


TINY_FORECASTER = ["--width", "12", "--steps", "20", "--no-floor", "--no-refit", "--valid-windows", "5"]
PASSENGERS = ["112", "118", "132", "129", "NaN", "135", "148", "148", "136", "119", "104", "118"]


@pytest.fixture(scope="module")
def forecasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with yearly sunspots, and a forecaster of them by every name that the pages have."""
    folder = tmp_path_factory.mktemp("forecasters")
    shutil.copy(ROOT / "plugins/seqtools_forecast/samples/yearly-sunspots.csv", folder)
    words = ["train", "forecast", "yearly-sunspots.csv", "-o", "runs/sunspots", "--horizon", "11"]
    seqtools(folder, *words, "--season", "11", *TINY_FORECASTER)
    for name in ("sunspots.onnx", "forecaster.onnx", "runs/sales/model.onnx", "runs/lstm/model.onnx"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "runs/sunspots/model.onnx", folder / name)
    return folder


def test_the_readme_program_forecasts(forecasters: Path) -> None:
    program = pages.blocks(ROOT / "README.md", "python")[3]
    lines = run([sys.executable, "-c", program], forecasters).stdout.splitlines()
    assert len(lines) == 11
    assert [line.split()[0] for line in lines[:2]] == ["2009", "2010"]


@pytest.mark.parametrize("page", ("tutorial-forecast", "how-to/forecast"))
def test_the_pages_programs_forecast(page: str, forecasters: Path) -> None:
    (program,) = pages.blocks(ROOT / f"docs/{page}.md", "python")
    lines = run([sys.executable, "-c", program], forecasters).stdout.splitlines()
    told = [list(map(float, line.split())) for line in lines]
    assert len(told) == 11
    assert all(low <= high for *_, low, high in told)


def test_the_programs_of_the_sine_page_make_a_wave_and_ask_about_others(forecasters: Path) -> None:
    wave, others = pages.blocks(ROOT / "docs/tutorial-forecast-sine.md", "python")
    run([sys.executable, "-c", wave], forecasters)
    rows = (forecasters / "sine.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "t,y"
    assert len(rows) == 2001
    assert len(run([sys.executable, "-c", others], forecasters).stdout.splitlines()) == 4


def test_the_forecaster_runs_without_seqtools(forecasters: Path) -> None:
    program = pages.blocks(EMBED, "python")[5]
    assert "seqtools" not in program
    assert run([sys.executable, "-c", program], forecasters).stdout == forecast_by_seqtools(forecasters)


def test_one_interval_follows_without_seqtools(forecasters: Path) -> None:
    program = pages.blocks(EMBED, "python")[6]
    assert "seqtools" not in program
    years = np.loadtxt(forecasters / "yearly-sunspots.csv", delimiter=",", skiprows=1)[:, 1]
    model = load(forecasters / "forecaster.onnx")
    shape = replace(model.shape, levels=(0.1, 0.5, 0.9))
    widths, last = Widths(shape), len(years)
    for origin in range(last - 60, last + 1):
        found = model.predict(years[:origin])
        quantiles = np.stack([found.quantile(level) for level in shape.levels], axis=-1)[0]
        came = np.full((shape.horizon, 1), np.nan)
        came[: last - origin, 0] = years[origin : origin + shape.horizon]
        wide = widths.told(quantiles, came, origin)
    told = [line.split() for line in run([sys.executable, "-c", program], forecasters).stdout.splitlines()]
    assert len(told) == shape.horizon
    # The program lets an end fall below zero, where no spots are.
    ends = np.maximum([list(map(float, line[1:])) for line in told], 0)
    np.testing.assert_allclose(ends, wide[:, 0, [0, 2]], atol=2e-3)
    assert abs(np.log(widths.factors[0, 0])) > 0.01


def test_node_forecasts(forecasters: Path) -> None:
    program = pages.blocks(EMBED, "js")[4]
    assert run_node(program, forecasters, *PASSENGERS) == forecast_by_seqtools(forecasters)


def forecast_by_seqtools(folder: Path) -> str:
    """Rows as the programs print them: step, mean, both ends of the 80 % interval."""
    (folder / "months.csv").write_text("\n".join(["y", *PASSENGERS]) + "\n", encoding="utf-8")
    words = ["forecast", "-m", "forecaster.onnx", "months.csv", "--time", "none", "--levels", "80"]
    _, *rows = seqtools(folder, *words).splitlines()
    told = [[float(value) for value in row.split(",")[2:]] for row in rows]
    return "".join(f"{step}\t{m:.3f}\t{low:.3f}\t{high:.3f}\n" for step, (m, low, high) in enumerate(told, 1))


def in_line(record: dict[str, Any]) -> str:
    return " ".join(map("/".join, zip(record["words"], record["labels"], strict=True)))


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
