"""What plugin authors depend on: the hooks' signatures, the specs' fields, the names we register.

A change here is a change of the plugin interface: write it in the CHANGELOG, then
`SEQTOOLS_UPDATE_GOLDEN=1 pytest tests/golden/test_golden_hooks.py`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqtools import hookspecs, loader
from seqtools.plugin import hookimpl
from seqtools.registry import EVENTS, HOOKS

HERE = Path(__file__).parent


def hooks() -> dict[str, Any]:
    functions = inspect.getmembers(hookspecs, inspect.isfunction)
    return {name: str(inspect.signature(value)) for name, value in functions if name.startswith("seqtools_")}


def specs() -> dict[str, Any]:
    return {
        kind.__name__: [f"{field.name}: {field.type}" for field in dataclasses.fields(kind)]
        for kind in HOOKS.values()
    }


def registered() -> dict[str, Any]:
    found = loader.registry()
    tables = {kind.kind + "s": getattr(found, kind.kind + "s") for kind in HOOKS.values()}
    return {
        kind: sorted(name for name, item in table.items() if item.distribution == "seqtools-suite")
        for kind, table in tables.items()
    }


@pytest.mark.parametrize("describe", [hooks, specs, registered], ids=lambda function: function.__name__)
def test_golden(describe: Callable[[], dict[str, Any]]) -> None:
    path = (
        HERE
        / {"hooks": "hookspecs.json", "specs": "specs.json", "registered": "registered.json"}[
            describe.__name__
        ]
    )
    now = describe()
    if os.environ.get("SEQTOOLS_UPDATE_GOLDEN"):
        path.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    assert now == json.loads(path.read_text(encoding="utf-8"))


def test_the_loader_knows_every_hook() -> None:
    assert set(hooks()) == {*HOOKS, *EVENTS}


def test_every_hook_is_documented() -> None:
    for name in hooks():
        assert (getattr(hookspecs, name).__doc__ or "").strip(), name


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_has_a_user_of_our_own(hook: str) -> None:
    assert registered()[HOOKS[hook].kind + "s"], f"no first-party plugin uses {hook}"


def test_the_marker_is_the_one_of_the_package() -> None:
    import seqtools

    assert seqtools.hookimpl is hookimpl
