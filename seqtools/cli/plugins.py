"""`seqtools plugins list` and `plugins show NAME`: who offers what, and who failed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from seqtools import loader
from seqtools.discovery import EntryPoint
from seqtools.errors import UsageError
from seqtools.registry import Registry
from seqtools.suggest import hint


@click.group("plugins")
def command() -> None:
    """List plugins and what they offer."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for each plugin.")
def list_plugins(as_json: bool) -> None:
    """List all plugins: working, disabled and failed."""
    for row in _rows(loader.registry()):
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


@command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name: str, as_json: bool) -> None:
    """Show all that the plugin NAME offers."""
    rows = [row for row in _rows(loader.registry()) if name in (row["name"], row["distribution"])]
    if not rows:
        known = {row["name"] for row in _rows(loader.registry())}
        raise UsageError(f"plugin '{name}'", "it is not installed", hint(name, known))
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _page(row))


def _rows(registry: Registry) -> list[dict[str, Any]]:
    """One row a plugin, by name: `status` is ok, clash, failed or disabled."""
    told: dict[EntryPoint, dict[str, Any]] = {}
    for origin in registry.disabled:
        told[origin] = _row(origin, "disabled")
    for origin in registry.plugins:
        told[origin] = _row(origin, "ok")
        told[origin]["offers"] = [
            {
                "kind": item.spec.kind,
                "name": _full_name(item.spec),
                "summary": item.spec.summary,
                "target": item.spec.target,
            }
            for item in registry.offers(origin)
        ]
    for failure in registry.failures:
        for origin in failure.origins:
            row = told.setdefault(origin, _row(origin, "failed"))
            row["status"] = "clash" if failure.stage == "name" else "failed"
            row["errors"].append(str(failure.as_error()))
    return sorted(told.values(), key=lambda row: (row["name"], row["distribution"]))


def _row(origin: EntryPoint, status: str) -> dict[str, Any]:
    return {
        "name": origin.name,
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.target,
        "status": status,
        "offers": [],
        "errors": [],
    }


def _full_name(spec: Any) -> str:
    return f"{getattr(spec, 'parent', '')} {spec.name}".strip()


def _line(row: dict[str, Any]) -> str:
    owner = f"{row['distribution']} {row['version']}"
    counts = Counter(offer["kind"] for offer in row["offers"])
    offers = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())
    return f"{row['name']:<16} {row['status']:<9} {owner:<24} {'; '.join(row['errors']) or offers}".rstrip()


def _page(row: dict[str, Any]) -> str:
    lines = [
        f"{row['name']}  ({row['status']})",
        f"  distribution  {row['distribution']} {row['version']}",
        f"  module        {row['module']}",
    ]
    lines += [f"  {offer['kind']:<13} {offer['name']}: {offer['summary']}" for offer in row["offers"]]
    lines += [f"  error         {error}" for error in row["errors"]]
    return "\n".join(lines)
