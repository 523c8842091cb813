"""Tables of results, written and read back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqtools.errors import UsageError
from seqtools_forecast.tables_out import Batch, kind_of, write_rows

NAMES = ("unique_id", "ds", "mean")


def batches() -> Iterator[Batch]:
    yield ["a, b", "c"], ["2024-01-01", "2024-01-02"], np.array([1.5, np.nan])
    yield ['"d"'], ["2024-01-03"], [1e-12]


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert write_rows(str(path), "csv", NAMES, batches()) == 3
    with path.open(encoding="utf-8", newline="") as stream:
        told = list(csv.reader(stream))
    assert told == [list(NAMES), ["a, b", "2024-01-01", "1.5"], ["c", "2024-01-02", ""],
                    ['"d"', "2024-01-03", "1e-12"]]  # fmt: skip


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_rows(str(path), "", NAMES, batches())
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert told[1] == {"unique_id": "c", "ds": "2024-01-02", "mean": None} and told[2]["mean"] == 1e-12


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert write_rows(str(path), "", NAMES, batches()) == 3
    told = pq.read_table(path).to_pydict()
    assert told["unique_id"] == ["a, b", "c", '"d"'] and told["mean"] == [1.5, None, 1e-12]
    assert write_rows(str(path), "parquet", NAMES, iter([])) == 0
    assert pq.read_table(path).num_rows == 0


def test_a_first_batch_without_values_does_not_settle_the_type(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    several: list[Any] = [[["a"], ["x"], [np.nan]], [["b"], ["y"], [2.5]]]
    write_rows(str(path), "parquet", NAMES, several)
    assert pq.read_table(path).to_pydict()["mean"] == [None, 2.5]


def test_stdout(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_rows(None, "csv", NAMES, batches())
    assert capsysbinary.readouterr().out.startswith(b"unique_id,ds,mean\n")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_is_interrupted_does_not_take_the_name(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> Iterator[Batch]:
        yield from batches()
        raise KeyboardInterrupt

    path = tmp_path / f"out.{kind}"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_rows(str(path), kind, NAMES, interrupted())
    assert path.read_text() == "before"
    assert kind == "parquet" or "is not complete" in capsys.readouterr().err


def test_kinds_by_endings() -> None:
    assert [kind_of(name) for name in ("a.csv", "a.JSONL", "a.parquet", "a.txt", None)] == [
        "csv", "jsonl", "parquet", "csv", "csv"]  # fmt: skip
    assert kind_of("a.csv", "jsonl") == "jsonl"
    with pytest.raises(UsageError, match="Parquet does not go to stdout"):
        kind_of("-", "parquet")
