"""What scripts depend on: our commands, their arguments and the names of their options.

A change here may break a script: write it in the CHANGELOG, then
`SEQTOOLS_UPDATE_GOLDEN=1 pytest tests/golden/test_golden_commands.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from seqtools import loader
from seqtools.plugin import resolve

GOLDEN = Path(__file__).with_name("commands.json")
COMMON = {"-v", "-q", "--verbose", "--quiet", "--debug"}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Our commands by path; for `evaluate` the task's, which parses its options."""
    for path, provided in loader.registry().commands.items():
        if provided.distribution == "seqtools-suite":
            command = provided.load()
            if path == "evaluate":
                command = resolve(loader.task("generate").evaluate, "evaluate")
            yield path, command
            if type(command) is click.Group:  # one that is not filled by plugins
                yield from ((f"{path} {name}", inner) for name, inner in command.commands.items())


def interface(command: click.Command) -> dict[str, Any]:
    options = [
        "/".join([*parameter.opts, *parameter.secondary_opts]) + (" (required)" if parameter.required else "")
        for parameter in command.params
        if isinstance(parameter, click.Option) and not COMMON & set(parameter.opts)
    ]
    arguments = [str(part.name) for part in command.params if isinstance(part, click.Argument)]
    return {"arguments": arguments, "options": sorted(options)}


def test_golden_commands() -> None:
    now = {path: interface(command) for path, command in sorted(commands())}
    if os.environ.get("SEQTOOLS_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    assert now == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_command_and_option_is_explained() -> None:
    for path, command in commands():
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.opts[0]}"
