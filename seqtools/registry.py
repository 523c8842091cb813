"""What the installed plugins offer, and which of them failed.

A plugin goes through four doors: load (import its module), register (its hooks are ones we know),
call (each hook returns valid specs) and name (no other plugin offers the same name). One that fails
at the first three is taken out whole; a name offered twice belongs to nobody until one plugin is
disabled. Everything else goes on working.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import pluggy

from seqtools import hookspecs
from seqtools.discovery import EntryPoint
from seqtools.plugin import (
    CellSpec,
    CommandSpec,
    DecoderSpec,
    MetricSpec,
    SearchConstraintSpec,
    SearchScorerSpec,
    Spec,
    TaskSpec,
    TokenizerSpec,
)
from seqtools.provided import Failure, Provided, cure_for, describe
from seqtools.suggest import hint

HOOKS: dict[str, type[Spec]] = {
    "seqtools_commands": CommandSpec,
    "seqtools_tasks": TaskSpec,
    "seqtools_tokenizers": TokenizerSpec,
    "seqtools_cells": CellSpec,
    "seqtools_decoders": DecoderSpec,
    "seqtools_search_scorers": SearchScorerSpec,
    "seqtools_search_constraints": SearchConstraintSpec,
    "seqtools_metrics": MetricSpec,
}
EVENTS = ("seqtools_training_event",)


class Registry:
    """Everything that a set of plugins offers, by name.

    Attributes:
        commands: keyed "name" or "parent name" (`generate`, `train generate`).
        tasks, tokenizers, cells, decoders, scorers, constraints, metrics: keyed by the spec's name.
        plugins: the plugins that work, in order.
        disabled: those that were asked not to load.
        failures: what went wrong, in order.
    """

    def __init__(self, entries: Iterable[EntryPoint] = (), *, disable: Iterable[str] = ()) -> None:
        self.manager = pluggy.PluginManager("seqtools")
        self.manager.add_hookspecs(hookspecs)
        self.plugins: list[EntryPoint] = []
        self.disabled: list[EntryPoint] = []
        self.failures: list[Failure] = []
        self.clashes: dict[tuple[str, str], Failure] = {}
        self.commands: dict[str, Provided[CommandSpec]] = {}
        self.tasks: dict[str, Provided[TaskSpec]] = {}
        self.tokenizers: dict[str, Provided[TokenizerSpec]] = {}
        self.cells: dict[str, Provided[CellSpec]] = {}
        self.decoders: dict[str, Provided[DecoderSpec]] = {}
        self.scorers: dict[str, Provided[SearchScorerSpec]] = {}
        self.constraints: dict[str, Provided[SearchConstraintSpec]] = {}
        self.metrics: dict[str, Provided[MetricSpec]] = {}
        unwanted = set(disable)
        for origin in entries:
            if {origin.name, origin.distribution} & unwanted:
                self.disabled.append(origin)
            else:
                self.load(origin)

    def load(self, origin: EntryPoint) -> None:
        """Import one plugin and take in what it offers; a failure is recorded, not raised."""
        module, _, attribute = origin.target.partition(":")
        try:
            plugin: Any = importlib.import_module(module)
            for part in attribute.split(".") if attribute else ():
                plugin = getattr(plugin, part)
        except (Exception, SystemExit) as error:
            self._fail("load", origin, error)
        else:
            self.add(origin, plugin)

    def add(self, origin: EntryPoint, plugin: object) -> None:
        """Register a plugin that is already imported (a module or any object with hook methods)."""
        stage = "register"
        try:
            _check_hooks(self.manager, plugin)
            self.manager.register(plugin, name=_registered(origin))
            stage = "call"
            offered = list(self._offers(plugin))
        except (Exception, SystemExit) as error:
            if (
                self.manager.is_registered(plugin)
                and self.manager.get_name(plugin) == f"{origin.distribution}:{origin.name}"
            ):
                self.manager.unregister(plugin)
            self._fail(stage, origin, error)
            return
        self.plugins.append(origin)
        for spec in offered:
            self._offer(Provided(spec, origin))

    def offers(self, origin: EntryPoint) -> list[Provided[Any]]:
        """All that one plugin offers and is in use, in the order of kinds."""
        return [item for kind in _KINDS for item in self._table(kind).values() if item.origin == origin]

    def emit(self, hook: str, **arguments: object) -> None:
        """Call an event hook in every plugin; one that raises gets no further events."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            names = implementation.argnames
            try:
                implementation.function(*(arguments[name] for name in names))
            except Exception as error:
                origin = self._origin_of(implementation.plugin_name)
                self.manager.unregister(implementation.plugin)
                self._fail("event", origin, error)

    def _offers(self, plugin: object) -> Iterator[Spec]:
        seen: set[tuple[str, str]] = set()
        for hook, kind in HOOKS.items():
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                for spec in implementation.function():
                    _check_spec(spec, kind, hook)
                    if (spec.kind, _key(spec)) in seen:
                        raise ValueError(f"{hook} offers {spec.kind} '{_key(spec)}' twice")
                    seen.add((spec.kind, _key(spec)))
                    yield spec

    def _offer(self, item: Provided[Any]) -> None:
        kind, key = item.spec.kind, _key(item.spec)
        earlier = self.clashes.get((kind, key))
        holder = self._table(kind).pop(key, None)
        if earlier:
            origins = (*earlier.origins, item.origin)
            self.failures.remove(earlier)
        elif holder:
            origins = (holder.origin, item.origin)
        else:
            self._table(kind)[key] = item
            return
        self.clashes[kind, key] = clash = _clash(kind, key, origins)
        self.failures.append(clash)

    def _table(self, kind: str) -> dict[str, Provided[Any]]:
        table: dict[str, Provided[Any]] = getattr(self, kind + "s")
        return table

    def _origin_of(self, registered: str) -> EntryPoint:
        return next(origin for origin in self.plugins if _registered(origin) == registered)

    def _fail(self, stage: str, origin: EntryPoint, error: BaseException) -> None:
        cause = f"{_STAGE_WORDS[stage]}: {describe(error)}"
        self.failures.append(Failure(stage, (origin,), cause, cure_for(origin), error))


