"""Write the pages of docs/reference that follow from the code: commands.md, and for each task a recipe page.

    python docs/generate.py            write them
    python docs/generate.py --check    exit code 1 if one is out of date

A test runs the check.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from seqtools import config, loader
from seqtools.cli import root
from seqtools.cli.lazy import PluginGroup
from seqtools.plugin import TaskSpec, resolve

FOLDER = Path(__file__).resolve().parent / "reference"
DISTRIBUTION = "seqtools-suite"
WIDTH = 96

SECTIONS = {
    "": "The task",
    "network": "The network",
    "tokenizer": "The tokenizer",
    "data": "The data",
    "linear": "The linear model",
    "calibration": "The calibration",
    "training": "The training",
}

RECIPES = """\
Written by `python docs/generate.py` from `{module}` and the presets beside it: the keys of
`seqtools train {task}`.{others} A recipe is a TOML
file for `--config`; every key also works with `--set KEY=VALUE`. A flag wins over `--set`, that over
`--config`, that over `--preset`, that over the default. An unknown key or a value of the wrong type is
refused, and all mistakes are told at once. Naming one of `steps`, `epochs` and `max_time` on the command
line sets aside what a preset or file says of the other two."""
OLDEST = "generate"
"""The task whose page is recipe.md; the others have their name in the page's."""

OPTIONS = {
    ("char", "min_count"): "Characters seen less often are spelled in half-bytes.",
    ("word", "min_count"): "Words seen less often are unknown.",
    ("word", "mode"): "`text` splits at words, numbers and punctuation; `whitespace` at blanks only.",
    ("word", "lowercase"): "Write everything in lower case.",
    ("word", "unk"): "How the text spells an unknown word.",
    ("word", "newlines"): "A newline is a word of its own; false reads it as a blank.",
    ("word", "normalize"): "`nfd` takes letters and their accents apart, `nfkd` also width and ligatures.",
    ("word", "accents"): "Keep combining accents; false drops them after `normalize`.",
    ("word", "digits"): "Write every digit as 0.",
    ("word", "stop_words"): "Words left out: `english` (which keeps negations), or words with commas.",
    ("word", "stemmer"): "Language of a Snowball stemmer: forms of one stem share an id.",
    ("sentencepiece", "algorithm"): "`unigram` or `bpe`.",
    ("sentencepiece", "sampling"): "Strength of random segmentation in training; 0 is off.",
    ("sentencepiece", "character_coverage"): "Share of the text whose characters become pieces.",
}
"""What the options of our tokenizers mean; one that is missing here stops the program."""


def commands_page() -> str:
    """Every command's `--help`, as it is printed."""
    parts = [
        "# Commands",
        "Written by `python docs/generate.py` from the program itself.\n"
        "`-v`, `-q` and `--debug` may stand before or after any command.",
    ]
    names = aliases()
    for path in ("", *sorted(command_paths())):
        parts.append(f"## {f'seqtools {path}'.strip()}")
        if path in names:
            parts.append(f"Another name of `seqtools {names[path]}`.")
        elif path == "evaluate":  # hands its options to the task's own command
            parts += evaluations()
        else:
            parts.append(f"```text\n{help_of(root, path.split())}\n```")
    return "\n\n".join(parts) + "\n"


def evaluations() -> Iterator[str]:
    """The help of `seqtools evaluate` for a model file of each task."""
    yield "The model file says which task it is of; the options are those of the task."
    for task in tasks():
        if task.evaluate:
            yield f"### A file of the task `{task.name}`"
            command = resolve(task.evaluate, f"task '{task.name}'")
            yield f"```text\n{help_of(command, [], 'seqtools evaluate')}\n```"


def tasks() -> Iterator[TaskSpec]:
    """Our tasks, by name."""
    for _, provided in sorted(loader.registry().tasks.items()):
        if provided.origin.distribution == DISTRIBUTION:
            yield provided.spec


def command_paths() -> Iterator[str]:
    """`train`, `train generate`, …: our commands and what lies below them."""
    for path, provided in loader.registry().commands.items():
        if provided.origin.distribution == DISTRIBUTION:
            yield path
            command = provided.load()
            if isinstance(command, click.Group) and not isinstance(command, PluginGroup):
                yield from (f"{path} {name}" for name in command.list_commands(click.Context(command)))


