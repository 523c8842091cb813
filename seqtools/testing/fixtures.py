"""Fixtures: the program, in this process or in its own, and an empty set of plugins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seqtools import loader
from seqtools.registry import Registry


@pytest.fixture
def run_cli() -> Callable[..., Result]:
    """`run_cli("generate", "-n", 5, input=…, env=…)`: the program in this process, as a click Result."""

    def run(
        *arguments: object, input: str | bytes | None = None, env: Mapping[str, str] | None = None
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
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        # -P: what is installed is tested, not what happens to lie in the working folder.
        words = [sys.executable, "-P", "-m", "seqtools", *(str(argument) for argument in arguments)]
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
