"""Plugins in isolation: whatever one of them does, the others go on working."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqtools import loader
from seqtools.discovery import EntryPoint
from seqtools.errors import MissingDependencyError, PluginError, UsageError
from seqtools.plugin import CellSpec, CommandSpec, DecoderSpec, MetricSpec, TrainingEvent, hookimpl
from seqtools.registry import EVENTS, HOOKS, Registry


def origin(name: str, distribution: str = "") -> EntryPoint:
    return EntryPoint(name, f"module_of_{name}", distribution or f"dist-{name}", "1.2")


def plugin(**hooks: Callable[..., Any]) -> types.ModuleType:
    """A module whose hook implementations are the given functions."""
    module = types.ModuleType("a_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def metric(name: str) -> MetricSpec:
    return MetricSpec(name=name, target="math:sqrt", summary="A figure.")


def good(name: str = "good") -> types.ModuleType:
    return plugin(seqtools_metrics=lambda: [metric(name)])


def test_a_plugin_offers_its_specs_with_their_origin() -> None:
    registry = Registry()
    registry.add(origin("a"), good())
    provided = registry.metrics["good"]
    assert (provided.plugin, provided.distribution) == ("a", "dist-a")
    assert provided.load() is __import__("math").sqrt
    assert registry.offers(origin("a")) == [provided]
    assert registry.failures == []


def test_a_hook_may_yield_its_specs() -> None:
    def hook() -> Iterator[MetricSpec]:
        yield metric("one")
        yield metric("two")

    registry = Registry()
    registry.add(origin("a"), plugin(seqtools_metrics=hook))
    assert list(registry.metrics) == ["one", "two"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), SystemExit(3), ImportError("gone")])
@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_a_hook_that_raises_takes_its_whole_plugin_out_and_nothing_else(
    hook: str, error: BaseException
) -> None:
    def explode() -> list[Any]:
        raise error

    hooks: dict[str, Callable[..., Any]] = {"seqtools_cells": lambda: [cell("early.v1")], hook: explode}
    registry = Registry()
    registry.add(origin("bad"), plugin(**hooks))
    registry.add(origin("fine"), good())
    assert registry.cells == {}, "what the plugin offered before it failed is rolled back"
    assert list(registry.metrics) == ["good"]
    (failure,) = registry.failures
    assert (failure.stage, failure.origins) == ("call", (origin("bad"),))
    assert type(error).__name__ in failure.cause


def cell(name: str) -> CellSpec:
    return CellSpec(name=name, target="a:B", summary="A cell.")


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('boom')", "import absent_module", "def broken(:", "raise SystemExit(9)"]
)
def test_a_module_that_cannot_be_imported_is_skipped(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_broken.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([origin("broken"), EntryPoint("core", "seqtools.builtin", "seqtools-suite", "0")])
    assert [failure.stage for failure in registry.failures] == ["load"]
    assert "plugin 'broken' (dist-broken 1.2)" in str(registry.failures[0].as_error())
    assert "lstm.v1" in registry.cells
    sys.modules.pop("module_of_broken", None)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("seqtools_comands", "seqtools_commands"), ("seqtools_metric", "seqtools_metrics")],
)
def test_a_misspelt_hook_is_refused_with_a_suggestion(name: str, suggestion: str) -> None:
    registry = Registry()
    registry.add(origin("typo"), plugin(**{name: lambda: [], "seqtools_cells": lambda: [cell("c.v1")]}))
    (failure,) = registry.failures
    assert failure.stage == "register"
    assert f"'{name}'" in failure.cause
    assert f"Did you mean '{suggestion}'?" in failure.cause
    assert registry.cells == {}


def test_a_misspelt_hook_marked_optional_is_let_through() -> None:
    module = good()
    module.seqtools_future = hookimpl(optionalhook=True)(lambda: [])  # type: ignore[attr-defined]
    registry = Registry()
    registry.add(origin("new"), module)
    assert registry.failures == []
    assert list(registry.metrics) == ["good"]


def test_a_hook_without_its_mark_is_refused() -> None:
    module = types.ModuleType("forgetful")
    exec("def seqtools_metrics():\n    return []\n", module.__dict__)
    registry = Registry()
    registry.add(origin("forgetful"), module)
    assert "not marked with @hookimpl" in registry.failures[0].cause


def test_a_hook_with_arguments_it_cannot_have_is_refused() -> None:
    registry = Registry()
    registry.add(origin("greedy"), plugin(seqtools_metrics=lambda everything: []))
    assert registry.failures[0].stage == "register"
    registry.add(origin("fine"), good())
    assert list(registry.metrics) == ["good"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["perplexity"], "returned str, not MetricSpec"),
        ([cell("c.v1")], "returned CellSpec, not MetricSpec"),
        ([metric("")], "without a name"),
        ([metric("m"), metric("m")], "twice"),
        (None, "TypeError"),
    ],
)
def test_a_hook_that_returns_nonsense_is_refused(answer: Any, words: str) -> None:
    registry = Registry()
    registry.add(origin("odd"), plugin(seqtools_metrics=lambda: answer))
    assert words in registry.failures[0].cause
    assert registry.metrics == {}


def test_a_name_offered_twice_belongs_to_nobody_and_the_rest_works() -> None:
    registry = Registry()
    registry.add(origin("one"), plugin(seqtools_metrics=lambda: [metric("same"), metric("mine")]))
    registry.add(origin("two"), plugin(seqtools_metrics=lambda: [metric("same"), metric("yours")]))
    assert list(registry.metrics) == ["mine", "yours"]
    with loader.using(registry), pytest.raises(PluginError) as caught:
        loader.metric("same")
    message = str(caught.value)
    for words in ("plugin 'one' (dist-one 1.2)", "plugin 'two' (dist-two 1.2)", "metric 'same'"):
        assert words in message
    assert "SEQTOOLS_DISABLE_PLUGINS=one or SEQTOOLS_DISABLE_PLUGINS=two" in message


def test_three_claims_make_one_failure_that_names_all() -> None:
    registry = Registry()
    for name in ("a", "b", "c"):
        registry.add(origin(name), good("same"))
    (failure,) = registry.failures
    assert [claimant.name for claimant in failure.origins] == ["a", "b", "c"]
    assert registry.metrics == {}


def test_plugins_of_one_name_are_told_apart_by_their_distributions() -> None:
    registry = Registry()
    registry.add(origin("beam", "first"), good("same"))
    registry.add(origin("beam", "second"), good("same"))
    assert "SEQTOOLS_DISABLE_PLUGINS=first or SEQTOOLS_DISABLE_PLUGINS=second" in registry.failures[0].cure


def test_the_same_name_for_two_kinds_or_below_two_parents_is_no_clash() -> None:
    def command(parent: str) -> CommandSpec:
        return CommandSpec(name="good", parent=parent, target="a:b", summary="Do.")

    decoder = DecoderSpec(name="good", target="a:b", summary="Choose.")
    registry = Registry()
    registry.add(origin("a"), good())
    registry.add(
        origin("b"),
        plugin(
            seqtools_decoders=lambda: [decoder], seqtools_commands=lambda: [command(""), command("train")]
        ),
    )
    assert registry.failures == []
    assert sorted(registry.commands) == ["good", "train good"]


@pytest.mark.parametrize("name", ["module_of_shy", "shy", "dist-shy"])
def test_disabled_plugins_are_not_imported(name: str) -> None:
    registry = Registry([origin("shy")], disable=[name])
    if name == "module_of_shy":  # a module's name is not a plugin's: it is loaded, and fails here
        assert [failure.stage for failure in registry.failures] == ["load"]
    else:
        assert registry.disabled == [origin("shy")]
        assert registry.failures == []


def test_events_reach_every_plugin_and_one_that_fails_gets_no_more(
    plugin_registry: Registry, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    heard: list[str] = []

    def listen(event: TrainingEvent) -> None:
        heard.append(event.kind)

    def explode(event: TrainingEvent) -> None:
        raise RuntimeError(f"cannot bear {event.kind}")

    plugin_registry.add(origin("bad"), plugin(**{EVENTS[0]: explode}))
    plugin_registry.add(origin("ear"), plugin(**{EVENTS[0]: listen}))
    loader.emit(TrainingEvent("started", tmp_path, 0))
    loader.emit(TrainingEvent("finished", tmp_path, 9))
    assert heard == ["started", "finished"]
    error = capsys.readouterr().err
    assert error.count("plugin 'bad'") == 1
    assert "cannot bear started" in error


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'lstm\.v1'\?"):
        loader.cell("lstm.v2")
    with pytest.raises(PluginError, match="tokenizer 'morse': no installed plugin offers it"):
        loader.tokenizer_from({"kind": "morse", "payload": {}})
    with pytest.raises(PluginError, match=r"task 'generat'.*Did you mean 'generate'"):
        loader.task("generat")


def test_a_target_that_cannot_be_imported_names_its_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_registry: Registry
) -> None:
    (tmp_path / "exploding_target.py").write_text("raise RuntimeError('late')")
    (tmp_path / "needy_target.py").write_text("import safetensors.of_tomorrow")
    monkeypatch.syspath_prepend(tmp_path)
    late = MetricSpec(name="late", target="exploding_target:x", summary="")
    needy = MetricSpec(name="needy", target="needy_target:x", summary="")
    plugin_registry.add(origin("a"), plugin(seqtools_metrics=lambda: [late, needy]))
    with pytest.raises(
        PluginError, match=r"plugin 'a' \(dist-a 1\.2\).*metric 'late' failed: RuntimeError: late"
    ):
        plugin_registry.metrics["late"].load()
    with pytest.raises(MissingDependencyError, match=r'pip install "seqtools-suite\[train\]"'):
        plugin_registry.metrics["needy"].load()


def test_strict_mode_raises_and_loose_mode_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "brittle-2.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[seqtools]\nbrittle = brittle_module\n")
    (tmp_path / "brittle_module.py").write_text("raise OSError('glass')")
    monkeypatch.syspath_prepend(tmp_path)
    found = loader.discover({})
    assert [failure.origins[0].distribution for failure in found.failures] == ["brittle"]
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert warning.startswith("Warning: plugin 'brittle' (brittle 2.0): skipped, its import failed: OSError")
    assert "SEQTOOLS_DISABLE_PLUGINS=brittle" in warning
    with pytest.raises(PluginError, match="brittle"):
        loader.discover({"SEQTOOLS_STRICT_PLUGINS": "1"})
    quiet = loader.discover({"SEQTOOLS_STRICT_PLUGINS": "1", "SEQTOOLS_DISABLE_PLUGINS": "other, brittle"})
    assert [entry.name for entry in quiet.disabled] == ["brittle"]
    assert capsys.readouterr().err == ""
