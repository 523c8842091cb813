"""Our own reading of entry points agrees with the standard library's."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from seqtools.discovery import EntryPoint, entry_points


@pytest.mark.parametrize("group", ["seqtools", "console_scripts", "pytest11"])
def test_agrees_with_importlib_metadata(group: str) -> None:
    ours = {(entry.name, entry.target) for entry in entry_points(group)}
    theirs = {
        (entry.name, entry.value.partition("[")[0].replace(" ", ""))
        for entry in metadata.entry_points(group=group)
    }
    assert ours == theirs
    assert ours


def test_reads_names_versions_and_odd_lines(tmp_path: Path) -> None:
    for folder, text in {
        "Two_Words-1.5.dist-info": "# note\n[other]\nx = y\n[seqtools]\nb = mod.b : Attr [extra]\n; a = no\n",
        "plain.egg-info": "[seqtools]\na = mod.a\n",
        "none-1.dist-info": None,
    }.items():
        (tmp_path / folder).mkdir()
        if text is not None:
            (tmp_path / folder / "entry_points.txt").write_text(text)
    assert entry_points("seqtools", [str(tmp_path), str(tmp_path / "absent")]) == [
        EntryPoint("a", "mod.a", "plain", ""),
        EntryPoint("b", "mod.b:Attr", "two-words", "1.5"),
    ]


def test_the_first_of_two_copies_of_a_distribution_wins(tmp_path: Path) -> None:
    for folder, version in (("near", "2"), ("far", "1")):
        info = tmp_path / folder / f"twin-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text(f"[seqtools]\ntwin = twin_{folder}\n")
    found = entry_points("seqtools", [str(tmp_path / "near"), str(tmp_path / "far")])
    assert found == [EntryPoint("twin", "twin_near", "twin", "2")]
