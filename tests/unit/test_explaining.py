"""What explanations of parts of a text look like, and how many a picture holds."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from seqtools.errors import UsageError
from seqtools.explaining import ansi, drawing, html, svg
from seqtools.explaining.drawing import Drawing, check_options
from seqtools.explaining.explanation import Explanation, Piece, check_method, runs
from seqtools.explaining.gradients import integrated

PIECES = (Piece(0, 4, 2.0), Piece(5, 10, 1.0), Piece(11, 17, -1.0), Piece(18, 20, 0.01))
NAMED = Explanation("Jane <Ode> sleeps in", "PER", 0.75, 1.1, PIECES, about=(0, 10))


def test_what_got_the_label_is_marked() -> None:
    assert NAMED.subject == "Jane <Ode>"
    assert [(part.text, part.about) for part in NAMED.stretches()][:5] == [
        ("Jane", True), (" ", True), ("<Ode>", True), (" ", False), ("sleeps", False),
    ]  # fmt: skip
    line = ansi.coloured(NAMED, 256)
    assert line.startswith("\033[4m\033[48;5;75m\033[38;5;16mJane\033[0m\033[4m \033[0m\033[4m")
    assert line.endswith("sleeps\033[0m in") and line.count("\033[4m") == 3
    assert ansi.numbered(NAMED) == "Jane(+2.00) <Ode>(+1.00) sleeps(-1.00) in(+0.01)"


def test_pictures_name_it_and_underline_it() -> None:
    page = html.render([NAMED]).decode()
    assert "<h2><u>Jane &lt;Ode&gt;</u>: PER <span>0.7500" in page
    assert '"><u>Jane</u></mark><u> </u><mark' in page and "are underlined" in page
    tree = ElementTree.fromstring(svg.render([NAMED]))
    assert "Jane <Ode>: PER  0.7500" in [one.text for one in tree.iter()]
    lines = [one for one in tree.iter() if one.get("height") == "2"]
    assert [line.get("width") for line in lines] == ["36.0", "45.0"]
    assert "underlined" not in svg.render([Explanation("a", "b", 0.5, 0, ())]).decode()


def test_json_says_what_it_is_about() -> None:
    told = NAMED.as_json()
    assert list(told) == ["label", "text", "start", "end", "probability", "method", "log_odds", "words"]
    assert (told["text"], told["start"], told["end"]) == ("Jane <Ode>", 0, 10)
    whole = Explanation("a b", "x", 0.5, 0.1234567, (Piece(0, 1, 0.7654321),)).as_json()
    assert whole == {
        "label": "x",
        "method": "occlusion",
        "log_odds": 0.123457,
        "words": [{"text": "a", "start": 0, "end": 1, "effect": 0.765432}],
    }


def test_many_words_are_weighed_in_runs() -> None:
    words = [(2 * place, 2 * place + 1) for place in range(7)]
    assert runs(words, 7) == words
    assert runs(words, 3) == [(0, 5), (6, 11), (12, 13)]
    assert runs([], 3) == []


def test_effects_sum_to_what_is_integrated() -> None:
    owners = np.array([0, 0, 1, 2])
    factors = np.array([[1.0, 2.0], [0.5, 0.0], [-3.0, 1.0], [0.0, 0.0]])
    effects = integrated(lambda rows: (rows.astype(np.float64) @ factors) ** 2, owners, 3)
    assert effects.sum(axis=0) == pytest.approx(factors.sum(axis=0) ** 2, abs=0.02)
    assert effects[2] == pytest.approx([0, 0])
    assert integrated(lambda rows: rows.sum(axis=1), owners[:0], 2).tolist() == [0, 0]


def test_a_picture_holds_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "MOST_DRAWN", 3)
    picture = Drawing(str(tmp_path / "Why.HTML"))
    picture.add(NAMED, NAMED)
    picture.write("label")
    assert capsys.readouterr().err == ""
    picture.add(NAMED, NAMED)
    picture.write("label")
    assert (tmp_path / "Why.HTML").read_text().count("<article>") == 3
    assert "shows the first 3 of 4 labels" in capsys.readouterr().err


def test_what_cannot_be_explained(tmp_path: Path) -> None:
    check_options(str(tmp_path / "a.svg"), "gradients", explains=True)
    for target, method, explains, says in (
        ("a.png", None, True, "html or .svg"),
        ("nowhere/a.svg", None, True, "Make it first"),
        (None, "gradients", False, "Add --explain"),
    ):
        with pytest.raises(UsageError, match=says):
            check_options(target, method, explains=explains)
    with pytest.raises(UsageError, match="occlusion, gradients"):
        check_method("guessing")
