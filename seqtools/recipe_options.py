"""A recipe on the command line: one flag for each key that deserves one, `--set` for all, presets and files.

For the `train` commands of tasks; a plugin names its recipe class and which keys have flags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from seqtools import config

F = TypeVar("F", bound=Callable[..., Any])


def recipe_flags(flags: Mapping[str, str], kind: type[Any]) -> Callable[[F], F]:
    """Add the flags and the four options that every recipe has; help and defaults come from the recipe.

    Args:
        flags: flag -> dotted key, `--tied/--untied` for a switch. The command gets `a__b` for `a.b`, None
            where it was not given, and `preset`, `config_file` and `assignments`.
        kind: the recipe's class.
    """

    def add(function: F) -> F:
        for flag, path in reversed(list(flags.items())):
            function = _flag(flag, path, kind)(function)
        for option in reversed(_common(kind)):
            function = option(function)
        return function

    return add


def _flag(flag: str, path: str, kind: type[Any]) -> Callable[[F], F]:
    key = config.keys(kind)[path]
    words = config.choices(kind).get(path)
    value: Any = click.Choice(words) if words else None if key.type is bool else key.type
    default = f"'{key.default}'" if key.type is str else key.default
    default = flag.split("/")[0 if key.default else 1].lstrip("-") if key.type is bool else default
    told = f"{key.summary}  [{path}; default: {default}]"
    return click.option(flag, parameter(path), type=value, default=None, help=told)


def _common(kind: type[Any]) -> list[Callable[[F], F]]:
    def show_keys(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            click.echo(config.help_table(kind))
            context.exit()

    names = ", ".join(config.preset_names(kind))
    return [
        click.option("--preset", help=f"Start from a named recipe: {names}."),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            help="Read a recipe from a TOML file.",
        ),
        click.option(
            "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set any key of the recipe."
        ),
        click.option(
            "--recipe-help",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=show_keys,
            help="List all keys of a recipe with their defaults, and stop.",
        ),
    ]


def parameter(path: str) -> str:
    """The name under which a command gets a key."""
    return path.replace(".", "__")


def given(flags: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys whose flags were given."""
    return {path: values[parameter(path)] for path in flags.values() if values[parameter(path)] is not None}


def layered(
    kind: type[Any],
    preset: str | None,
    config_file: Path | None,
    assignments: tuple[str, ...],
    flags: Mapping[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """The recipe that all of them make, and what a person said of it (file, `--set` and flags).

    A flag wins over `--set`, that over the file, that over the preset, and that over the defaults.

    Raises:
        ConfigError: all mistakes at once.
    """
    layers = [config.preset(preset, kind)] if preset else []
    layers += [config.read_layer(config_file)] if config_file else []
    spoken = config.parse_assignments(assignments, kind), config.Layer("flags", flags)
    recipe = config.build(*layers, config.set_aside(*spoken, kind=kind), *spoken, kind=kind)
    file = layers[-1].values if config_file else {}
    return recipe, {**file, **spoken[0].values, **flags}
