"""`seqtools forecast inspect`: options; what it does is in `inspection`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools_forecast.column_options import NAMES, column_options


@click.command("inspect")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@column_options
def command(**options: Any) -> None:
    """Say what tables of series hold, before a model is trained on them.

    FILE is CSV, TSV, JSON Lines, Parquet, `.tsf` or M4's wide CSV, .gz too; - is stdin. Told are: rows,
    series, frequency, gaps, duplicates, rows out of order, late starts, series that never change, seasons
    and how strong they are, and the horizon and window that training would choose.

    \b
    seqtools forecast inspect sales.csv
    seqtools forecast inspect sales.csv --id store --time day --target sold --json
    """
    from contextlib import ExitStack

    from seqtools.errors import UsageError
    from seqtools.output import note
    from seqtools.writing import writer
    from seqtools_forecast.inspection import inspect, lines
    from seqtools_forecast.recipe import SeriesDataConfig

    if not options["files"]:
        raise UsageError("FILE", "no table is named", "Name one, or - for stdin")
    named: dict[str, Any] = {name: options[f"{name}_column"] or "" for name in NAMES}
    data = SeriesDataConfig(**named)
    told = inspect(options["files"], data, note)
    with ExitStack() as stack:
        say = writer(options["output"], stack)
        if options["as_json"]:
            import json

            say(json.dumps(told, ensure_ascii=False) + "\n")
        else:
            say("".join(f"{line}\n" for line in lines(told)))
