"""Fixtures that any test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seqtools import loader
from seqtools.registry import Registry

Environment = dict[str, str] | None
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A real data set beside the checkout, by name; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"needs the data set ../shared/data/{name}")
        return path

    return find


@pytest.fixture
def run_cli() -> Callable[..., Result]:
    """`run_cli("generate", "-n", "5", input=…, env=…)`: the program in this process, as a click Result."""

    def run(
        *arguments: object, input: str | bytes | None = None, env: dict[str, str] | None = None
    ) -> Result:
        from seqtools.cli import root

        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(root, words, input=input, env=env, prog_name="seqtools")

    return run


@pytest.fixture
def run_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_process("generate", …, env=…)`: the program in a process of its own, as a person starts it."""

    def run(
        *arguments: object,
        input: str | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "seqtools", *(str(argument) for argument in arguments)]
        whole = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
        return subprocess.run(
            words, input=input, env=whole, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def plugin_registry() -> Iterator[Registry]:
    """An empty registry that `seqtools.loader` answers with for the length of a test."""
    with loader.using(Registry()) as registry:
        yield registry
