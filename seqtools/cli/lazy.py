"""Click groups that are filled from plugins and import a command only when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools import loader
from seqtools.cli import state
from seqtools.cli.options import add_common_options
from seqtools.errors import PluginError
from seqtools.suggest import closest


class PluginGroup(click.Group):
    """A group of the commands whose `CommandSpec.parent` is this group's path ("" for the root).

    Args:
        parent: the path, as in `CommandSpec.parent`.
        default: subcommand that runs when none is named, or "".
    """

    def __init__(self, *args: Any, parent: str = "", default: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.parent, self.default = parent, default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands, sorted."""
        return sorted(self._summaries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand, or None if no plugin offers it."""
        found = loader.registry()
        key = f"{self.parent} {cmd_name}".strip()
        if key not in found.commands and ("command", key) not in found.clashes:
            return None
        provided = loader.lookup(found.commands, "command", key)
        command = provided.load()
        if not isinstance(command, click.Command):
            kind = type(command).__name__
            raise PluginError(str(provided.origin), f"command '{key}' is a {kind}, not a click command")
        state.running = provided.origin
        return add_common_options(command, hidden=True)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a typo gets a suggestion (click looks at eager commands only)."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        if ctx.resilient_parsing or name.startswith("-"):
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command '{name}'.{self._advice(ctx, name)}", ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default subcommand in front where the arguments name none."""
        wants_help = bool(args) and args[0] in ctx.help_option_names
        if self.default and not wants_help and (not args or args[0].startswith("-")):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands by the summaries of their specs; no command is imported."""
        rows = sorted(self._summaries().items())
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _summaries(self) -> dict[str, str]:
        prefix = f"{self.parent} " if self.parent else ""
        return {
            provided.spec.name: provided.spec.summary
            for key, provided in loader.registry().commands.items()
            if key == prefix + provided.spec.name
        }

    def _advice(self, ctx: click.Context, name: str) -> str:
        names = self.list_commands(ctx)
        if not names:
            return " No plugin offers any; reinstall with: pip install --force-reinstall seqtools-suite"
        near = closest(name, names)
        return f" Did you mean '{near}'?" if near else f" Known: {', '.join(names)}."
