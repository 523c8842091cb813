"""plugins, doctor, completion, evaluate: the commands that belong to no task."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest

from seqtools import doctor
from seqtools.discovery import EntryPoint
from seqtools.errors import ModelFileError
from seqtools.plugin import MetricSpec, TaskSpec, hookimpl
from seqtools.registry import Registry

ROW_KEYS = ["name", "distribution", "version", "module", "status", "offers", "errors"]


class Offers:
    """A plugin that offers the given metrics."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @hookimpl
    def seqtools_metrics(self) -> list[MetricSpec]:
        return [MetricSpec(name=name, target="math:sqrt", summary="A figure.") for name in self.names]


def test_plugins_list_names_all_of_ours(run_cli: Callable[..., Any]) -> None:
    rows = [json.loads(line) for line in run_cli("plugins", "list", "--json").stdout.splitlines()]
    assert {row["name"] for row in rows} >= {"core", "generate", "char", "byte", "word", "sentencepiece"}
    assert all(list(row) == ROW_KEYS for row in rows)
    core = next(row for row in rows if row["name"] == "core")
    assert core["status"] == "ok"
    assert core["distribution"] == "seqtools-suite"
    assert {"kind", "name", "summary", "target"} == set(core["offers"][0])
    assert "core" in run_cli("plugins", "list").stdout


def test_plugins_list_tells_failed_clashing_and_disabled_apart(
    run_cli: Callable[..., Any], plugin_registry: Registry
) -> None:
    plugin_registry.disabled.append(EntryPoint("off", "m", "d-off", "1"))
    plugin_registry.load(EntryPoint("absent", "no_such_module_anywhere", "d-absent", "1"))
    plugin_registry.add(EntryPoint("one", "m", "d-one", "1"), Offers("same", "own"))
    plugin_registry.add(EntryPoint("two", "m", "d-two", "1"), Offers("same"))
    # The root's own command comes from a plugin too.
    plugin_registry.load(EntryPoint("core", "seqtools.builtin", "seqtools-suite", "1"))
    rows = {
        row["name"]: row for row in map(json.loads, run_cli("plugins", "list", "--json").stdout.splitlines())
    }
    told = {name: row["status"] for name, row in rows.items()}
    assert told == {"absent": "failed", "core": "ok", "off": "disabled", "one": "clash", "two": "clash"}
    assert [offer["name"] for offer in rows["one"]["offers"]] == ["own"]
    assert "no_such_module_anywhere" in rows["absent"]["errors"][0]
    assert "metric 'same'" in rows["two"]["errors"][0]


def test_plugins_show(run_cli: Callable[..., Any]) -> None:
    shown = run_cli("plugins", "show", "generate").stdout
    assert "train generate: Train a language model on text files." in shown
    assert json.loads(run_cli("plugins", "show", "generate", "--json").stdout)["name"] == "generate"


def test_doctor_reports_lines_with_the_same_keys(run_cli: Callable[..., Any]) -> None:
    done = run_cli("doctor", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(finding) == ["check", "status", "detail", "cure"] for finding in findings)
    told = {finding["check"]: finding["status"] for finding in findings}
    assert told["provider CPUExecutionProvider"] == "ok"
    assert told["one onnxruntime"] == "ok"
    assert told["namesake"] == "ok"
    assert done.exit_code == (1 if "fail" in told.values() else 0)
    assert "provider CPUExecutionProvider" in run_cli("doctor").stdout


