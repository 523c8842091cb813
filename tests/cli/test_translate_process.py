"""`seqtools translate` in a process of its own: pipes, Ctrl-C, locales, what is imported."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import seqtools

unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_translator.py")))
QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}
LINES = [source for source, _ in tiny.SENTENCES]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "m.onnx"
    tiny.write(path)
    return path


@pytest.fixture(scope="module")
def wanted(model: Path) -> dict[str, str]:
    """What each line becomes, beam 1."""
    found = seqtools.load(model).translate_batch(LINES, beam_size=1)
    return {line: one.text for line, one in zip(LINES, found, strict=True)}


def started(model: Path, *arguments: str, command: str = "translate") -> subprocess.Popen[bytes]:
    words = [sys.executable, "-P", "-m", "seqtools", command, "-m", str(model), *arguments]
    # Unbuffered: `communicate` would lose what a buffer has read ahead.
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=QUIET,
        bufsize=0,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_streaming_answers_each_line_and_ctrl_c_ends_it(model: Path, wanted: dict[str, str]) -> None:
    with started(model, "--stream", "-b", "1") as process:
        assert process.stdin is not None and process.stdout is not None
        for line in [*LINES[:3], "", LINES[3]]:
            process.stdin.write(f"{line}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                answer += process.stdout.read(100)
            assert answer.decode() == (wanted[line] if line else "") + "\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, b"", b"Interrupted.")


def test_ctrl_c_in_the_middle_leaves_whole_lines_in_order(
    model: Path, wanted: dict[str, str], tmp_path: Path
) -> None:
    many = LINES * 2000
    (tmp_path / "in").write_text("\n".join(many))
    with started(model, "-i", str(tmp_path / "in"), "-b", "1") as process:
        assert process.stdout is not None
        begun = process.stdout.read(10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, b"Interrupted.")
    told = (begun + out).decode()
    assert told.endswith("\n") and 0 < told.count("\n") < len(many)
    assert told == "".join(f"{wanted[line]}\n" for line in many[: told.count("\n")])


@pytest.mark.parametrize("command", ["translate", "score"])
def test_a_closed_pipe_ends_it_cleanly(model: Path, tmp_path: Path, command: str) -> None:
    pair = [f"{source}\t{target}" for source, target in tiny.SENTENCES]
    (tmp_path / "in").write_text("\n".join((LINES if command == "translate" else pair) * 2000))
    arguments = ("-i", str(tmp_path / "in"), "-b", "1") if command == "translate" else (str(tmp_path / "in"),)
    with started(model, *arguments, command=command) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


def test_a_terminal_sees_the_beginning_before_the_end(model: Path, wanted: dict[str, str]) -> None:
    leader, follower = os.openpty()
    words = [sys.executable, "-P", "-m", "seqtools", "translate", "-m", str(model), "--stream", "-b", "1"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=follower, stderr=subprocess.PIPE, env=QUIET, bufsize=0
    ) as process:
        os.close(follower)
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(f"{LINES[0]}\n\n{LINES[1]}\n".encode())
        process.stdin.close()
        shown = b""
        while piece := read_terminal(leader):
            shown += piece
        assert process.stderr.read() == b""
    os.close(leader)
    told = shown.decode().replace("\r\n", "\n")
    assert told == f"{wanted[LINES[0]]}\n\n{wanted[LINES[1]]}\n"


def read_terminal(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # Linux's way of saying that the other side is closed
        return b""


def test_output_is_utf8_in_any_locale(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "seqtools", "translate", "-m", str(model), "five", "--prefix", "fünf"],
        capture_output=True,
        env={**QUIET, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0 and done.stdout.decode().startswith("fünf")


def test_translating_never_loads_torch(model: Path) -> None:
    script = (
        "import sys\n"
        "from seqtools.cli import root\n"
        f"try: root(['translate', '-m', {str(model)!r}, 'one two', '--n-best', '2', '--patience', '1'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*(name.partition('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "onnx", "spox", "safetensors", "rich", "matplotlib", "sacrebleu"}
