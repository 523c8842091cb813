"""The program itself: help, typos, colours, exit codes, how it ends."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from seqtools import __version__, errors, output
from seqtools.discovery import EntryPoint
from seqtools.plugin import CommandSpec, hookimpl
from seqtools.registry import Registry

HEAVY = {"numpy", "onnxruntime", "torch", "onnx", "spox", "rich", "sentencepiece", "importlib.metadata"}
FUNCTIONS: dict[str, Callable[[], Any]] = {}


def run_probe() -> None:
    """Target of the command `probe`, told by each test what to do."""
    FUNCTIONS["probe"]()


probe = click.Command("probe", callback=run_probe)


@pytest.fixture
def offer(plugin_registry: Registry) -> Callable[..., None]:
    """Make `seqtools probe` run a function, as a command of some distribution."""

    def offer(function: Callable[[], Any], distribution: str = "seqtools-suite") -> None:
        FUNCTIONS["probe"] = function
        import sys

        sys.modules["probe_module"] = sys.modules[__name__]
        spec = CommandSpec(name="probe", target="probe_module:probe", summary="Probe.")

        class Plugin:
            @hookimpl
            def seqtools_commands(self) -> list[CommandSpec]:
                return [spec]

        plugin_registry.add(EntryPoint("prober", "probe_module", distribution, "1.0"), Plugin())

    return offer


def test_help_loads_nothing_heavy_and_no_command() -> None:
    script = (
        "import sys, seqtools.cli\n"
        "try: seqtools.cli.root(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not HEAVY & loaded
    assert not {name for name in loaded if name.startswith("seqtools.cli.")} - {
        "seqtools.cli.failures",
        "seqtools.cli.lazy",
        "seqtools.cli.options",
        "seqtools.cli.state",
    }
    assert "seqtools_generate" in loaded
    assert not {
        name for name in loaded if name.startswith(("seqtools_generate.", "seqtools.nn", "seqtools.export"))
    }


def test_help_takes_little_time() -> None:
    """The bound is 0.2 s of CPU; the best of five, since the machine may be busy."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "seqtools", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) <= 0.2


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_its_summary(run_cli: Callable[..., Any], arguments: list[str]) -> None:
    shown = run_cli(*arguments)
    assert shown.exit_code == 0
    for command in (
        "train",
        "export",
        "evaluate",
        "info",
        "demo",
        "doctor",
        "plugins",
        "completion",
        "generate",
    ):
        assert f"\n  {command} " in shown.stdout
    assert "Write text with a language model." in shown.stdout


def test_version(run_cli: Callable[..., Any]) -> None:
    assert run_cli("--version").stdout == f"seqtools {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["genrate"], "No such command 'genrate'. Did you mean 'generate'?"),
        (["train", "genrate"], "No such command 'genrate'. Did you mean 'generate'?"),
        (["xyzzy"], "Known: classify, completion, demo, doctor"),
        (["--versoin"], "--version"),
    ],
)
def test_a_typo_is_a_usage_error_with_a_suggestion(
    run_cli: Callable[..., Any], words: list[str], message: str
) -> None:
    done = run_cli(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DataError, 1),
        (errors.TrainingError, 1),
        (errors.ExportError, 1),
        (errors.DeviceError, 1),
        (errors.UsageError, 2),
        (errors.ConfigError, 2),
        (errors.ModelFileError, 3),
        (errors.MissingDependencyError, 4),
        (errors.PluginError, 5),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    run_cli: Callable[..., Any], offer: Callable[..., None], error: type[errors.SeqtoolsError], code: int
) -> None:
    def fail() -> None:
        raise error("the thing", "it broke", "Mend it")

    offer(fail)
    done = run_cli("probe")
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", "Error: the thing: it broke. Mend it.\n")


@pytest.mark.parametrize("words", [["--debug", "probe"], ["probe", "--debug"]])
def test_debug_shows_the_traceback(
    run_cli: Callable[..., Any], offer: Callable[..., None], words: list[str]
) -> None:
    def fail() -> None:
        raise errors.DataError("the thing", "it broke")

    offer(fail)
    done = run_cli(*words)
    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.endswith("Error: the thing: it broke.\n")
    assert "Traceback" not in run_cli("probe").stderr, "the wish is forgotten after the run"


@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError, click.Abort])
def test_an_interrupt_ends_with_130(
    run_cli: Callable[..., Any], offer: Callable[..., None], error: type[BaseException]
) -> None:
    def fail() -> None:
        raise error

    offer(fail)
    done = run_cli("probe")
    assert done.exit_code == 130
    assert done.stderr.strip() == "Interrupted."


def test_files_that_are_not_there_are_named(
    run_cli: Callable[..., Any], offer: Callable[..., None], tmp_path: Path
) -> None:
    offer(lambda: (tmp_path / "absent.txt").read_text())
    done = run_cli("probe")
    assert done.exit_code == 1
    assert done.stderr == f"Error: {tmp_path / 'absent.txt'}: no such file or directory. Check the path.\n"


