"""Saved states: exact, small, tied to their model, refused when they make no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqtools.errors import DataError, ModelFileError, SeqtoolsError
from seqtools_generate import saved_state
from seqtools_generate.saved_state import SavedState

STATE = SavedState(
    np.array([3.0, -1e-30, 0.1], np.float32), 7, 2**64 - 1, 3, (1, 2, 4), held="RÖ", ended=True
)


def read(path: Path, model: str = "abc") -> SavedState:
    return saved_state.read(path, model, width=3, vocab=5)


def test_it_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "state"
    saved_state.write(path, STATE, "abc")
    back = read(path)
    assert back.state.tobytes() == STATE.state.tobytes()
    assert replace(back, state=STATE.state) == replace(STATE, state=STATE.state)
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
    assert path.stat().st_size < 400


def test_another_model_is_refused(tmp_path: Path) -> None:
    saved_state.write(tmp_path / "state", STATE, "abc")
    with pytest.raises(ModelFileError, match="another model"):
        read(tmp_path / "state", "abd")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"position": -1},
        {"position": "7"},
        {"seed": 2**64},
        {"sample": True},
        {"recent": [1, 5]},
        {"recent": [1.5]},
        {"recent": 3},
        {"state": "AAAA"},
        {"state": "no base64!"},
        {"state": None},
        {"state": "AADAfwAAAAAAAAAA"},  # a NaN
    ],
    ids=str,
)
def test_damage_is_told(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "state"
    saved_state.write(path, STATE, "abc")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match="no saved state, or it is damaged"):
        read(path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000], ids=range(5))
def test_no_state_at_all(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "state").write_bytes(data)
    with pytest.raises(DataError, match="no saved state"):
        read(tmp_path / "state")


def test_other_reasons(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)
    saved_state.write(tmp_path / "state", STATE, "abc")
    newer = {**json.loads((tmp_path / "state").read_text()), "format": 2}
    (tmp_path / "state").write_text(json.dumps(newer))
    with pytest.raises(SeqtoolsError, match="newer"):
        read(tmp_path / "state")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with pytest.raises(OSError, match="state"):
        saved_state.write(tmp_path / "state", STATE, "abc")
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
