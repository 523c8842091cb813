"""Recipes from TOML, `--set` and flags: strict, and with every mistake told at once.

A recipe is laid in layers, later ones over earlier ones: defaults, preset, `--config`, `--set`, flags.
A layer is a flat mapping from dotted keys (`training.lr`) to values and a name for error messages.

Every task has recipes of its own class, a frozen dataclass of such; its presets lie in `presets/` beside the
module, its choices and limits in the module's CHOICES and LIMITS. Functions here take the class as `kind`;
without one they mean the recipe of language models.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import math
import sys
import tomllib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_type_hints, overload

from seqtools.errors import ConfigError
from seqtools.recipe import Recipe
from seqtools.suggest import closest

R = TypeVar("R")

# A run ends by one of these; naming one on the command line sets aside what a preset says of the others.
ENDS = ("training.steps", "training.epochs", "training.max_time")

# The one table whose keys are the tokenizer plugin's business.
FREE = "tokenizer.options"


@dataclass(frozen=True)
class Key:
    """One setting of a recipe."""

    path: str
    type: type
    default: Any
    summary: str


@dataclass(frozen=True)
class Layer:
    """Settings from one place; `source` names it in errors."""

    source: str
    values: Mapping[str, Any]


def keys(kind: type[Any] = Recipe) -> Mapping[str, Key]:
    """Every setting by its dotted path, in the order of the dataclasses."""
    return _keys(cast(Hashable, kind))


@cache
def _keys(kind: Hashable) -> Mapping[str, Key]:
    found: dict[str, Key] = {}

    def walk(cls: type, prefix: str) -> None:
        hints, summaries = get_type_hints(cls), _attribute_docstrings(cls)
        for field in dataclasses.fields(cls):
            hint, path = hints[field.name], prefix + field.name
            if dataclasses.is_dataclass(hint):
                walk(hint if isinstance(hint, type) else type(hint), f"{path}.")
                continue
            factory = field.default_factory
            default = field.default if factory is dataclasses.MISSING else factory()
            plain = hint if isinstance(hint, type) else dict
            found[path] = Key(path, plain, default, summaries[field.name])

    walk(cast("type[Any]", kind), "")
    return MappingProxyType(found)


def choices(kind: type[Any] = Recipe) -> Mapping[str, tuple[str, ...]]:
    """What the settings that are one of a few words may be, by path."""
    told: Mapping[str, tuple[str, ...]] = getattr(_module(kind), "CHOICES", {})
    return told


def limits(kind: type[Any] = Recipe) -> Mapping[str, tuple[float, float]]:
    """The least and the largest value of the settings that have them, by path."""
    told: Mapping[str, tuple[float, float]] = getattr(_module(kind), "LIMITS", {})
    return told


def _module(kind: type[Any]) -> Any:
    return sys.modules[kind.__module__]


def _attribute_docstrings(cls: type) -> dict[str, str]:
    """The string below each field of a recipe dataclass and its bases, which Python itself throws away."""
    told: dict[str, str] = {}
    for base in cls.__mro__[:-1]:
        tree = ast.parse(inspect.getsource(base)).body[0]
        assert isinstance(tree, ast.ClassDef)
        for field, text in pairwise(tree.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
            ):
                summary = " ".join(str(ast.literal_eval(text.value)).split())
                told.setdefault(field.target.id, summary)
    return told


def read_layer(path: Path) -> Layer:
    """The settings of a TOML file.

    Raises:
        ConfigError: the file is missing, not UTF-8 or not TOML (with the line).
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            str(path), "there is no such recipe file", "Check the path after --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "A recipe is a UTF-8 TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"is not valid TOML: {error}", "Mend that line") from error
    return Layer(str(path), flatten(table))


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables to dotted keys; free tables stay whole."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value and path != FREE:
            flat.update(flatten(value, f"{path}."))
        else:
            flat[path] = value
    return flat


def parse_assignments(assignments: Iterable[str], kind: type[Any] = Recipe) -> Layer:
    """`--set key=value`; values are TOML, and bare words are strings (for a text key, numbers too).

    Raises:
        ConfigError: no `=` in one of them.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign:
            raise ConfigError(f"--set {assignment}", "there is no '=' in it", "Write --set training.lr=0.002")
        path, text = path.strip(), text.strip()
        value, key = parse_value(text), keys(kind).get(path)
        values[path] = text if key and key.type is str and not isinstance(value, str) else value
    return Layer("--set", values)


def parse_value(text: str) -> Any:
    """A TOML value, or the text itself where it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def preset_names(kind: type[Any] = Recipe) -> list[str]:
    """Names of the recipes that come with a task."""
    return sorted(path.stem for path in presets(kind).glob("*.toml"))


def preset(name: str, kind: type[Any] = Recipe) -> Layer:
    """The settings of a named preset.

    Raises:
        ConfigError: there is none of that name.
    """
    names = preset_names(kind)
    if name not in names:
        near = closest(name, names)
        cure = f"Did you mean '{near}'?" if near else f"Choose one of {', '.join(names)}"
        raise ConfigError(f"preset '{name}'", "there is no such preset", cure)
    return Layer(f"preset {name}", read_layer(presets(kind) / f"{name}.toml").values)


def presets(kind: type[Any] = Recipe) -> Path:
    """The folder of a task's presets."""
    return Path(str(_module(kind).__file__)).with_name("presets")


