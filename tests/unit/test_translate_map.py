"""Attention maps: each kind says the right words and weights, whatever the words are."""

from __future__ import annotations

import builtins
import io
import re
import struct
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, MissingDependencyError, UsageError
from seqtools.pictures.wording import columns, label
from seqtools_translate import attention_ansi, attention_html, attention_svg
from seqtools_translate.attention_map import checked, write

SOURCE = ["The", "<b>red</b>", "house", "&", "日本語"]
TARGET = ["Das", "rote", '"Haus"', "$x^2$"]
MATRIX = np.array(
    [[0.9, 0.1, 0, 0, 0], [0.02, 0.98, 0, 0, 0], [0, 0.2, 0.7, 0.1, 0], [0, 0, 0, 0.5, 0.5]], np.float32
)
SVG = "{http://www.w3.org/2000/svg}"
words = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6)


def cells(tree: ElementTree.Element) -> list[tuple[str, str]]:
    """Tooltip and colour of each cell, in order."""
    found = []
    for group in tree.iter(f"{SVG}g"):
        told, square = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert told is not None and told.text is not None and square is not None
        found.append((told.text, square.get("fill", "")))
    return found


def brightness(colour: str) -> int:
    return sum(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def test_svg_is_xml_with_every_word_and_weight(tmp_path: Path) -> None:
    write(tmp_path / "map.svg", SOURCE, TARGET, MATRIX)
    tree = ElementTree.fromstring((tmp_path / "map.svg").read_bytes())
    shown = [text.text for text in tree.iter(f"{SVG}text")]
    assert shown[: len(SOURCE) + len(TARGET)] == SOURCE + TARGET
    assert {"90", "98", "70", "20", "50"} <= set(shown) and "2" not in shown
    told = cells(tree)
    assert told[0][0] == "Das ← The: 0.900" and told[6][0] == "rote ← <b>red</b>: 0.980"
    by_weight = sorted(zip(MATRIX.ravel(), (colour for _, colour in told), strict=True))
    tones = [brightness(colour) for _, colour in by_weight]
    assert tones == sorted(tones, reverse=True) and tones[0] > 2 * tones[-1]
    assert list(tmp_path.iterdir()) == [tmp_path / "map.svg"]


def test_nothing_of_an_svg_lies_outside_it() -> None:
    for source, target in ((["Hi"], ["Hallo"]), (["x" * 60] * 3, ["y" * 60]), (["w"] * 80, ["v"] * 70)):
        matrix = np.full((len(target), len(source)), 1 / len(source))
        tree = ElementTree.fromstring(attention_svg.render(source, target, matrix))
        width, height = float(tree.get("width", "")), float(tree.get("height", ""))
        for square in tree.iter(f"{SVG}rect"):
            if square.get("x"):
                x, y = (float(square.get(name, "")) for name in ("x", "y"))
                assert x >= 0 and x + float(square.get("width", "")) <= width
                assert y >= 0 and y + float(square.get("height", "")) <= height


@given(words, words)
@settings(max_examples=80, deadline=None)
def test_any_words_make_valid_files(source: list[str], target: list[str]) -> None:
    matrix = np.full((len(target), len(source)), 1 / len(source))
    ElementTree.fromstring(attention_svg.render(source, target, matrix))
    page = attention_html.render(source, target, matrix).decode()
    HTMLParser().feed(page)
    assert page.count("<svg") == 1 and page.endswith("</html>\n")
    text = attention_ansi.render(source, target, matrix, width=60)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text)


def test_html_loads_nothing_and_escapes(tmp_path: Path) -> None:
    write(tmp_path / "map.html", SOURCE, TARGET, MATRIX)
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "<b>red" not in page and "&lt;b&gt;red" in page
    links = set(re.findall(r"https?://[^\"' ]+", page))
    assert links == {"http://www.w3.org/2000/svg"} and "<script" not in page


def test_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    write(tmp_path / "map.PNG", ["The", "$x^2$"], ["Das", "_y_"], np.eye(2, dtype=np.float32))
    data = (tmp_path / "map.PNG").read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG") and width > 100 and height > 100
    assert capsys.readouterr().err == ""
    write(tmp_path / "odd.png", ["\U000e0041\u1bc00\ue123"], ["a"], np.ones((1, 1)))
    assert "No font here has all characters" in capsys.readouterr().err


