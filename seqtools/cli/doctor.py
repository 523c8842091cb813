"""`seqtools doctor`: check the installation; exit code 1 if something is broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqtools.doctor import Finding

_COLORS = {"ok": "green", "note": "cyan", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: check, status, detail, cure.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Check this installation: versions, providers, plugins, models. Exit code 1 if a check fails."""
    from seqtools.doctor import FAIL, examine

    failed = False
    for finding in examine():
        failed |= finding.status == FAIL
        click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else _line(finding))
    context.exit(1 if failed else 0)


def _line(finding: Finding) -> str:
    status = click.style(f"{finding.status:<5}", fg=_COLORS[finding.status])
    cure = f". {finding.cure}" if finding.cure else ""
    return f"{status} {finding.check:<32} {finding.detail}{cure}"
