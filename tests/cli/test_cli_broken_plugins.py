"""Broken distributions of strangers, installed for real: all else works, and they are named."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = """
import click
from seqtools.plugin import CommandSpec, hookimpl

@hookimpl
def seqtools_commands():
    return [CommandSpec(name="{command}", target="{module}_code:command", summary="A stranger's command.")]
"""
CODE = """
import click

@click.command()
def command():
    "Say hello."
    click.echo("hello")
"""

BROKEN = {
    "load": "raise RuntimeError('no such luck')\n",
    "load-import": "import a_package_that_nobody_has\n",
    "load-exit": "import sys; sys.exit(4)\n",
    "register-typo": COMMAND + "\n@hookimpl\ndef seqtools_tokenisers():\n    return []\n",
    "register-arguments": COMMAND + "\n@hookimpl\ndef seqtools_metrics(registry):\n    return []\n",
    "call-raise": COMMAND + "\n@hookimpl\ndef seqtools_cells():\n    raise RuntimeError('no such luck')\n",
    "call-nonsense": COMMAND + "\n@hookimpl\ndef seqtools_metrics():\n    return ['perplexity']\n",
}
SAFE_COMMANDS = (["--help"], ["--version"], ["plugins", "list"], ["completion", "bash"], ["train", "--help"])


def wheel(folder: Path, name: str, source: str, *, command: str = "") -> Path:
    """Write a wheel `name` 0.3 whose one module is a plugin with the given source."""
    module = name.replace("-", "_")
    files = {
        f"{module}.py": source.format(command=command or name, module=module),
        f"{module}_code.py": CODE,
        f"{module}-0.3.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.3\n",
        f"{module}-0.3.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{module}-0.3.dist-info/entry_points.txt": f"[seqtools]\n{name} = {module}\n",
    }
    path = folder / f"{module}-0.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for inside, text in files.items():
            archive.writestr(inside, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{inside},sha256={digest},{len(text.encode())}\n"
        archive.writestr(f"{module}-0.3.dist-info/RECORD", record + f"{module}-0.3.dist-info/RECORD,,\n")
    return path


def unpack(folder: Path, name: str, source: str, *, command: str = "") -> dict[str, str]:
    """Put the distribution where Python finds it; the environment that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel(folder, name, source, command=command)) as archive:
        archive.extractall(folder / "site")
    return {"PYTHONPATH": str(folder / "site")}


@pytest.mark.parametrize("way", sorted(BROKEN))
def test_a_broken_distribution_is_named_and_everything_else_works(
    way: str, tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    env = unpack(tmp_path, "stranger", BROKEN[way])
    done = run_process("plugins", "list", "--json", env=env)
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    for words in (
        "plugin 'stranger' (stranger 0.3)",
        "pip install -U stranger",
        "SEQTOOLS_DISABLE_PLUGINS=stranger",
    ):
        assert words in warning
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["stranger"]["status"] == "failed"
    assert rows["core"]["status"] == "ok"
    gone = run_process("stranger", env=env)
    assert (gone.returncode, "No such command 'stranger'" in gone.stderr) == (2, True)
    assert "Traceback" not in done.stderr + gone.stderr


def test_pip_installs_a_broken_distribution_and_all_commands_still_work(
    tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", site, wheel(tmp_path, "stranger", BROKEN["call-raise"])], check=True)
    assert (site / "stranger-0.3.dist-info" / "INSTALLER").read_text().strip() == "pip"
    env = {"PYTHONPATH": str(site)}
    for words in SAFE_COMMANDS:
        done = run_process(*words, env=env)
        assert done.returncode == 0, words
        assert done.stderr.count("plugin 'stranger' (stranger 0.3)") == (0 if words == ["--version"] else 1)
    doctor = run_process("doctor", env=env)
    assert doctor.returncode == 1
    assert "plugin 'stranger' (stranger 0.3)" in doctor.stdout
    strict = run_process("plugins", "list", env={**env, "SEQTOOLS_STRICT_PLUGINS": "1"})
    assert (strict.returncode, strict.stdout) == (5, "")
    assert strict.stderr.startswith("Error: plugin 'stranger'")
    calm = run_process("plugins", "list", env={**env, "SEQTOOLS_DISABLE_PLUGINS": "stranger"})
    assert (calm.returncode, calm.stderr) == (0, "")
    assert "disabled" in calm.stdout


def test_a_good_distribution_adds_its_command(tmp_path: Path, run_process: Callable[..., Any]) -> None:
    env = unpack(tmp_path, "friend", COMMAND)
    assert "friend" in run_process("--help", env=env).stdout
    done = run_process("friend", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_two_distributions_with_one_command_are_both_named(
    tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    first = unpack(tmp_path / "1", "alice", COMMAND, command="greet")["PYTHONPATH"]
    second = unpack(tmp_path / "2", "bob", COMMAND, command="greet")["PYTHONPATH"]
    env = {"PYTHONPATH": os.pathsep.join((first, second))}
    clash = run_process("greet", env=env)
    assert clash.returncode == 5
    error = clash.stderr.splitlines()[-1]
    assert error.startswith(
        "Error: plugin 'alice' (alice 0.3) and plugin 'bob' (bob 0.3): all offer the command 'greet'"
    )
    assert "SEQTOOLS_DISABLE_PLUGINS=alice" in error
    assert run_process("plugins", "list", env=env).returncode == 0
    settled = run_process("greet", env={**env, "SEQTOOLS_DISABLE_PLUGINS": "alice"})
    assert (settled.returncode, settled.stdout, settled.stderr) == (0, "hello\n", "")


def test_a_strangers_target_that_fails_late_costs_only_its_own_command(
    tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    env = unpack(tmp_path, "late", COMMAND)
    (tmp_path / "site" / "late_code.py").write_text("raise RuntimeError('too late')")
    done = run_process("late", env=env)
    assert done.returncode == 5
    assert "plugin 'late' (late 0.3): importing command 'late' failed: RuntimeError: too late" in done.stderr
    assert run_process("--help", env=env).returncode == 0
