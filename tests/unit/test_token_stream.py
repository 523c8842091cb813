"""Token streams on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from seqtools import loader
from seqtools.errors import DataError
from seqtools.training.chunks import Chunks
from seqtools.training.token_stream import narrowest, open_stream, stream_info, write_stream


@pytest.mark.parametrize(
    ("vocab", "dtype"), [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "int32")]
)
def test_the_narrowest_type_that_holds_every_id(vocab: int, dtype: str) -> None:
    assert narrowest(vocab) == np.dtype(dtype)


def test_a_running_text_comes_back(tmp_path: Path) -> None:
    tokenizer = loader.tokenizer_class("char").train(["hello wörld\n"])
    info = write_stream(tmp_path / "s.bin", ["hello ", "wörld\n", ""], tokenizer)
    stream = open_stream(tmp_path / "s.bin")
    assert isinstance(stream, np.memmap)
    assert tokenizer.decode(stream) == "hello wörld\n"
    assert (info.tokens, info.characters, info.words, info.dtype) == (12, 12, 3, stream.dtype.name)
    assert stream_info(tmp_path / "s.bin") == info
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.bin", "s.json"]
    with pytest.raises(ValueError, match="read-only"):
        stream[0] = 1


def test_lines_stand_between_start_and_end(tmp_path: Path) -> None:
    tokenizer = loader.tokenizer_class("char").train(["Ada\nJo\n"])
    info = write_stream(tmp_path / "s.bin", ["Ada", "Jo"], tokenizer, per_line=True)
    ids = open_stream(tmp_path / "s.bin").tolist()
    bos, eos = tokenizer.bos, tokenizer.eos
    assert ids == [bos, *tokenizer.encode("Ada"), eos, bos, *tokenizer.encode("Jo"), eos]
    assert (info.characters, info.words) == (len("Ada\nJo\n"), 4)


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    tokenizer = loader.tokenizer_class("byte").train([])

    def texts() -> object:
        yield "some"
        raise DataError("text", "broken")

    with pytest.raises(DataError, match="broken"):
        write_stream(tmp_path / "s.bin", texts(), tokenizer)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["short", "no description", "no JSON", "other keys"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    path, told = tmp_path / "s.bin", tmp_path / "s.json"
    write_stream(path, ["some text"], loader.tokenizer_class("byte").train([]))
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "no description":
        told.unlink()
    else:
        told.write_text("{" if damage == "no JSON" else json.dumps({"tokens": 3}))
    with pytest.raises(DataError, match="the token stream is damaged"):
        open_stream(path)


def test_an_empty_stream_is_one(tmp_path: Path) -> None:
    write_stream(tmp_path / "s.bin", [], loader.tokenizer_class("byte").train([]))
    assert len(open_stream(tmp_path / "s.bin")) == 0


STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.is_file(), reason="memory of mapped files is read from Linux's /proc")
def test_a_pass_over_a_large_stream_does_not_fill_the_memory(tmp_path: Path) -> None:
    size = 80_000_000
    with (tmp_path / "s.bin").open("wb") as file:
        file.truncate(size)
    told = {"dtype": "uint8", "tokens": size, "characters": size, "words": 1, "sha256": ""}
    (tmp_path / "s.json").write_text(json.dumps(told))

    def mapped() -> float:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssFile"))
        return int(line.split()[1]) / 1024

    chunks, before = Chunks(open_stream(tmp_path / "s.bin"), 64, chunk=4096), mapped()
    for _ in range(chunks.chunks_per_epoch):
        chunks.next()
    assert mapped() - before < 40  # MB
