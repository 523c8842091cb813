"""`seqtools forecast inspect` as a person meets it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Cli = Callable[..., Result]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    rows = ["shop,day,sold"]
    for name, first in (("Ulm", 0), ("Bonn", 3)):
        for place in range(first, 130):
            if (name, place) != ("Ulm", 9):
                day = 86400 * (place + 19_000)
                sold = 10 + 5 * math.sin(2 * math.pi * place / 7)
                rows.append(f"{name},{_date(day)},{sold:.4f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def _date(seconds: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d")


def test_what_a_table_holds(run_cli: Cli, table: Path) -> None:
    result = run_cli("forecast", "inspect", str(table))
    assert result.exit_code == 0, result.stderr
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in result.stdout.splitlines()}
    assert told["series"] == "2" and told["rows"] == "256"
    assert told["steps"] == "127 to 130, median 128"
    assert told["frequency"] == "D (2 series)" and told["time"] == "2022-01-08 to 2022-05-17"
    assert told["gaps"] == "1 step without a row, in 1 series (Ulm)"
    assert told["late"] == "1 series (Bonn): a later start than the first"
    assert "season       7 steps, strength 1.00 of 1" in result.stdout.splitlines()
    assert told["training"].startswith("would choose horizon ")
    assert "id shop; time day; target sold" in result.stderr


def test_json(run_cli: Cli, table: Path, tmp_path: Path) -> None:
    output = tmp_path / "told.json"
    result = run_cli("forecast", "inspect", str(table), "--json", "-o", str(output))
    assert result.exit_code == 0 and result.stdout == ""
    told = json.loads(output.read_text(encoding="utf-8"))
    assert told["frequency"] == "D" and told["frequencies"] == {"D": 2} and told["mixed"] == ""
    assert told["id"] == "shop" and told["targets"] == ["sold"] and told["lengths"]["max"] == 130
    assert told["choice"]["horizon"] > 0 and told["choice"]["context"] > 0
    assert told["seasons"][0] == {"season": 7, "strength": 1.0}


def test_series_of_different_frequencies_are_told_not_refused(run_cli: Cli, table: Path) -> None:
    text = table.read_text() + "".join(f"Hof,2022-02-01 {hour:02d}:00,1\n" for hour in range(24))
    table.write_text(text)
    result = run_cli("forecast", "inspect", str(table))
    assert result.exit_code == 0, result.stderr
    assert "series 'Ulm' and 'Hof': their frequencies differ: D and h" in result.stdout
    assert "D (2 series), h (1 series)" in result.stdout
    assert json.loads(run_cli("forecast", "inspect", str(table), "--json").stdout)["frequency"] is None


def test_columns_can_be_named(run_cli: Cli, table: Path) -> None:
    named = ("--id", "shop", "--time", "day", "--target", "sold", "--frequency", "W")
    result = run_cli("forecast", "inspect", str(table), *named, "--json")
    assert json.loads(result.stdout)["frequency"] == "W-MON"


def test_another_frequency_than_the_stamps_have_is_told_beside_it(run_cli: Cli, table: Path) -> None:
    asked = run_cli("forecast", "inspect", str(table), "--frequency", "W").stdout
    assert "frequency    W-MON, as asked for; by itself D (2 series)\n" in asked
    assert (
        "frequency    D (2 series)\n" in run_cli("forecast", "inspect", str(table), "--frequency", "D").stdout
    )


def test_how_far_covariates_reach(run_cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    rows = [f"2024-01-{day:02d},{day},{day % 3}" for day in range(1, 21)]
    for ahead, said in ((0, "no row after the last value holds price"), (2, "price: up to 2 steps after")):
        coming = [f"2024-01-{day:02d},,1" for day in range(21, 21 + ahead)]
        path.write_text("\n".join(["ds,y,price", *rows, *coming]) + "\n")
        told = run_cli("forecast", "inspect", str(path), "--target", "y", "--future", "price")
        assert f"known ahead  {said}" in told.stdout, told.stderr


def test_values_beyond_single_precision_and_series_of_zeros(run_cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text("ds,y\n" + "".join(f"2024-01-{day:02d},-{day}e38\n" for day in range(1, 29)))
    told = run_cli("forecast", "inspect", str(path))
    assert "training     series 'y': step 4 is -4e+38, beyond 3.4e38" in told.stdout, told.stderr
    path.write_text("ds,y\n" + "".join(f"2024-01-{day:02d},0\n" for day in range(1, 29)))
    assert "zero         1 series (y): nothing but zeros" in run_cli("forecast", "inspect", str(path)).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--target", "slod"), 1, "Did you mean --target sold?"),
        (("--frequency", "often"), 2, "there is no such frequency"),
    ],
)
def test_mistakes(run_cli: Cli, table: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run_cli("forecast", "inspect", str(table), *arguments)
    assert result.exit_code == code and said in result.stderr and result.stdout == ""


def test_no_file(run_cli: Cli) -> None:
    result = run_cli("forecast", "inspect")
    assert result.exit_code == 2 and "no table is named" in result.stderr
