"""The program `seqtools`: one root group whose commands all come from plugins.

Nothing heavy is imported here: `--help` shows the summaries of specs and loads no command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from seqtools import __version__
from seqtools.cli import state
from seqtools.cli.failures import guarded
from seqtools.cli.lazy import PluginGroup
from seqtools.cli.options import add_common_options


class Root(PluginGroup):
    """The root group; ends every run with one of the documented exit codes."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program; standalone, every error becomes one line and an exit code."""

        def run() -> Any:
            return super(Root, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        state.reset(os.environ)
        extra.setdefault("color", state.color)
        return guarded(run)

    def invoke(self, ctx: click.Context) -> None:
        """Run a command; what it returns is dropped, so that only an explicit exit gives a code."""
        super().invoke(ctx)


@click.group(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="seqtools", message="%(prog)s %(version)s")
@click.pass_context
def root(context: click.Context) -> None:
    """Train small recurrent models; ship each as one ONNX file that does the whole job."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


add_common_options(root, hidden=False)


def main() -> None:
    """Entry point of the console script."""
    root(prog_name="seqtools")


__all__ = ["main", "root"]
