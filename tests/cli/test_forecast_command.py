"""`seqtools forecast` as a person meets it: tables from everywhere, options, what makes no sense."""

from __future__ import annotations

import csv
import gzip
import io
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import seqtools

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_forecast_file.py")))
HEAD = "unique_id,ds,mean,lo-95,lo-80,hi-80,hi-95"
BODY = """\
b,2024-01-13,8.5,6.0,7.0,9.0,10.0
b,2024-01-14,9.5,7.0,8.0,10.0,11.0
b,2024-01-15,10.5,8.0,9.0,11.0,12.0
a,2024-01-13,108.5,106.0,107.0,109.0,110.0
a,2024-01-14,109.5,107.0,108.0,110.0,111.0
a,2024-01-15,110.5,108.0,109.0,111.0,112.0
"""


def rows(name: str, first: float, steps: int = 12) -> str:
    """A series that rises by 1 a day."""
    day = np.datetime64("2024-01-01")
    return "".join(f"{name},{day + step},{first + step:g}\n" for step in range(steps))


TABLE = "unique_id,ds,y\n" + rows("b", 0) + rows("a", 100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and a table."""
    made = tmp_path_factory.mktemp("forecasts")
    tiny.write(made / "plain.onnx")
    tiny.write(made / "dated.onnx", dated=True)
    tiny.write(made / "two.onnx", targets=2)
    tiny.write(made / "known.onnx", past=True, future=True)
    tiny.write(made / "draws.onnx", draws=True)
    tiny.write(made / "draws-two.onnx", draws=True, targets=2)
    (made / "table.csv").write_text(TABLE)
    return made


@pytest.fixture
def forecast(run_cli: Cli, folder: Path) -> Cli:
    """`forecast(FILE, ...)` with the plain model."""
    return lambda *arguments, **more: run_cli("forecast", "-m", folder / "plain.onnx", *arguments, **more)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def failed(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.exception or result.stdout
    assert result.stderr.splitlines()[-1].startswith("Error: "), result.stderr
    assert all(word in result.stderr for word in words), result.stderr


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_in_a_table_out(forecast: Cli, folder: Path, tmp_path: Path) -> None:
    wanted = f"{HEAD}\n{BODY}"
    assert ok(forecast(folder / "table.csv")) == wanted
    assert ok(forecast("-", input=TABLE)) == wanted
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    assert ok(forecast(tmp_path / "table.csv.gz")) == wanted
    (tmp_path / "table.tsv").write_text(TABLE.replace(",", "\t"))
    done = forecast(tmp_path / "table.tsv", "-o", tmp_path / "out.csv")
    assert (ok(done), (tmp_path / "out.csv").read_text()) == ("", wanted)
    assert "2 series of 12 steps, frequency D" in done.stderr
    halves = [tmp_path / "first.csv", tmp_path / "second.csv"]
    halves[0].write_text("unique_id,ds,y\n" + rows("b", 0))
    halves[1].write_text("unique_id,ds,y\n" + rows("a", 100))
    assert ok(forecast(*halves)) == wanted
    assert ok(forecast("--", folder / "table.csv")) == wanted


def test_tables_of_other_forms(forecast: Cli, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    days = np.datetime64("2024-01-01") + np.arange(12)
    columns = {"item_id": ["b"] * 12, "timestamp": days, "target": np.arange(12.0)}
    parquet.write_table(arrow.table(columns), tmp_path / "in.parquet")
    wanted = BODY[: BODY.index("a,")]
    told = ok(forecast(tmp_path / "in.parquet"))
    assert told == HEAD.replace("unique_id,ds", "item_id,timestamp") + "\n" + wanted
    record = {"item_id": "b", "start": "2024-01-01", "target": list(range(12))}
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    assert ok(forecast(tmp_path / "in.jsonl")) == f"{HEAD}\n{wanted}"
    (tmp_path / "m4.csv").write_text('"V1","V2","V3","V4","V5"\n"H1","1","2","3","4"\n')
    assert [row["mean"] for row in table(ok(forecast(tmp_path / "m4.csv")))] == ["1.5", "2.5", "3.5"]
    (tmp_path / "load.csv").write_text("date,load\n" + rows("x", 0).replace("x,", ""))
    (told,) = {row["unique_id"] for row in table(ok(forecast(tmp_path / "load.csv")).replace("date", "ds"))}
    assert told == "load"
    numbers = table(ok(forecast("-", input="".join(f"{value}\n" for value in range(6)))))
    assert [(row["ds"], row["mean"]) for row in numbers] == [("6", "2.5"), ("7", "3.5"), ("8", "4.5")]


def test_columns_by_name(forecast: Cli, run_cli: Cli, folder: Path) -> None:
    other = TABLE.replace("unique_id,ds,y", "shop,day,sold")
    told = ok(forecast("-", "--id", "shop", "--time", "day", "--target", "sold", input=other))
    assert told == HEAD.replace("unique_id,ds", "shop,day") + "\n" + BODY
    failed(forecast("-", "--target", "price", input=other), 1, "no column 'price'", "--target")
    failed(forecast(folder / "table.csv", "--time", "when"), 1, "no column 'when'", "--time")
    counted = table(ok(forecast(folder / "table.csv", "--time", "none", "--only", "b")))
    assert [row["ds"] for row in counted] == ["12", "13", "14"]


def test_each_way_to_write(forecast: Cli, folder: Path, tmp_path: Path) -> None:
    path = folder / "table.csv"
    told = [json.loads(line) for line in ok(forecast(path, "--format", "jsonl")).splitlines()]
    assert list(told[0]) == HEAD.split(",") and len(told) == 6
    first = ("b", "2024-01-13", 8.5, 6.0, 7.0, 9.0, 10.0)
    assert told[0] == dict(zip(HEAD.split(","), first, strict=True))
    ok(forecast(path, "-o", tmp_path / "out.jsonl"))
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == told
    ok(forecast(path, "-o", tmp_path / "out.csv", "--format", "jsonl"))
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "out.jsonl").read_text()
    failed(forecast(path, "--format", "parquet"), 2, "Parquet does not go to stdout")
    assert forecast(path, "-o", tmp_path / "no" / "out.csv").exit_code == 1
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    ok(forecast(path, "-o", tmp_path / "out.parquet"))
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == told


def test_intervals_as_asked_for(forecast: Cli, folder: Path) -> None:
    path = folder / "table.csv"
    told = ok(forecast(path, "--levels", "90, 50"))
    assert told.splitlines()[0] == "unique_id,ds,mean,lo-90,lo-50,hi-50,hi-90"
    first = {name: float(value) for name, value in list(table(told)[0].items())[2:]}
    assert 6 < first["lo-90"] < 7 < first["lo-50"] < 8 < first["hi-50"] < 9 < first["hi-90"] < 10
    assert max(len(value) for value in table(told)[0].values()) == len("2024-01-13")
    failed(forecast(path, "--levels", "99"), 2, "nothing beyond intervals of 95 %")
    for wrong in ("", "0", "100", "abc"):
        failed(forecast(path, "--levels", wrong), 2, "no percentage")


def test_steps_as_asked_for(forecast: Cli, folder: Path) -> None:
    path = folder / "table.csv"
    kept = [line for line in BODY.splitlines() if "-15," not in line]
    assert ok(forecast(path, "--horizon", "2")).splitlines() == [HEAD, *kept]
    failed(forecast(path, "--horizon", "0"), 2, "--horizon: 0 is out of range")
    failed(forecast(path, "--horizon", "4"), 2, "4 is more than the 3 steps", "train with --horizon 4")


def test_sample_paths(forecast: Cli, run_cli: Cli, folder: Path) -> None:
    path = folder / "table.csv"
    failed(forecast(path, "--samples", "2"), 2, "draws no paths", "--kind deepar")
    failed(forecast(path, "--samples", "0"), 2, "--samples: 0 is out of range")

    def draw(*arguments: object) -> list[dict[str, str]]:
        return table(ok(run_cli("forecast", "-m", folder / "draws.onnx", path, *arguments)))

    told = draw("--samples", "2", "--horizon", "5")
    assert list(told[0]) == ["unique_id", "ds", "sample-0", "sample-1"]
    assert [row["ds"] for row in told[:5]] == [f"2024-01-{day}" for day in range(13, 18)]
    assert all(11 < float(row["sample-0"]) < 12 for row in told[:5])
    again = draw("--samples", "3", "--horizon", "6", "--batch-size", "1")
    for old, new in zip(told, [*again[:5], *again[6:11]], strict=True):
        assert old.items() <= new.items()
    assert draw("--samples", "2", "--horizon", "5", "--only", "a") == told[5:]
    assert draw("--samples", "2", "--horizon", "5", "--seed", "1") != told
    plain = draw()
    assert list(plain[0]) == HEAD.split(",") and len(plain) == 6
    assert 11.4 < float(plain[0]["mean"]) - 0.5 < 11.6


def test_several_targets_at_once(run_cli: Cli, folder: Path) -> None:
    text = "ds,a,b\n" + "".join(f"2024-01-{day:02},{day},{10 * day}\n" for day in range(1, 9))
    told = ok(run_cli("forecast", "-m", folder / "two.onnx", "-", "--levels", "80", input=text))
    assert told.splitlines()[0] == "unique_id,ds,a-mean,a-lo-80,a-hi-80,b-mean,b-lo-80,b-hi-80"
    assert [float(value) for value in list(table(told)[0].values())[2:]] == [5.5, 4, 6, 50.5, 49, 51]
    renamed = run_cli(
        "forecast", "-m", folder / "two.onnx", "-", "--target", "u,v", input=text.replace("a,b", "u,v")
    )
    assert ok(renamed).splitlines()[0].split(",")[2:4] == ["u-mean", "u-lo-95"]
    failed(run_cli("forecast", "-m", folder / "two.onnx", folder / "table.csv"), 1, "no column 'a'")
    drawn = table(ok(run_cli("forecast", "-m", folder / "draws-two.onnx", "-", "--samples", "1", input=text)))
    assert list(drawn[0])[2:] == ["a-sample-0", "b-sample-0"]
    assert 8 < float(drawn[0]["a-sample-0"]) < 9 and 80 < float(drawn[0]["b-sample-0"]) < 81


def test_covariates(run_cli: Cli, folder: Path, forecast: Cli) -> None:
    def known(text: str, *arguments: object) -> Result:
        return run_cli("forecast", "-m", folder / "known.onnx", "-", *arguments, input=text)

    seen = "".join(f"2024-01-{day:02},{day},0,100\n" for day in range(1, 9))
    ahead = [f"2024-01-{day:02},,,{1000 * day}\n" for day in range(9, 12)]
    head = "ds,y,p,f\n"
    whole = head + seen + "".join(ahead)
    assert [row["mean"] for row in table(ok(known(whole)))] == ["9005.5", "10006.5", "11007.5"]
    fewer = head + seen + "".join(ahead[:2])
    failed(
        known(fewer), 1, "cover 2 of 3 steps", "Add rows after its last value", "or ask for a horizon of 2"
    )
    assert [row["mean"] for row in table(ok(known(fewer, "--horizon", "1")))] == ["9005.5"]
    failed(known(head.replace("f", "g") + seen), 1, "no column 'f'", "--future")
    renamed = known(whole.replace("p,f", "p,g"), "--future", "g")
    assert [row["mean"] for row in table(ok(renamed))] == ["9005.5", "10006.5", "11007.5"]
    more = forecast("-", "--past", "p", input=whole)
    failed(more, 1, "the model has no past covariates, and these series have the past covariates p")


def test_a_frame_holds_covariates_of_the_future_in_its_last_rows(folder: Path) -> None:
    class Frame(dict[str, Any]):
        columns = ("ds", "y", "p", "f")

    days = np.datetime64("2024-01-01") + np.arange(11)
    seen = np.where(np.arange(11) < 8, np.arange(1.0, 12), np.nan)
    frame = Frame(ds=days, y=seen, p=np.zeros(11), f=1000 * np.arange(1.0, 12))
    said = seqtools.load(folder / "known.onnx").predict(frame)
    assert said.mean[0, :, 0].tolist() == [9005.5, 10006.5, 11007.5]
    assert said.table()["ds"].tolist() == ["2024-01-09", "2024-01-10", "2024-01-11"]


def test_covariates_of_records_that_a_model_lacks_are_left_aside(forecast: Cli, tmp_path: Path) -> None:
    first = {"item_id": "b", "start": "2024-01-01", "freq": "D", "target": list(range(12))}
    more = {"feat_dynamic_real": [[1.5] * 15], "past_feat_dynamic_real": [[2] * 12], "feat_static_cat": [3]}
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(first | more) + "\n")
    done = forecast(path)
    assert [row["mean"] for row in table(ok(done))] == ["8.5", "9.5", "10.5"]
    assert "; left aside: feat_dynamic_real, feat_static_cat, past_feat_dynamic_real\n" in done.stderr
    path.write_text(json.dumps(first) + "\n")
    assert "left aside" not in forecast(path).stderr


def test_a_forecast_does_not_depend_on_the_others(forecast: Cli, folder: Path) -> None:
    path = folder / "table.csv"
    assert ok(forecast(path, "--batch-size", "1")) == f"{HEAD}\n{BODY}"
    assert ok(forecast(path, "--only", "a")).splitlines() == [HEAD, *BODY.splitlines()[3:]]
    assert ok(forecast(path, "--only", "a", "--only", "b")) == f"{HEAD}\n{BODY}"
    failed(forecast(path, "--only", "c"), 1, "series 'c'", "it is not there; there are b, a")
    failed(forecast(path, "--batch-size", "0"), 2, "--batch-size: 0 is out of range")


def test_a_series_that_is_not_wanted_needs_no_future(run_cli: Cli, folder: Path, tmp_path: Path) -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 16)]
    told = [f"a,{day},{'' if place > 11 else place},1,1" for place, day in enumerate(days)]
    path = tmp_path / "known.csv"
    late = [f"b,{day},{place},1,1" for place, day in enumerate(days[:12])]
    path.write_text("\n".join(["unique_id,ds,y,p,f", *told, *late]) + "\n")
    call = ["forecast", "-m", folder / "known.onnx", path]
    failed(run_cli(*call), 1, "series 'b'", "cover 0 of 3 steps")
    assert len(ok(run_cli(*call, "--only", "a")).splitlines()) == 4


def test_series_never_seen_or_short_or_late(forecast: Cli) -> None:
    text = "unique_id,ds,y\nnew,2024-03-01,1\nnew,2024-03-02,2\nnew,2024-03-03,3\nnew,2024-03-04,4\n"
    assert [row["ds"] for row in table(ok(forecast("-", input=text)))] == [
        "2024-03-05", "2024-03-06", "2024-03-07",
    ]  # fmt: skip
    one = forecast("-", input="unique_id,ds,y\nx,2024-03-01,1\n")
    assert next(row["ds"] for row in table(ok(one))) == "2024-03-02"
    mixed = ok(forecast("-", input=text + "none,2024-03-01,\nnone,2024-03-02,\n"))
    assert {row["unique_id"] for row in table(mixed)} == {"new"}


PICTURES = {".png": b"\x89PNG", ".svg": b"<svg", ".html": b"<!doctype html>"}


@pytest.mark.parametrize("ending", PICTURES)
def test_a_picture(forecast: Cli, folder: Path, tmp_path: Path, ending: str) -> None:
    if ending == ".png":
        pytest.importorskip("matplotlib")
    path = tmp_path / f"picture{ending}"
    assert ok(forecast(folder / "table.csv", "--plot", path)) == f"{HEAD}\n{BODY}"
    assert path.read_bytes().startswith(PICTURES[ending])
    if ending != ".png":
        assert path.read_text().count("80 %") >= 2


def test_a_picture_on_the_terminal(forecast: Cli, folder: Path, tmp_path: Path) -> None:
    done = forecast(folder / "table.csv", "--plot", "term", "--only", "b")
    assert "dotted: 95 %" in done.stderr and "2024-01-15" in done.stderr and "--only" not in done.stderr
    assert ok(done) == f"{HEAD}\n" + BODY[: BODY.index("a,")]
    many = "unique_id,ds,y\n" + "".join(rows(f"s{number}", number) for number in range(14))
    done = forecast("-", "--plot", tmp_path / "many.svg", input=many)
    assert ok(done).count("\n") == 1 + 14 * 3
    assert "shows the first 12; --only chooses others" in done.stderr
    assert (tmp_path / "many.svg").read_text().count("<title>history</title>") == 12
    failed(forecast(folder / "table.csv", "--plot", "a.gif"), 2, ".png, .svg or .html")
    failed(forecast(folder / "table.csv", "--plot", tmp_path / "no" / "a.svg"), 2, "does not exist")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("unique_id,ds,y\na,2024-01-01,1\na,hello,2\n", "line 3: column 'ds' holds 'hello'"),
        ("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,inf\n", "line 3: column 'y' holds an infinite number"),
        ("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,many\n", "line 3: column 'y'"),
        ("unique_id,ds,y\na,2024-01-01,\na,2024-01-02,\n", "holds no value"),
        ("unique_id,ds,y\na,2024-01-01,1e39\na,2024-01-02,1\n", "series 'a': a value is beyond 3.4e38"),
        (
            "unique_id,ds,y\n" + "".join(f"a,2024-01-01 {hour:02}:00,{hour}\n" for hour in range(12)),
            "their step is h, and the model was trained on steps of D",
        ),
        (
            "unique_id,ds,y\n"
            + rows("a", 0)
            + "".join(f"b,2024-01-01 {hour:02}:00,{hour}\n" for hour in range(12)),
            "series 'a' and 'b': their frequencies differ: D and h",
        ),
    ],
    ids=["empty", "stamp", "infinite", "word", "no-value", "too-large", "other-step", "mixed"],
)  # fmt: skip
def test_tables_that_make_no_sense(forecast: Cli, text: str, words: str) -> None:
    failed(forecast("-", input=text), 1, words)


def test_a_model_of_the_calendar_wants_stamps(run_cli: Cli, folder: Path) -> None:
    text = "".join(f"{value}\n" for value in range(6))
    failed(run_cli("forecast", "-m", folder / "dated.onnx", "-", input=text), 1, "no stamps", "calendar (D)")
    assert ok(run_cli("forecast", "-m", folder / "dated.onnx", folder / "table.csv")) == f"{HEAD}\n{BODY}"


def test_what_cannot_be_asked(forecast: Cli, run_cli: Cli, folder: Path, tmp_path: Path) -> None:
    failed(forecast(), 2, "there is no table to read", "- for stdin")
    failed(forecast("nowhere.csv"), 1, "nowhere.csv: cannot be read")
    failed(run_cli("forecast", "-m", tmp_path / "no.onnx", folder / "table.csv"), 3, "no such file")
    tagger = Path(__file__).resolve().parents[2] / "plugins/seqtools_tag/models/english-pos.onnx"
    if tagger.is_file():
        wrong = run_cli("forecast", "-m", tagger, folder / "table.csv")
        failed(wrong, 3, "it is a model for 'tag', not for 'forecast'")
    assert run_cli("forecast", "--no-such").exit_code == 2


def test_values_that_a_model_of_logarithms_cannot_read(folder: Path, tmp_path: Path, run_cli: Cli) -> None:
    tiny.write(tmp_path / "log.onnx", transform="log")
    done = run_cli("forecast", "-m", tmp_path / "log.onnx", folder / "table.csv")
    assert ok(done) == f"{HEAD}\n{BODY}"
    assert "1 value is 0; the model sees logarithms" in done.stderr
    table = tmp_path / "below.csv"
    table.write_text(TABLE.replace("a,2024-01-12,111", "a,2024-01-12,-111"))
    failed(
        run_cli("forecast", "-m", tmp_path / "log.onnx", table),
        1,
        "Error: series 'a': a value in the",
        "is below zero, and the model sees logarithms",
        "--transform asinh or none",
    )


def test_helps(run_cli: Cli) -> None:
    told = ok(run_cli("forecast", "--help"))
    assert told.startswith("Usage: ")
    for word in ("forecast [OPTIONS] FILE...", "backtest|detect|inspect", "--levels", "--horizon", "--plot"):
        assert word in told
    for name in ("backtest", "detect", "inspect"):
        assert f"forecast {name} [OPTIONS]" in ok(run_cli("forecast", name, "--help"))


def test_a_reader_that_stops(folder: Path, tmp_path: Path) -> None:
    """`seqtools forecast | head -1`, with far more to write than a pipe holds."""
    many = tmp_path / "many.csv"
    many.write_text("unique_id,ds,y\n" + "".join(rows(f"series-{number}", 0, 4) for number in range(2000)))
    command = [sys.executable, "-m", "seqtools", "forecast", "-m", str(folder / "plain.onnx"), str(many)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().decode().strip() == HEAD
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait() == 0, said
    assert "Traceback" not in said and "Error" not in said


def test_a_plain_forecast_is_light(folder: Path) -> None:
    """No torch, no frames, no pictures: what is not asked for is not loaded."""
    script = (
        "from seqtools.cli import root\n"
        f"try: root(['forecast', '-m', {str(folder / 'plain.onnx')!r}, {str(folder / 'table.csv')!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "import sys\nprint(*(name.partition('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{HEAD}\n{BODY}"), done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "onnx", "spox", "safetensors", "pandas", "matplotlib", "pyarrow", "scipy"}