def test_doctor_finds_clashing_runtimes_and_a_namesake(
    run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        return "9.9" if name in ("onnxruntime-gpu", "seqtools") else real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    done = run_cli("doctor", "--json")
    told = {finding["check"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert done.exit_code == 1
    assert told["one onnxruntime"]["status"] == "fail"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in told["one onnxruntime"]["cure"]
    assert told["namesake"]["status"] == "fail"
    assert "pip uninstall -y seqtools" in told["namesake"]["cure"]


def test_doctor_names_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    told = {finding.check: finding for finding in doctor.examine()}
    assert told["numpy"].status == doctor.FAIL
    assert told["torch"].status == doctor.NOTE
    assert "seqtools-suite[train]" in told["torch"].cure


def test_doctor_survives_a_broken_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    def refuse(*arguments: object, **options: object) -> None:
        raise RuntimeError("driver too old")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    told = {finding.check: finding for finding in doctor.examine()}
    assert told["provider CPUExecutionProvider"].status == doctor.FAIL
    assert "driver too old" in told["provider CPUExecutionProvider"].detail
    monkeypatch.setattr(onnxruntime, "get_available_providers", refuse)
    assert {finding.check: finding.status for finding in doctor.examine()}["providers"] == doctor.FAIL


def test_doctor_reports_plugin_failures(plugin_registry: Registry) -> None:
    plugin_registry.load(EntryPoint("absent", "no_such_module_anywhere", "d", "1"))
    plugin_registry.disabled.append(EntryPoint("off", "m", "d-off", "1"))
    told = {finding.check: finding for finding in doctor.examine()}
    assert told["plugin 'absent' (d 1)"].status == doctor.FAIL
    assert told["disabled plugins"].detail == "off"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(run_cli: Callable[..., Any], shell: str) -> None:
    script = run_cli("completion", shell)
    assert script.exit_code == 0
    assert f"_SEQTOOLS_COMPLETE={shell}_complete" in script.stdout


def test_completion_script_is_bash_and_completes(run_process: Callable[..., Any], tmp_path: Path) -> None:
    script = tmp_path / "complete.sh"
    script.write_text(run_process("completion", "bash").stdout)
    subprocess.run(["bash", "-n", script], check=True)
    answer = run_process(
        env={"_SEQTOOLS_COMPLETE": "bash_complete", "COMP_WORDS": "seqtools plug", "COMP_CWORD": "1"}
    )
    assert answer.stdout == "plain,plugins\n"
    assert answer.stderr == ""


def test_completion_refuses_other_shells(run_cli: Callable[..., Any]) -> None:
    assert run_cli("completion", "tcsh").exit_code == 2


@click.command()
@click.option("-m", "--model", required=True)
@click.option("--windows", is_flag=True)
@click.argument("files", nargs=-1)
def measure(model: str, windows: bool, files: tuple[str, ...]) -> None:
    """Measure."""
    click.echo(json.dumps([model, windows, list(files)]))


class Measured:
    """A task whose evaluation is `measure`."""

    def __init__(self, *tasks: TaskSpec) -> None:
        self.tasks = tasks

    @hookimpl
    def seqtools_tasks(self) -> list[TaskSpec]:
        return list(self.tasks)


def a_task(name: str, **settings: str) -> TaskSpec:
    return TaskSpec(name=name, target="a:b", summary="A task.", **settings)


@pytest.fixture
def tasks(plugin_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    import sys

    monkeypatch.setitem(sys.modules, "measure_module", sys.modules[__name__])
    plugin_registry.load(EntryPoint("core", "seqtools.builtin", "seqtools-suite", "1"))

    def add(*specs: TaskSpec) -> None:
        plugin_registry.add(EntryPoint("t", "m", "d", "1"), Measured(*specs))

    return add


def test_evaluate_hands_its_arguments_to_the_task_of_the_file(
    run_cli: Callable[..., Any], tasks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    from seqtools.model_file import ModelFile

    tasks(a_task("count", evaluate="measure_module:measure"), a_task("mute"))
    named = {"count.onnx": "count", "mute.onnx": "mute", "alien.onnx": "alien"}
    monkeypatch.setattr(ModelFile, "open", lambda path: types.SimpleNamespace(task=named[path.name]))
    done = run_cli("evaluate", "a.txt", "--windows", "-m", "count.onnx", "b.txt")
    assert json.loads(done.stdout) == ["count.onnx", True, ["a.txt", "b.txt"]]
    assert "--windows" in run_cli("evaluate", "-m", "count.onnx", "--help").stdout
    mute = run_cli("evaluate", "-m", "mute.onnx")
    assert (mute.exit_code, mute.stderr) == (2, "Error: task 'mute': it has no evaluation.\n")
    alien = run_cli("evaluate", "-m", "alien.onnx")
    assert alien.exit_code == 5
    assert "task 'alien': no installed plugin offers it" in alien.stderr


def test_evaluate_takes_the_bundled_model_of_the_only_task(
    run_cli: Callable[..., Any], tasks: Callable[..., None]
) -> None:
    tasks(a_task("count", evaluate="measure_module:measure", bundled="seqtools:py.typed"), a_task("mute"))
    model, _, files = json.loads(run_cli("evaluate", "x").stdout)
    assert model.endswith("seqtools/py.typed")
    assert files == ["x"]


@pytest.mark.parametrize(("other", "status"), [("generate", 0), ("measure", 2)])
def test_evaluate_takes_a_language_model_or_asks_which(
    run_cli: Callable[..., Any], tasks: Callable[..., None], other: str, status: int
) -> None:
    given = {"evaluate": "measure_module:measure", "bundled": "seqtools:py.typed"}
    tasks(a_task("count", **given), a_task(other, **given))
    done = run_cli("evaluate", "x")
    assert (done.exit_code, "Name one with -m MODEL" in done.stderr) == (status, bool(status))


def test_evaluate_without_a_model_says_where_its_help_is(
    run_cli: Callable[..., Any], tasks: Callable[..., None]
) -> None:
    tasks(a_task("count", evaluate="measure_module:measure"), a_task("mute"))
    told = run_cli("evaluate", "--help").stdout
    assert "can be measured: count." in told
    assert "seqtools evaluate -m MODEL --help" in told
    assert "--windows" not in told


def test_evaluate_asks_for_a_model_where_none_is_bundled(
    run_cli: Callable[..., Any], tasks: Callable[..., None]
) -> None:
    tasks(a_task("count", evaluate="measure_module:measure"))
    done = run_cli("evaluate", "x")
    assert done.exit_code == 2
    assert "Name one with -m MODEL" in done.stderr


def test_evaluate_refuses_what_is_no_model(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a model at all")
    assert run_cli("evaluate", "-m", bad).exit_code == ModelFileError.exit_code
    assert run_cli("evaluate", "-m", tmp_path / "absent.onnx").exit_code in (1, ModelFileError.exit_code)
