"""The options that every command takes: `-v`, `-q` and `--debug`."""

from __future__ import annotations

from typing import TypeVar

import click

from seqtools import output
from seqtools.cli import state

C = TypeVar("C", bound=click.Command)


def add_common_options(command: C, *, hidden: bool) -> C:
    """Add the common options where the command has none of that name; safe to call twice.

    They work before and after a subcommand; below the root they are left out of its help.
    """
    taken = {name for parameter in command.params for name in parameter.opts}
    for names, summary, act in (
        (("-v", "--verbose"), "Say more on stderr.", _verbose),
        (("-q", "--quiet"), "Say nothing on stderr but warnings and errors.", _quiet),
        (("--debug",), "Show tracebacks of errors.", _debug),
    ):
        free = [name for name in names if name not in taken]
        if names[-1] in free:
            option = click.Option(free, is_flag=True, help=summary, callback=act, hidden=hidden)
            option.expose_value, option.is_eager = False, True
            command.params.append(option)
    return command


def _verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        output.set_level(output.VERBOSE)


def _quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        output.set_level(output.QUIET)


def _debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        state.debug = True
