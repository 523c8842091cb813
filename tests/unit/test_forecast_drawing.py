"""Pictures of forecasts."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools_forecast import plot_html, plot_svg, plot_terminal
from seqtools_forecast.drawing import Band, Panel, collect, places, tick_text, ticks
from seqtools_forecast.forecasts import Forecasts
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.plotting import plot
from seqtools_forecast.store import from_arrays


def panel(title: str = "sales") -> Panel:
    history = np.sin(np.arange(40) / 3) * 10 + 50
    history[5:8] = np.nan
    mean = np.full(10, 50.0)
    stamps = [f"2024-{place:02d}" for place in range(50)]
    return Panel(title, stamps, history, mean, [Band(95, mean - 9, mean + 9), Band(80, mean - 5, mean + 5)])


def test_the_picture_holds_history_forecast_and_intervals() -> None:
    tree = ElementTree.fromstring(plot_svg.render([panel("a & <b>"), panel()]))
    space = "{http://www.w3.org/2000/svg}"
    titles = [one.text for one in tree.iter(f"{space}title")]
    assert titles == ["95 %", "80 %", "history", "mean"] * 2
    texts = [one.text for one in tree.iter(f"{space}text")]
    assert "a & <b>" in texts and "2024-00" in texts and "2024-49" in texts
    paths = [one.get("d") or "" for one in tree.iter(f"{space}path")]
    assert paths[0].count("M") == 2  # the gap breaks the line
    assert not re.search("nan|inf", "".join(paths))


def test_a_page_holds_the_numbers() -> None:
    page = plot_html.render([panel()]).decode()
    assert page.count("<tr>") == 11 and "<td>59</td>" in page and "<td>41</td>" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_terminal_gets_dots_that_fit() -> None:
    text = plot_terminal.render([panel()], width=60, coloured=False)
    lines = text.splitlines()
    assert all(len(line) <= 60 for line in lines) and "\x1b" not in text
    assert lines[0] == "sales  dotted: 95 %" and lines[-1].split() == ["2024-00", "2024-49"]
    assert sum(0x2800 < ord(char) <= 0x28FF for char in text) > 50
    assert "\x1b[1;34m" in plot_terminal.render([panel()], width=60, coloured=True)


def test_pictures_by_their_endings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for name, begin in (("p.png", b"\x89PNG"), ("p.svg", b"<svg"), ("p.HTML", b"<!doctype")):
        plot(str(tmp_path / name), [panel()])
        assert (tmp_path / name).read_bytes().startswith(begin)
    plot("term", [panel()])
    assert "sales" in capsys.readouterr().err


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_round_and_inside(low: float, size: float) -> None:
    marks = ticks(low, low + size)
    assert len(marks) <= 6 and all(low - size * 1e-6 <= mark <= low + size * (1 + 1e-6) for mark in marks)


def test_numbers_of_ticks_are_as_long_as_they_must_be() -> None:
    assert [tick_text(value, 0.5) for value in (0, 0.5, 1)] == ["0.0", "0.5", "1.0"]
    assert [tick_text(value, 5e-7) for value in (0, 5e-7)] == ["0", "5e-07"]
    assert tick_text(20_000, 10_000) == "20,000" and tick_text(3e9, 1e9) == "3e+09"
    assert places(3) == [0, 1, 2] and places(1) == [0] and places(100, 3) == [0, 50, 99]


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_flat_and_empty_series_can_be_drawn(value: float) -> None:
    flat = Panel("flat", ["1", "2", "3"], np.array([value, np.nan]), np.array([value]), [])
    low, high = flat.limits()
    assert low < value < high
    ElementTree.fromstring(plot_svg.render([flat]))
    nothing = Panel("none", ["1", "2"], np.array([np.nan]), np.array([np.nan]), [])
    assert "none" in plot_terminal.render([nothing], width=50)


def test_panels_come_from_forecast_and_history(tmp_path: Path) -> None:
    store = from_arrays([np.arange(100.0), np.arange(5.0)], tmp_path, frequency="D", names=["a", "b"])
    mean = np.ones((2, 4, 1))
    quantiles = np.stack([mean - 1, mean, mean + 1], axis=-1)
    told = Forecasts(
        ["a", "b"], np.array([100, 5]), mean, quantiles, (0.1, 0.5, 0.9), ("y",), Frequency.parse("D")
    )
    first, second = (collect(told, index, store, [80])[0] for index in (0, 1))
    assert first.history.tolist() == list(range(76, 100)) and first.steps == 28
    assert second.history.tolist() == [0, 1, 2, 3, 4] and second.stamps[-1] == "1970-01-09"
    assert first.bands[0].low.tolist() == [0.0] * 4