def set_aside(*spoken: Layer, kind: type[Any] = Recipe) -> Layer:
    """What the command line (`--set`, flags), taken as one, makes of the layers below it.

    If it names an end of the run, what they say of the other ends does not count: `--preset char-small
    --steps 500` trains 500 steps and not the preset's three minutes. Its tokenizer replaces theirs before
    its own options for it are read.
    """
    said = {path: value for layer in spoken for path, value in layer.values.items()}
    values = {
        path: keys(kind)[path].default for path in ENDS if path not in said and any(e in said for e in ENDS)
    }
    if "tokenizer.kind" in said:
        values["tokenizer.kind"] = said["tokenizer.kind"]
    return Layer("command line", values)


@overload
def build(*layers: Layer) -> Recipe: ...
@overload
def build(*layers: Layer, kind: type[R]) -> R: ...
def build(*layers: Layer, kind: type[Any] = Recipe) -> Any:
    """The recipe that the layers make, later over earlier.

    A layer that changes the tokenizer's kind drops the options that lower layers gave the old kind.

    Raises:
        ConfigError: any mistake in any layer; all of them are listed.
    """
    mistakes: list[str] = []
    chosen: dict[str, Any] = {path: key.default for path, key in keys(kind).items()}
    if FREE in chosen:
        chosen[FREE] = dict(chosen[FREE])
    for layer in layers:
        if layer.values.get("tokenizer.kind", chosen.get("tokenizer.kind")) != chosen.get("tokenizer.kind"):
            chosen[FREE] = {}
        for path, value in layer.values.items():
            problem, fitted = _fit(path, value, kind)
            if problem:
                mistakes.append(f"{layer.source}: {problem}")
            elif path.startswith(FREE):
                chosen[FREE].update(fitted)
            elif path in chosen:
                chosen[path] = fitted
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise ConfigError(
            "recipe",
            f"{count}: " + "; ".join(mistakes),
            f"See all keys with: seqtools train {chosen['task']} --recipe-help",
        )
    return _assemble(kind, chosen, "")


def _fit(path: str, value: Any, kind: type[Any]) -> tuple[str, Any]:
    """A complaint about a value, or "" and the value in the key's type (options: as a table)."""
    if path.startswith(FREE + ".") and FREE in keys(kind):
        path, value = FREE, {path.removeprefix(FREE + "."): value}
    if path == FREE and path in keys(kind) and isinstance(value, dict):
        return next(
            filter(None, (_option_problem(name, option, kind) for name, option in value.items())), ""
        ), value
    if value == {} and any(known.startswith(path + ".") for known in keys(kind)):
        return "", value
    key = keys(kind).get(path)
    if key is None:
        near = closest(path, keys(kind))
        return f"unknown key '{path}'" + (f" (did you mean '{near}'?)" if near else ""), None
    if key.type is float and type(value) is int:
        value = float(value)
    if type(value) is not key.type:
        return f"{path} = {json.dumps(value, default=str)} is not {_NOUNS[key.type]}", None
    if isinstance(value, str):
        return _text_problem(path, value, kind), value
    return _number_problem(path, value, kind), value


def _text_problem(path: str, value: str, kind: type[Any]) -> str:
    """What is wrong with a text: none of the choices, or half a character."""
    words = choices(kind).get(path)
    if words and value not in words:
        near = closest(value, words)
        hint = f" (did you mean '{near}'?)" if near else ""
        return f"{path} = '{value}' is not one of {', '.join(words)}{hint}"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return f"{path} is not UTF-8 text"
    return ""


def _number_problem(path: str, value: Any, kind: type[Any]) -> str:
    """What is wrong with a number: not finite, or out of range."""
    if not math.isfinite(value):
        return f"{path} = {value} is not a finite number"
    low, high = limits(kind).get(path, (-math.inf, math.inf))
    return "" if low <= value <= high else f"{path} = {value} is outside {low:g} to {high:g}"


def _option_problem(name: str, value: Any, kind: type[Any]) -> str:
    path = f"{FREE}.{name}"
    if isinstance(value, str):
        return _text_problem(path, value, kind)
    if isinstance(value, int | float):
        return _number_problem(path, value, kind)
    return f"{path} = {json.dumps(value, default=str)} is not a text, a number, true or false"


_NOUNS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", dict: "a table"}


def _assemble(cls: type[Any], chosen: Mapping[str, Any], prefix: str) -> Any:
    hints, values = get_type_hints(cls), {}
    for field in dataclasses.fields(cls):
        path, kind = prefix + field.name, hints[field.name]
        values[field.name] = chosen[path] if path in chosen else _assemble(kind, chosen, f"{path}.")
    return cls(**values)


def settings(recipe: Any) -> dict[str, Any]:
    """A recipe as a flat mapping."""
    return flatten(dataclasses.asdict(recipe))


def dump(recipe: Any) -> str:
    """The recipe as TOML, each key with its comment; `read_layer` and `build` give the same recipe back."""
    values, lines, table = settings(recipe), [], ""
    for path, key in keys(type(recipe)).items():
        head, _, name = path.rpartition(".")
        if head != table:
            table = head
            lines += ["", f"[{table}]"]
        lines += [f"# {key.summary}", f"{name} = {_toml(values[path])}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    # JSON's strings, numbers, true and false are TOML's too (non-ASCII kept as it is).
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def help_table(kind: type[Any] = Recipe) -> str:
    """All keys with default and meaning, one a line."""
    rows = [(path, _toml(key.default), key.summary) for path, key in keys(kind).items()]
    wide, default = max(len(row[0]) for row in rows), max(len(row[1]) for row in rows)
    return "\n".join(f"{path:{wide}}  {value:{default}}  {summary}" for path, value, summary in rows)