def test_an_unforeseen_error_is_one_line_and_names_a_strangers_plugin(
    run_cli: Callable[..., Any], offer: Callable[..., None]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("by nought")

    offer(fail)
    ours = run_cli("probe")
    assert ours.exit_code == 1
    assert ours.stderr.startswith("Error: unexpected error: ZeroDivisionError: by nought. Add --debug")


def test_a_strangers_command_that_breaks_is_a_plugin_failure(
    run_cli: Callable[..., Any], offer: Callable[..., None]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("by nought")

    offer(fail, "stranger")
    done = run_cli("probe")
    assert done.exit_code == 5
    assert done.stderr.startswith(
        "Error: plugin 'prober' (stranger 1.0): its command failed: ZeroDivisionError"
    )


def test_what_a_command_returns_is_no_exit_code(
    run_cli: Callable[..., Any], offer: Callable[..., None]
) -> None:
    offer(lambda: 3)
    assert run_cli("probe").exit_code == 0


def test_a_command_may_choose_its_exit_code(run_cli: Callable[..., Any], offer: Callable[..., None]) -> None:
    offer(lambda: click.get_current_context().exit(7))
    assert run_cli("probe").exit_code == 7


@pytest.mark.parametrize(
    ("words", "level"),
    [
        (["probe"], output.NORMAL),
        (["-v", "probe"], output.VERBOSE),
        (["probe", "--verbose"], output.VERBOSE),
        (["-q", "probe"], output.QUIET),
        (["probe", "-q"], output.QUIET),
    ],
)
def test_verbose_and_quiet_work_on_both_sides(
    run_cli: Callable[..., Any], offer: Callable[..., None], words: list[str], level: int
) -> None:
    def speak() -> None:
        output.note("note")
        output.detail("detail")
        output.warn("warning")

    offer(speak)
    expected = [*(["note"] if level >= 0 else []), *(["detail"] if level > 0 else []), "Warning: warning"]
    assert run_cli(*words).stderr.splitlines() == expected


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({"NO_COLOR": "", "FORCE_COLOR": ""}, False),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "yes", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_environment(
    run_cli: Callable[..., Any],
    offer: Callable[..., None],
    env: dict[str, str],
    colored: bool,
    monkeypatch: Any,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    offer(lambda: click.secho("text", fg="red"))
    assert ("\x1b[" in run_cli("probe").stdout) is colored


def test_a_closed_pipe_is_no_error() -> None:
    """`seqtools plugins list --json | head -1`, with far more to write than a pipe holds."""
    script = (
        "import os, click, sys, seqtools.cli\n"
        "from seqtools.cli.failures import guarded\n"
        "guarded(lambda: [click.echo('x' * 1000) for _ in range(10_000)] and None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_bare_demo_runs_the_default_and_passes_options_on(
    run_cli: Callable[..., Any], plugin_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    @click.option("--max-time")
    def demo(max_time: str | None) -> None:
        click.echo(f"demo {max_time}")

    class Plugin:
        @hookimpl
        def seqtools_commands(self) -> list[CommandSpec]:
            demo_group = CommandSpec(name="demo", target="seqtools.cli.demo:command", summary="Demo.")
            inner = CommandSpec(name="generate", parent="demo", target="demo_module:demo", summary="Inner.")
            return [demo_group, inner]

    import types

    module = types.ModuleType("demo_module")
    module.demo = demo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "demo_module", module)
    plugin_registry.add(EntryPoint("d", "m", "d", "1"), Plugin())
    assert run_cli("demo").stdout == "demo None\n"
    assert run_cli("demo", "--max-time", "9s").stdout == "demo 9s\n"
    assert run_cli("demo", "generate", "--max-time", "8s").stdout == "demo 8s\n"
    shown = run_cli("demo", "--help").stdout
    assert "generate" in shown
    assert "Inner." in shown


def test_the_exit_code_survives_a_real_process(run_process: Callable[..., Any]) -> None:
    assert run_process("genrate").returncode == 2
    assert run_process("plugins", "show", "genrate").returncode == 2
    assert run_process("--version").stdout == f"seqtools {__version__}\n"


def test_every_command_answers_help(run_cli: Callable[..., Any]) -> None:
    from seqtools import loader

    for key in loader.registry().commands:
        done = run_cli(*key.split(), "--help")
        assert done.exit_code == 0, f"{key}: {done.output}"
        assert "Usage: seqtools" in done.stdout


def test_output_json_is_not_coloured(run_cli: Callable[..., Any]) -> None:
    line = run_cli("plugins", "list", "--json", env={**os.environ, "FORCE_COLOR": "1"}).stdout.splitlines()[0]
    assert json.loads(line)["name"]
