"""`seqtools train tag` as a person uses it: small runs, several seeds, a test, second starts, bad input."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

from seqtools.training.experiment import Loss
from seqtools_tag.run_folder import TagRun
from seqtools_tag.train import TagExperiment

Cli = Callable[..., Any]
UNIT = Path(__file__).resolve().parent.parent / "unit"
tiny = SimpleNamespace(**runpy.run_path(str(UNIT / "tiny_sentences.py")))
TINY = [
    "--width", 10, "--embedding", 8, "--character-embedding", 4, "--character-width", 8, "--batch-size", 8,
    "--dropout-input", 0.1, "--dropout-output", 0.1, "--lr", 0.02, "--warmup", 0, "--no-export",
    "--evaluate-every", 20,
]  # fmt: skip


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """Columns with spans, gzipped."""
    path: Path = tiny.write(tmp_path / "train.conll.gz", tiny.sentences(140))
    return path


@pytest.fixture
def train(run_cli: Cli, tmp_path: Path) -> Cli:
    """`train(words…, name=, steps=)`: a tiny run in a folder of that name; the click result."""

    def run(*words: object, name: str = "run", steps: int = 4, code: int = 0) -> Any:
        done = run_cli("train", "tag", *TINY, "--steps", steps, *words, "-o", tmp_path / name)
        assert done.exit_code == code, done.stderr
        return done

    return run


def stop_message(done: Any) -> str:
    line = str(done.stderr).splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.stderr
    return line


def test_spans_are_learned_and_beside_them_the_floor(train: Cli, spans: Path, tmp_path: Path) -> None:
    test = tiny.write(tmp_path / "test.conll", tiny.sentences(30, seed=8))
    done = train(spans, "--test", test, "--shape", 3, steps=60)
    run = TagRun(tmp_path / "run")
    assert run.info()["best"]["f1"] > 0.9
    assert set(run.floor()["systems"]) == {"each word's usual label", "averaged perceptron"}
    told = json.loads((run.path / "test.json").read_text())
    assert told["figures"]["f1"] > 0.9
    assert set(told["kinds"]) == {"PER", "LOC"}
    assert set(told["floor"]) == set(run.floor()["systems"])
    assert "test (test.conll): F1" in done.stderr
    assert "all spans" in done.stderr
    assert "/B-PER" in (run.path / "samples.txt").read_text()


def test_plain_labels_of_a_treebank(train: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    blocks = [
        "".join(
            f"{number}\t{word}\t_\t{label}\t{label[:2]}\t_\t_\t_\t_\t_\n"
            for number, (word, label) in enumerate(zip(one.words, one.labels, strict=True), 1)
        )
        for one in tiny.sentences(140, spans=False)
    ]
    path.write_text("# one\n" + "\n# another\n".join(blocks))
    train(path, "--no-crf", "--characters", "lstm", "--no-floor", steps=60)
    run = TagRun(tmp_path / "run")
    assert run.labels().names == ("ADP", "NOUN", "PROPN", "PUNCT", "VERB")
    assert run.info()["best"]["accuracy"] > 0.9
    assert "f1" not in run.info()["best"]
    train(path, "--label-column", "xpos", "--no-floor", name="fine")
    assert TagRun(tmp_path / "fine").labels().names == ("AD", "NO", "PR", "PU", "VE")


def test_seeds_tell_a_mean_and_keep_the_best(train: Cli, spans: Path, tmp_path: Path) -> None:
    test = tiny.write(tmp_path / "test.conll", tiny.sentences(30, seed=8))
    done = train(spans, "--seeds", 2, "--seed", 5, "--test", test, steps=9)
    told = json.loads((tmp_path / "run" / "study.json").read_text())
    assert told["seeds"] == [5, 6]
    figures = [TagRun(tmp_path / "run" / f"seed-{seed}").info()["best"]["f1"] for seed in (5, 6)]
    assert [one["f1"] for one in told["valid"]] == pytest.approx(figures)
    assert told["mean"]["valid"]["f1"] == pytest.approx(sum(figures) / 2)
    assert told["sd"]["valid"]["f1"] == pytest.approx(abs(figures[0] - figures[1]) / 2**0.5)
    assert told["best"] == f"seed-{5 + figures.index(max(figures))}"
    assert len(told["test"]) == 2
    assert told["floor"]["test"]["averaged perceptron"]["f1"] > 0
    assert "mean ± sd over the seeds: F1" in done.stderr
    assert "another -o" in stop_message(train(spans, "--seed", 5, code=2))


def test_vectors_bring_words_and_their_vectors(train: Cli, spans: Path, tmp_path: Path) -> None:
    path = tiny.write_vectors(tmp_path / "vectors.txt", ["anna", "berlin", "rome"], width=8)
    words = ["--vectors", path, "--freeze", "--weight-decay", 0, "--no-floor"]
    done = train(spans, *words)
    assert "vectors: 3 of" in done.stderr
    run = TagRun(tmp_path / "run")
    given = {line.split()[0]: line.split()[1:] for line in path.read_text().splitlines()}
    table = run.tagger().embedding.weight
    for word, vector in given.items():
        row = table[int(run.tokenizer().encode(word.title())[0])]
        torch.testing.assert_close(row, torch.tensor([float(value) for value in vector]))
    assert run.info()["fixed"] == 1


def test_stopped_at_any_step_it_ends_bit_for_bit_as_undisturbed(
    train: Cli, spans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [spans, "--ema", 0.9, "--dropout-word", 0.1, "--checkpoint-every", 10, "--no-floor"]
    train(*words, name="whole", steps=30)
    whole, calls = TagExperiment.loss, []

    def failing(experiment: TagExperiment) -> Loss:
        calls.append(1)
        if len(calls) == 23:
            raise KeyboardInterrupt
        return whole(experiment)

    with monkeypatch.context() as patch:
        patch.setattr(TagExperiment, "loss", failing)
        train(*words, name="broken", steps=30, code=130)
    done = train(*words, name="broken", steps=30)
    assert "Going on from step 20" in done.stderr
    one, other = (load_file(tmp_path / name / "best.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_same_command_again_does_nothing_twice_and_another_is_refused(
    train: Cli, spans: Path, tmp_path: Path
) -> None:
    train(spans, "--no-floor")
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    train(spans, "--no-floor")
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before
    assert "another recipe" in stop_message(train(spans, "--width", 9, code=2))
    other = tiny.write(tmp_path / "train.conll.gz", tiny.sentences(100, seed=4))
    assert "begun with other texts" in stop_message(train(other, code=2))


def test_presets_are_whole(run_cli: Cli, spans: Path, tmp_path: Path) -> None:
    for preset in ("ner", "pos"):
        done = run_cli(
            "train", "tag", spans, "-o", tmp_path / preset, "--preset", preset, "--steps", 1, "--no-export",
            "--no-floor",
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--label-column", "upos"], "the file has the columns 0 to 1"),
        (["--scheme", "bioes", "--label-column", "0"], "they are not bioes: there is"),
        (["--valid", "none.conll"], "there is no such file to validate on"),
        (["--test", "none.conll"], "there is no file none.conll"),
        (["--vectors", "none.txt"], "there is no such file of vectors"),
        (["--label-smoothing", "0.1"], "cannot be smoothed"),
        (["--valid-fraction", "0"], "validation sentences: there are none"),
        (["--resume", "--seeds", "2"], "the run keeps the recipe it has"),
        (["--judge", "f1", "--label-column", "0"], "mark no spans to take F1 of"),
        (["--preset", "nerr"], "Did you mean 'ner'"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    run_cli: Cli, spans: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    done = run_cli("train", "tag", spans, "-o", tmp_path / "run", "--no-export", *words)
    assert done.exit_code in (1, 2), done.stderr
    assert told in stop_message(done)
    assert not (tmp_path / "run").exists()


def test_bad_files_are_told_with_the_line(run_cli: Cli, tmp_path: Path) -> None:
    def said(text: str) -> str:
        path = tmp_path / "bad.conll"
        path.write_text(text)
        done = run_cli("train", "tag", path, "-o", tmp_path / "run", "--no-export")
        assert done.exit_code == 1
        return stop_message(done)

    assert "bad.conll, line 2: it has 3 columns, the lines before it 2" in said("Bo O\nMoss NN O\n")
    assert "every word has the label 'O'" in said("".join(f"Bo{n} O\n\n" for n in range(60)))
    assert "it holds no sentences" in said("\n\n")
