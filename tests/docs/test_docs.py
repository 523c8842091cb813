"""Pages say what is true: commands parse, links lead somewhere, references are complete."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from seqtools import config, errors, hookspecs, loader
from seqtools.cli import root
from seqtools.cli.lazy import PluginGroup
from seqtools.plugin import TaskSpec, resolve

pages: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("pages.py"))))
ROOT: Path = pages.ROOT
LONGEST_READ = 1200


def parse(words: list[str]) -> click.Context:
    """Resolve a command line and parse its options, without running anything."""
    command: click.Command = root
    context = click.Context(command, info_name="seqtools", **root.context_settings)
    while isinstance(command, click.Group):
        words = [*default_of(command, context, words), *words]
        if not words or words[0] in ("--help", "-h", "--version"):
            return context
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        if name == "evaluate":
            return parse_evaluation(context, words)
        command, context = found, click.Context(found, info_name=name, parent=context)
    try:
        command.parse_args(context, list(words))
    except click.exceptions.Exit:  # an eager option such as --recipe-help
        return context
    chosen = context.params
    if "assignments" in chosen:
        task = command.callback.__module__.partition(".")[0].removeprefix("seqtools_")
        kind = recipe_class(task)
        layers = [config.preset(chosen["preset"], kind)] if chosen["preset"] else []
        config.build(*layers, config.parse_assignments(chosen["assignments"], kind), kind=kind)
    return context


def default_of(group: click.Group, context: click.Context, words: list[str]) -> list[str]:
    """What runs where no command is named; of a group that takes files, whatever names no command is one."""
    default: str = getattr(group, "default", "")
    helps = bool(words) and words[0] in ("--help", "-h")
    takes_files = not isinstance(group, PluginGroup)
    named = bool(words) and (words[0] in group.list_commands(context) if takes_files else words[0][0] != "-")
    return [default] if default and not helps and not named else []


def parse_evaluation(parent: click.Context, words: list[str]) -> click.Context:
    """`evaluate` hands its options to the command of the file's task: one of them must take all."""
    refused: list[click.UsageError] = []
    for task in tasks():
        command = resolve(task.evaluate, "evaluate")
        context = click.Context(command, info_name="evaluate", parent=parent)
        try:
            command.parse_args(context, list(words))
        except click.UsageError as error:
            refused.append(error)
        else:
            return context
    raise refused[0]


def tasks() -> list[TaskSpec]:
    return [provided.spec for provided in loader.registry().tasks.values()]


def recipe_class(task: str) -> type[Any]:
    found: type[Any] = resolve(loader.task(task).recipe, f"task '{task}'")
    return found


LINES = [(pages.name(page), line) for page in pages.PAGES for line in pages.command_lines(page)]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {' '.join(line)}" for page, line in LINES])
def test_every_command_line_is_a_real_one(page: str, line: list[str]) -> None:
    assert parse(line).command is not root or not line or line[0].startswith("-")


@pytest.mark.parametrize(
    "line",
    (
        "generat",
        "generate --temprature 1",
        "train generate x -o y --set training.lrr=1",
        "train nothing",
        "export",
        "train translate x -o y --set training.batch_size=1",
        "translate -m m.onnx --beams 5",
        "evaluate -m m.onnx --target t --window 3",
        "forecast sales.csv --horizon x",
        "forecast detect sales.csv --horizon 3",
        "train forecast sales.csv -o y --set network.lag=2",
    ),
)
def test_a_wrong_command_line_would_be_found(line: str) -> None:
    with pytest.raises((click.UsageError, errors.UsageError)):
        parse(line.split())


def test_the_pages_have_command_lines() -> None:
    told = {" ".join(line[:2]) for _, line in LINES}
    assert len(LINES) >= 20
    for task in tasks():
        assert f"train {task.name}" in told
    assert {"translate -m", "score -m", "evaluate -m"} <= told


def test_recipes_in_pages_are_valid() -> None:
    recipes = [pages.files(page).get("recipe.toml") for page in pages.PAGES]
    shown = [tomllib.loads(text) for text in recipes if text]
    assert {table.get("task", "generate") for table in shown} == {task.name for task in tasks()}
    for table in shown:
        kind = recipe_class(table.get("task", "generate"))
        config.build(config.Layer("page", config.flatten(table)), kind=kind)


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{pages.name(page)} links to {link}"
        assert not anchor or anchor in pages.anchors(target), f"{pages.name(page)} links to {link}"


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_pictures_are_there_and_small(page: Path) -> None:
    for picture in pages.pictures(page):
        target = (page.parent / picture).resolve()
        assert target.is_file(), f"{pages.name(page)} shows {picture}"
        assert target.stat().st_size < 100_000


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in pages.links(index)}
    assert {page for page in pages.PAGES if page.parent != ROOT} - {index} <= listed


def test_generated_references_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    generate: Any = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "generate.py")))
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_every_hook_is_documented() -> None:
    page = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("seqtools_")}
    assert len(hooks) == 9
    for name, hook in hooks.items():
        assert f"`{name}({', '.join(inspect.signature(hook).parameters)})`" in page
    assert set(re.findall(r"`(seqtools_\w+)\(", page)) == set(hooks)


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert told == {0, 130} | {kind.exit_code for kind in kinds if issubclass(kind, errors.SeqtoolsError)}
    for kind in kinds:
        assert kind is errors.SeqtoolsError or f"`{kind.__name__}`" in page


def guide_rows() -> list[tuple[str, list[str], int]]:
    """File, names (none is the whole file) and lines said, for each row of the reading guide."""
    text = (ROOT / "docs/reading-guide.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`([^`]+)`\]\(\.\./([^)]+)\) \| (.+?) \| (\d+) \|", text, re.MULTILINE)
    assert all(shown == target for shown, target, *_ in rows)
    return [(shown, re.findall(r"`([^`]+)`", names), int(lines)) for shown, _, names, lines in rows]


def lines_of(path: Path, names: list[str]) -> int:
    """Lines of a file, or of the functions and classes named (`Class.method`)."""
    source = path.read_text(encoding="utf-8")
    if not names:
        return len(source.splitlines())
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    found[f"{node.name}.{inner.name}"] = inner
    return sum((found[name].end_lineno or 0) - found[name].lineno + 1 for name in names)


def test_the_reading_guide_fits_one_sitting() -> None:
    rows = guide_rows()
    assert len(rows) >= 12
    total = 0
    for path, names, said in rows:
        lines = lines_of(ROOT / path, names)
        total += lines
        assert abs(lines - said) <= max(5, lines // 10), f"{path} {names}: {lines} lines, not {said}"
    assert total <= LONGEST_READ
