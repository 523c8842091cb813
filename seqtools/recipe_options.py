"""A recipe on the command line: one flag for each key that deserves one, `--set` for all, presets and files.

For the `train` commands of tasks; a plugin names its recipe class and which keys have flags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from seqtools import config
from seqtools.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
Command = Callable[..., Any]

LEARNING_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "--optimizer": "training.optimizer",
        "--lr": "training.lr",
        "--weight-decay": "training.weight_decay",
        "--schedule": "training.schedule",
        "--warmup": "training.warmup",
        "--epochs": "training.epochs",
        "--steps": "training.steps",
        "--max-time": "training.max_time",
        "--clip": "training.clip",
        "--clip-at": "training.clip_at",
    }
)
"""How the loop of every task learns, and for how long."""
WATCHING_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "--evaluate-every": "training.evaluate_every",
        "--checkpoint-every": "training.checkpoint_every",
        "--patience": "training.patience",
        "--precision": "training.precision",
        "--device": "training.device",
        "--threads": "training.threads",
        "--seed": "training.seed",
    }
)
"""How often it looks at itself, and where it runs."""


@dataclass(frozen=True)
class AskedRecipe:
    """What a person said of the recipe on the command line, before it is read.

    Attributes:
        kind: the recipe's class.
        preset, config_file, assignments: `--preset`, `--config` and `--set`.
        flags: dotted key -> value of the flags that were given.
    """

    kind: type[Any]
    preset: str | None
    config_file: Path | None
    assignments: tuple[str, ...]
    flags: Mapping[str, Any]

    def settle(
        self, *, resume: bool, others: bool = False, cure: str = "Leave the other options out"
    ) -> tuple[Any, dict[str, Any]]:
        """The recipe and what was said of it; None and nothing where a run goes on with the one it has.

        Args:
            resume: a run goes on.
            others: whether options besides the recipe's were given that a run cannot go on with.
            cure: what to do about those.

        Raises:
            UsageError: a run goes on, and yet something was said.
            ConfigError: all mistakes at once.
        """
        if not resume:
            return layered(self.kind, self.preset, self.config_file, self.assignments, self.flags)
        if self.preset or self.config_file or self.assignments or self.flags or others:
            raise UsageError("--resume", "the run keeps the recipe it has", cure)
        return None, {}


def asks_recipe(
    flags: Mapping[str, str], kind: type[Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add what `recipe_flags` adds; the command gets all of it as one `asked: AskedRecipe`."""

    def add(function: Command) -> Command:
        @wraps(function)
        def command(
            preset: str | None, config_file: Path | None, assignments: tuple[str, ...], **values: Any
        ) -> Any:
            own = {name: values.pop(name) for name in map(parameter, flags.values())}
            asked = AskedRecipe(kind, preset, config_file, assignments, given(flags, own))
            return function(asked=asked, **values)

        return recipe_flags(flags, kind)(command)

    return add


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