def test_png_without_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"matplotlib.*seqtools-suite\[plot\]"):
        write(tmp_path / "map.png", SOURCE, TARGET, MATRIX)


def test_numbers_in_a_terminal_without_colours() -> None:
    text = attention_ansi.render(SOURCE, TARGET, MATRIX.astype(float), colours=0, width=80)
    assert text.splitlines() == [
        "1 The  2 <b>red</b>  3 house  4 &  5 日本語",
        "",
        "          1   2   3   4   5",
        "   Das   90  10   .   .   .  The",
        "  rote    .  98   .   .   .  <b>red</b>",
        '"Haus"    .  20  70  10   .  house',
        " $x^2$    .   .   .  50  50  &",
    ]


def test_a_look_at_the_end_is_called_so() -> None:
    faint = np.array([[0.1, 0.2], [0.0, 1.0]])
    text = attention_ansi.render(["a", "b"], ["x", "y"], faint)
    assert text.splitlines()[-2:] == ["x   10  20  (end)", "y    . 100  b"]


def test_more_words_than_fit_go_below_each_other() -> None:
    source = [f"w{number}" for number in range(40)]
    text = attention_ansi.render(source, ["x"], np.full((1, 40), 1 / 40), width=40)
    assert max(map(columns, text.splitlines())) <= 40
    numbers = [
        int(found) for line in text.splitlines() if re.fullmatch(r"[ \d]+", line) for found in line.split()
    ]
    assert numbers == list(range(1, 41))


@pytest.mark.parametrize(("colours", "code"), [(256, "\033[48;5;"), (1 << 24, "\033[48;2;")])
def test_colours_grow_darker(colours: int, code: str) -> None:
    text = attention_ansi.render(["a", "b"], ["x"], np.array([[0.1, 0.9]]), colours=colours)
    assert text.count(code) == 2 and text.count("\033[0m") == 2
    if colours > 256:
        light, dark = (sum(map(int, found)) for found in re.findall(r"48;2;(\d+);(\d+);(\d+)", text))
        assert light > 1.5 * dark


class Screen(io.StringIO):
    """A stderr that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"TERM": "xterm"}, "\033[48;5;"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "\033[48;2;"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, " 90"),
        ({"TERM": "dumb"}, " 90"),
    ],
)
def test_the_terminal_gets_what_it_can_show(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], expected: str
) -> None:
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    write("ansi", SOURCE, TARGET, MATRIX)
    assert expected in screen.getvalue() and ("\033" in screen.getvalue()) == expected.startswith("\033")


def test_a_pipe_gets_numbers_and_stdout_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write("ansi", SOURCE, TARGET, MATRIX)
    said = capsys.readouterr()
    assert said.out == "" and " 90  10" in said.err and "\033" not in said.err


@pytest.mark.parametrize(
    ("target", "source", "translation", "matrix", "problem"),
    [
        ("map.gif", SOURCE, TARGET, MATRIX, "no kind of map"),
        ("no/map.svg", SOURCE, TARGET, MATRIX, "its folder does not exist"),
        ("map", SOURCE, TARGET, MATRIX, "no kind of map"),
        ("map.svg", [], TARGET, np.zeros((4, 0)), "no words"),
        ("map.svg", SOURCE, TARGET, MATRIX.T, r"\(5, 4\), not \(4, 5\)"),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, target: str, source: Sequence[str], translation: Sequence[str], matrix: Any, problem: str
) -> None:
    with pytest.raises((UsageError, DataError), match=problem):
        write(tmp_path / target, source, translation, matrix)
    assert not list(tmp_path.iterdir())


def test_weights_and_labels_are_made_safe() -> None:
    assert checked(["a", "b"], ["x"], np.array([[np.nan, 7.0]])).tolist() == [[0, 1]]
    assert label("a\x1b[31mb\n") == "a\ufffd[31mb\ufffd" and label("\ud800") == "\ufffd"
    assert label("x" * 30) == "x" * 23 + "…" and columns(label("語" * 30)) <= 24
    assert columns("e\u0301a語") == 4