def aliases() -> dict[str, str]:
    """Names of commands that have two, by the name that is not the first."""
    first: dict[str, str] = {}
    targets = {path: provided.spec.target for path, provided in loader.registry().commands.items()}
    return {path: first[target] for path, target in targets.items() if first.setdefault(target, path) != path}


def help_of(command: click.Command, words: list[str], program: str = "seqtools") -> str:
    """What `PROGRAM WORDS --help` prints at a fixed width."""
    settings = {**root.context_settings, "prog_name": program, "terminal_width": WIDTH}
    result = CliRunner().invoke(command, [*words, "--help"], **settings)
    if result.exit_code:
        raise SystemExit(f"{program} {' '.join(words)} --help failed: {result.output}")
    return "\n".join(line.rstrip() for line in result.output.rstrip().splitlines())


def recipe_page(task: TaskSpec) -> str:
    """All keys of a task's recipe, the options of tokenizers, and the presets."""
    kind = resolve(task.recipe, f"task '{task.name}'")
    parts = [f"# Recipes of `{task.name}`" if task.name != OLDEST else "# Recipes", _introduction(task, kind)]
    sections = {path.rpartition(".")[0] for path in config.keys(kind)}
    for section, title in SECTIONS.items():
        if section not in sections:
            continue
        parts += [f"## {title}", _table(task, kind, section)]
        if section == "tokenizer":
            parts += ["### Options of our tokenizers", _options()]
    parts += ["## Presets", "`--preset NAME` starts from one of these."]
    for name in config.preset_names(kind):
        text = (config.presets(kind) / f"{name}.toml").read_text(encoding="utf-8")
        parts += [f"### {name}", f"```toml\n{text.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _introduction(task: TaskSpec, kind: type[Any]) -> str:
    others = [f"[{other.name}]({page_of(other)})" for other in tasks() if other.name != task.name]
    package = kind.__module__.partition(".")[0]
    module = ("" if package == "seqtools" else "plugins/") + kind.__module__.replace(".", "/") + ".py"
    told = f" Those of other tasks: {', '.join(others)}." if others else ""
    return RECIPES.format(module=module, task=task.name, others=told)


def page_of(task: TaskSpec) -> str:
    """File name of a task's recipe page."""
    return "recipe.md" if task.name == OLDEST else f"recipe-{task.name}.md"


def _table(task: TaskSpec, kind: type[Any], section: str) -> str:
    told = resolve(f"seqtools_{task.name}.train_command:FLAGS", f"task '{task.name}'")
    flags = {path: flag for flag, path in told.items()}
    rows = [
        (f"`{path}`", f"`{json.dumps(key.default)}`", _flag(flags.get(path, "")), key.summary)
        for path, key in config.keys(kind).items()
        if path.rpartition(".")[0] == section
    ]
    return _markdown(("key", "default", "flag", "meaning"), rows)


def _flag(flag: str) -> str:
    return ", ".join(f"`{one}`" for one in flag.split("/") if one)


def _options() -> str:
    rows = []
    for kind, provided in loader.registry().tokenizers.items():
        if provided.origin.distribution == DISTRIBUTION:
            rows += [
                (f"`{kind}`", f"`{name}`", f"`{json.dumps(default)}`", OPTIONS[kind, name])
                for name, default in _train_options(provided.load())
            ]
    return _markdown(("kind", "option", "default", "meaning"), rows)


def _train_options(tokenizer: Any) -> Iterator[tuple[str, Any]]:
    """What `train` takes; where it takes anything, what it hands on to the class."""
    parameters = dict(inspect.signature(tokenizer.train).parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        parameters |= inspect.signature(tokenizer).parameters
    for name, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("vocab_size", "forms"):
            yield name, parameter.default


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def pages() -> Iterator[tuple[str, str]]:
    """File name and text of every page."""
    yield "commands.md", commands_page()
    for task in tasks():
        yield page_of(task), recipe_page(task)


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that differ from what the code says."""
    stale = []
    for name, text in pages():
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
