"""`seqtools generate` as a person meets it."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

import seqtools

Cli = Callable[..., Result]
here = Path(__file__).resolve().parents[1] / "unit" / "tiny_file.py"
tiny: Any = SimpleNamespace(**runpy.run_path(str(here)))
KEYS = ["text", "prompt", "tokens", "logprobs", "seed", "sample", "stop_reason"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "m.onnx", layers=2)
    return path


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "names.onnx"
    made: Path = tiny.write_tiny(path, per_line=True, eos_bias=7.0)
    return made


@pytest.fixture
def write(run_cli: Cli, model: Path) -> Cli:
    """`write("ROME", "-n", 5)`: generate with the tiny model, nothing piped in."""

    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("generate", "-m", model, *arguments, **more)

    return run


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def expected(model: Path, prompt: str, **settings: Any) -> str:
    text: str = seqtools.load(model).generate(prompt, **settings)[0].text
    return text


def test_stdout_is_prompt_and_text_and_nothing_else(write: Cli, model: Path) -> None:
    result = write("ROME", "-n", 40, "-s", 3)
    assert ok(result) == "ROME" + expected(model, "ROME", seed=3, max_tokens=40)
    assert result.stderr == ""
    assert ok(write("ROME", "-n", 40, "-s", 3, "--no-display-prompt")) == result.stdout[4:]


def test_a_random_seed_is_told_and_can_be_used_again(write: Cli) -> None:
    for asked in ((), ("--seed", -1)):
        first = write("a", "-n", 30, *asked)
        assert first.stderr.startswith("seed: ") and first.stderr.count("\n") == 1
        assert ok(write("a", "-n", 30, "--seed", first.stderr.split()[1])) == ok(first)
    assert write("a", "-n", 5, "--temp", 0).stderr == ""  # nothing is random


def test_json_has_exactly_these_keys_one_line_a_sample(write: Cli) -> None:
    out = ok(write("MÄ", "-n", 12, "-N", 3, "-s", 1, "--json"))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["sample"] for line in lines] == [0, 1, 2]
    assert {(line["seed"], line["prompt"], line["stop_reason"]) for line in lines} == {(1, "MÄ", "length")}
    assert all(len(line["tokens"]) == len(line["logprobs"]) == 12 for line in lines)
    assert lines[0]["text"] == ok(write("MÄ", "-n", 12, "-s", 1))[2:]


def test_prompts_from_everywhere(write: Cli, tmp_path: Path) -> None:
    asked = ("-n", 20, "-s", 1)
    typed = ok(write("JOE\n", *asked))
    (tmp_path / "prompt.txt").write_text("JOE\n")
    assert ok(write("-f", tmp_path / "prompt.txt", *asked)) == typed
    for arguments in ((), ("-",), ("-f", "-")):
        assert ok(write(*arguments, *asked, input="JOE\n")) == typed
    assert ok(write(*asked, input="")) == ok(write("", *asked))


def test_all_aliases_mean_the_same(write: Cli) -> None:
    long = (
        "--max-tokens",
        25,
        "--temperature",
        0.9,
        "--repetition-penalty",
        1.2,
        "--seed",
        2,
        "--num-samples",
        2,
    )
    short = ("--max-new-tokens", 25, "--temp", 0.9, "--repeat-penalty", 1.2, "-s", 2, "-N", 2, "-t", 1)
    assert ok(write("a", *long)) == ok(write("a", *short))


def test_samples_stand_apart(write: Cli, run_cli: Cli, names: Path) -> None:
    parts = ok(write("a", "-n", 20, "-N", 3, "-s", 1)).split("---\n")
    assert len(parts) == 3 and all(part.startswith("a") and part.endswith("\n") for part in parts)
    lines = ok(run_cli("generate", "-m", names, "", "-N", 5, "-n", -1, "-s", 1)).splitlines()
    assert len(lines) == 5


def test_best_of(write: Cli) -> None:
    every = [json.loads(line) for line in ok(write("a", "-n", 9, "-N", 5, "-s", 1, "--json")).splitlines()]
    best = json.loads(ok(write("a", "-n", 9, "--best-of", 5, "-s", 1, "--json")))
    assert best["text"] == max(every, key=lambda line: sum(line["logprobs"]))["text"]


def test_stops_and_bias(write: Cli, model: Path) -> None:
    free = expected(model, "a", seed=1, max_tokens=60)
    stop = free[30:33]
    assert ok(write("a", "-n", 60, "-s", 1, "--stop", "never", "-r", stop)) == "a" + free[: free.index(stop)]
    assert "e" not in ok(write("a", "-n", 200, "-s", 1, "--logit-bias", "e=-inf"))
    token = tiny.CHAR.encode("e")[0]
    assert "e" not in ok(write("a", "-n", 200, "-s", 1, "--logit-bias", f"#{token}=-inf"))


def test_a_saved_state_goes_on_as_if_never_interrupted(write: Cli, tmp_path: Path) -> None:
    whole = ok(write("ROME", "-n", 90, "-s", 5, "--repeat-penalty", 1.2))
    state, text = tmp_path / "state", ""
    text = ok(write("ROME", "-n", 30, "-s", 5, "--repeat-penalty", 1.2, "--save-state", state))
    for _ in range(2):
        more = ("--load-state", state, "--save-state", state)
        text += ok(write("-n", 30, "--repeat-penalty", 1.2, *more))
    assert text == whole
    prompted = write("JOE", "-n", 5, "--load-state", state)
    assert ok(prompted).startswith("JOE") and prompted.stderr == ""


def test_a_state_of_another_model(run_cli: Cli, write: Cli, names: Path, tmp_path: Path) -> None:
    ok(write("a", "-n", 3, "-s", 1, "--save-state", tmp_path / "state"))
    result = run_cli("generate", "-m", names, "-n", 3, "--load-state", tmp_path / "state")
    assert result.exit_code == 3 and "another model" in result.stderr
    result = write("--load-state", tmp_path / "none", "-n", 1)
    assert result.exit_code == 1 and "no such file" in result.stderr


def test_unknown_words_are_told(run_cli: Cli, tmp_path: Path) -> None:
    words = tiny.write_tiny(tmp_path / "words.onnx", tiny.WORD)
    some = run_cli("generate", "-m", words, "the queen", "-n", 3, "-s", 1)
    assert ok(some) and "1 of 2 tokens of the prompt are unknown" in some.stderr
    every = run_cli("generate", "-m", words, "zyx", "-n", 3, "-s", 1)
    assert ok(every) and "the whole prompt is unknown" in every.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--temperature", -1), "temperature: -1.0 is out of range. Use 0 (greedy) to 1000000."),
        (("--temperature", "nan"), "temperature"),
        (("--top-p", 0), "top-p"),
        (("--top-p", 1.5), "top-p"),
        (("--top-k", -1), "top-k"),
        (("--min-p", 2), "min-p"),
        (("--typical", 0), "typical"),
        (("--repeat-penalty", 0), "repetition-penalty"),
        (("-n", -2), "max-tokens"),
        (("-n", -1, "--json"), "no end"),
        (("-n", -1, "-N", 2), "no end"),
        (("-N", 0), "num-samples"),
        (("-N", 3, "--best-of", 2), "best-of"),
        (("--seed", -2), "seed"),
        (("--seed", 2**64), "seed"),
        (("--stop", ""), "stop"),
        (("--logit-bias", "e"), "not TOKEN=BIAS"),
        (("--logit-bias", "e=x"), "not TOKEN=BIAS"),
        (("--logit-bias", "xyz=1"), "3 tokens"),
        (("--logit-bias", "#9999=1"), "no token 9999"),
        (("-f", "x.txt"), "both given"),
        (("-N", 2, "--save-state", "x"), "--save-state"),
        (("-t", -1), "threads"),
        (("--deadline", 0), "deadline"),
    ],
    ids=str,
)
def test_bad_options_end_with_2_and_one_line(write: Cli, arguments: tuple[object, ...], told: str) -> None:
    result = write("prompt", *arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert told in result.stderr and result.stderr.strip().count("\n") == 0


def test_bad_prompt_files(write: Cli, tmp_path: Path) -> None:
    for data, told in ((b"", "empty"), (b"ab\0c", "binary"), (b"abc\xffd", "offset 3")):
        (tmp_path / "p.txt").write_bytes(data)
        result = write("-f", tmp_path / "p.txt")
        assert result.exit_code == 1 and told in result.stderr and result.stderr.count("\n") == 1
    assert write("-f", tmp_path / "none").exit_code == 1
    result = write("-", input=b"ab\xe4")
    assert result.exit_code == 1 and "stdin" in result.stderr and "offset 2" in result.stderr


def test_bad_models(run_cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(model.read_bytes()[:3000])
    (tmp_path / "not.onnx").write_bytes(b"no model")
    for name in ("cut.onnx", "not.onnx", "none.onnx"):
        result = run_cli("generate", "-m", tmp_path / name, "a")
        assert result.exit_code == 3 and result.stderr.count("\n") == 1 and name in result.stderr


def test_cuda_that_is_not_there(write: Cli) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    result = write("a", "--device", "cuda")
    assert result.exit_code == 1 and "CUDA" in result.stderr and "--device cpu" in result.stderr
    assert ok(write("a", "-n", 2, "-s", 1, "--device", "auto"))


def test_help_tells_every_default(run_cli: Cli) -> None:
    told = ok(run_cli("generate", "--help"))
    for name in ("--max-tokens", "--min-p", "--typical", "--best-of", "--save-state", "--no-repeat-ngram"):
        assert name in told
    assert told.count("default") >= 15


def started(model: Path, *arguments: str, stdout: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-P", "-m", "seqtools", "generate", "-m", str(model), *arguments]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    # Unbuffered: `communicate` would lose what a buffer has read ahead.
    return subprocess.Popen(words, stdout=stdout, stderr=subprocess.PIPE, env=quiet, bufsize=0)


def test_a_closed_pipe_ends_it_cleanly(model: Path) -> None:
    with started(model, "a", "-n", "-1", "-s", "1", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(100)
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, b"")


def test_ctrl_c_ends_it_cleanly_and_it_can_go_on(model: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    asked = ("a", "-n", "-1", "-s", "1", "--save-state", str(state))
    with started(model, *asked, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        begun = process.stdout.read(50)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, b"Interrupted.")
    written = (begun + out).decode()
    saved = seqtools.load(model).load_state(state)
    assert written[1:] == expected(model, "a", seed=1, max_tokens=saved.position)


def test_a_terminal_sees_text_as_it_is_written(model: Path) -> None:
    leader, follower = os.openpty()
    with started(model, "a", "-n", "40", "-s", "1", stdout=follower) as process:
        os.close(follower)
        pieces = list(iter(partial(read_terminal, leader), b""))
        assert process.stderr is not None and process.stderr.read() == b""
    os.close(leader)
    shown = b"".join(pieces).decode().replace("\r\n", "\n")
    assert shown.rstrip("\n") == ("a" + expected(model, "a", seed=1, max_tokens=40)).rstrip("\n")
    assert shown.endswith("\n")


def read_terminal(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # Linux's way of saying that the other side is closed
        return b""


def test_output_is_utf8_in_any_locale(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "seqtools", "generate", "-m", str(model), "ß日", "-n", "3", "-s", "1"],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0 and done.stdout.decode().startswith("ß日")
