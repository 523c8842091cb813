"""How every task begins and ends a run, and what the command line says of its recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from seqtools import loader
from seqtools.errors import DataError, UsageError
from seqtools.plugin import TaskSpec
from seqtools.recipe import DataConfig, Recipe
from seqtools.recipe_options import AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, output_option, resume_option
from seqtools.training.beginning import clear, prepared, record, resumed, tidied
from seqtools.training.ending import make_file, note_best
from seqtools.training.loop import TrainingResult
from seqtools.training.run_folder import RunFolder

FLAGS = {"--lr": "training.lr", "--per-line/--running": "data.per_line"}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def fill(run: RunFolder) -> None:
    run.path.mkdir(exist_ok=True)
    run.write_json("run.json", {"data": {}, "parent": ""})


def undo(run: RunFolder) -> Callable[[], None]:
    return lambda: clear(run, ["run.json"])


def test_a_folder_is_filled_once_and_stays_when_it_became_a_run(run: RunFolder) -> None:
    with prepared(run, "cpu", lambda: fill(run), undo(run)) as world:
        assert world.leads
        assert not run.exists
        record(run, Recipe(), 5)
        assert run.exists
    assert run.info()["parameters"] == 5
    with prepared(run, "cpu", lambda: pytest.fail("it is filled"), undo(run)):
        pass
    assert run.exists


def test_what_did_not_become_a_run_is_taken_away(run: RunFolder) -> None:
    def failing() -> None:
        fill(run)
        raise DataError("texts", "there are none", "Give some")

    with pytest.raises(DataError, match="there are none"), prepared(run, "cpu", failing, undo(run)):
        pytest.fail("nothing is there to train on")
    assert not run.path.exists()
    with pytest.raises(KeyboardInterrupt), prepared(run, "cpu", lambda: fill(run), undo(run)):
        raise KeyboardInterrupt
    assert not run.path.exists()


def test_folders_that_were_not_there_go_and_those_that_were_stay(tmp_path: Path) -> None:
    def refuse(run: RunFolder) -> None:
        def failing() -> None:
            (run.path / "data").mkdir(parents=True)
            fill(run)
            raise DataError("texts", "there are none", "Give some")

        with pytest.raises(DataError), prepared(run, "cpu", failing, undo(run)):
            pytest.fail("nothing is there to train on")

    refuse(RunFolder(tmp_path / "runs" / "deep" / "mine"))
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    refuse(RunFolder(tmp_path / "runs" / "empty"))
    refuse(RunFolder(tmp_path / "runs" / "mine"))
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["empty"]
    with tidied(tmp_path / "runs" / "new" / "deep"):
        (tmp_path / "runs" / "new" / "deep").mkdir(parents=True)
        (tmp_path / "runs" / "new" / "kept").touch()
    assert [path.name for path in (tmp_path / "runs" / "new").iterdir()] == ["kept"]
    with tidied(tmp_path / "half" / "way" / "down"):
        (tmp_path / "half" / "way").mkdir(parents=True)
    assert not (tmp_path / "half").exists()


def test_a_run_goes_on_with_its_own_recipe_and_no_other_tasks(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="there is no run to resume"):
        resumed(run, Recipe)
    fill(run)
    record(run, Recipe(data=DataConfig(per_line=True)), 5)
    assert resumed(run, Recipe).data.per_line
    with pytest.raises(UsageError, match=r"one of 'generate'.*Use: seqtools train generate --resume"):
        resumed(run, AskedRecipe)


def test_the_end_notes_what_was_best_and_lets_the_task_make_its_file(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export_run(folder: Path, output: Path, *, report: Callable[[str], None]) -> None:
        output.write_text("a file")
        report(f"made of {folder.name}")

    module = ModuleType("mine")
    module.export_run = export_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    spec = TaskSpec(name="mine", target="mine:open", summary="Mine.", export="mine:export_run")
    fill(run)
    record(run, Recipe(), 5)
    best = note_best(run, TrainingResult({"valid_loss": 1.0}, 7, "steps"), bits=2.0)
    assert best == {"valid_loss": 1.0, "bits": 2.0, "steps": 7, "stopped": "steps"} == run.info()["best"]
    monkeypatch.setattr(loader, "task", lambda name: spec)
    said: list[str] = []
    make_file(run, said.append, "'Good morning'")
    assert said == ["made of run", f"Try it: seqtools mine -m {run.path}/model.onnx 'Good morning'"]
    assert (run.path / "model.onnx").read_text() == "a file"


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Any]:
    """What a command gets of its options: the recipe, what was said of it, and the others."""

    def call(*words: str) -> Any:
        heard: list[Any] = []

        @click.command()
        @output_option
        @resume_option
        @floor_option("Compare.")
        @export_option
        @asks_recipe(FLAGS, Recipe)
        def command(output: Path, resume: bool, floor: bool, export: bool, asked: AskedRecipe) -> None:
            """Train."""
            heard.append((*asked.settle(resume=resume, others=not export), output, floor))

        done = CliRunner().invoke(command, ["-o", str(tmp_path), *words], standalone_mode=False)
        if done.exception:
            raise done.exception
        return heard[0]

    return call


def test_flags_win_over_keys_and_what_was_said_is_told(asked: Callable[..., Any], tmp_path: Path) -> None:
    recipe, said, output, floor = asked(
        "--lr", "0.5", "--set", "training.lr=0.25", "--set", "network.width=9"
    )
    assert (recipe.training.lr, recipe.network.width, recipe.data.per_line) == (0.5, 9, False)
    assert said == {"training.lr": 0.5, "network.width": 9}
    assert (output, floor) == (tmp_path, True)
    assert asked("--per-line", "--no-floor")[1:] == ({"data.per_line": True}, tmp_path, False)


def test_a_run_that_goes_on_takes_no_other_words(asked: Callable[..., Any], tmp_path: Path) -> None:
    assert asked("--resume") == (None, {}, tmp_path, True)
    for words in (
        ["--lr", "1"],
        ["--running"],
        ["--preset", "char-small"],
        ["--set", "a=1"],
        ["--no-export"],
    ):
        with pytest.raises(UsageError, match="the run keeps the recipe it has"):
            asked("--resume", *words)