_KINDS = tuple(kind.kind for kind in HOOKS.values())
_STAGE_WORDS = {
    "load": "skipped, its import failed",
    "register": "skipped, its hooks are not valid",
    "call": "skipped, a hook failed",
    "event": "gets no further training events, it failed",
}


def _key(spec: Spec) -> str:
    parent = getattr(spec, "parent", "")
    return f"{parent} {spec.name}" if parent else spec.name


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Refuse hooks that pluggy would silently never call: misspelt ones and unmarked ones."""
    known = (*HOOKS, *EVENTS)
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None:
            hook = options.get("specname") or name
            if hook not in known and not options.get("optionalhook"):
                raise ValueError(f"unknown hook '{hook}'. {hint(hook, known)}")
        elif name.startswith("seqtools_") and _defined_in(plugin, getattr(plugin, name)):
            raise ValueError(f"'{name}' is not marked with @hookimpl")


def _defined_in(plugin: object, member: object) -> bool:
    """Whether a function is the plugin module's own, and not something it imported."""
    return inspect.isfunction(member) and member.__module__ == getattr(plugin, "__name__", None)


def _registered(origin: EntryPoint) -> str:
    return f"{origin.distribution}:{origin.name}"


def _check_spec(spec: object, kind: type[Spec], hook: str) -> None:
    if not isinstance(spec, kind):
        raise TypeError(f"{hook} returned {type(spec).__name__}, not {kind.__name__}")
    if not spec.name or not spec.target:
        raise ValueError(f"{hook} returned a {kind.__name__} without a name or a target")


def _clash(kind: str, key: str, origins: tuple[EntryPoint, ...]) -> Failure:
    names = " or ".join(dict.fromkeys(f"SEQTOOLS_DISABLE_PLUGINS={_handle(o, origins)}" for o in origins))
    cause = f"all offer the {kind} '{key}', so none of them provides it"
    return Failure("name", origins, cause, f"Disable one with {names}")


def _handle(origin: EntryPoint, others: tuple[EntryPoint, ...]) -> str:
    """The shortest name that tells a plugin from the others: its own, else its distribution's."""
    alone = sum(other.name == origin.name for other in others) == 1
    return origin.name if alone else origin.distribution
