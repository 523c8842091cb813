"""`seqtools generate --beam`: the search of whichever plugin offers it, over a language model."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import seqtools
from seqtools import loader
from seqtools.discovery import entry_points
from seqtools.errors import UsageError
from seqtools.registry import Registry

Cli = Callable[..., Result]
here = Path(__file__).resolve().parents[1] / "unit" / "tiny_file.py"
tiny: Any = SimpleNamespace(**runpy.run_path(str(here)))
KEYS = ["text", "prompt", "tokens", "logprobs", "score", "rank", "stop_reason"]


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
    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("generate", "-m", model, *arguments, **more)

    return run


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def test_a_beam_of_one_is_greedy(write: Cli) -> None:
    searched = write("ROME", "-n", 40, "--beam", 1)
    assert ok(searched) == ok(write("ROME", "-n", 40, "--temp", 0))
    assert searched.stderr == ""


def test_a_wider_beam_finds_a_likelier_text(model: Path) -> None:
    generator = seqtools.load(model)
    found = generator.search("ROME", beam_size=8, n_best=8, max_tokens=20)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len({one.text for one in found}) == 8
    assert [one.rank for one in found] == list(range(8))
    assert scores[0] > generator.search("ROME", beam_size=1, max_tokens=20)[0].score
    for one in found:
        told = generator.score(one.text, prompt="ROME")
        np.testing.assert_allclose(told.logprobs, one.logprobs, atol=1e-4)
        assert one.score == pytest.approx(sum(one.logprobs) / 21, rel=1e-5)


def test_prompts_do_not_change_each_other(model: Path) -> None:
    generator = seqtools.load(model)
    settings = {"beam_size": 3, "n_best": 2, "max_tokens": 12}
    both = generator.search(["ROME", "a"], **settings)
    assert [one.tokens for one in both] == [
        one.tokens for prompt in ("ROME", "a") for one in generator.search(prompt, **settings)
    ]
    assert generator.search([]) == []


def test_models_of_lines_end_by_themselves(run_cli: Cli, names: Path) -> None:
    out = ok(run_cli("generate", "-m", names, "", "--beam", 4, "--n-best", 4, "--json"))
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["stop_reason"] for line in lines} == {"end"}
    assert all(len(line["tokens"]) == len(line["logprobs"]) for line in lines)
    eos = seqtools.load(names).tokenizer.eos
    assert all(line["tokens"][-1] == eos for line in lines)
    assert len(ok(run_cli("generate", "-m", names, "", "--beam", 4, "--n-best", 3)).splitlines()) == 3
    endless = run_cli("generate", "-m", names, "", "--beam", 2, "-n", 30, "--ignore-eos", "--json")
    assert json.loads(ok(endless))["stop_reason"] == "length"


def test_json_has_exactly_these_keys(write: Cli) -> None:
    out = ok(write("a", "-n", 9, "--beam", 3, "--n-best", 2, "--alpha", 0.5, "--json"))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 2
    assert [line["rank"] for line in lines] == [0, 1]
    assert lines[0]["score"] == pytest.approx(sum(lines[0]["logprobs"]) / 10**0.5, rel=1e-5)


def test_several_texts_stand_apart(write: Cli) -> None:
    parts = ok(write("a", "-n", 12, "--beam", 4, "--n-best", 3)).split("---\n")
    assert len(parts) == 3 and all(part.startswith("a") for part in parts)
    assert ok(write("a", "-n", 12, "--beam", 4, "--no-display-prompt")) == parts[0][1:].rstrip("\n")


def test_a_saved_state_is_a_place_to_search_from(write: Cli, tmp_path: Path) -> None:
    ok(write("ROME", "-n", 0, "-s", 1, "--save-state", tmp_path / "state"))
    searched = ok(write("-n", 15, "--beam", 3, "--load-state", tmp_path / "state"))
    assert "ROME" + searched == ok(write("ROME", "-n", 15, "--beam", 3))


def test_no_ngram_is_found_twice(model: Path) -> None:
    (one,) = seqtools.load(model).search("a", beam_size=3, max_tokens=60, no_repeat_ngram=2)
    grams = list(zip(one.tokens, one.tokens[1:], strict=False))
    assert len(grams) == len(set(grams))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--beam", 0), "beam-size: 0 is out of range"),
        (("--beam", 2, "--n-best", 3), "n-best"),
        (("--beam", 2, "-n", -1), "no end"),
        (("--n-best", 2), "--n-best is for a beam search. Give --beam N too."),
        (("--alpha", 1), "--alpha is for a beam search"),
        (("--length-penalty", "wu"), "--length-penalty is for a beam search"),
        *(
            (("--beam", 2, f"--{name}", value), f"--{name} is for samples, and --beam draws none.")
            for name, value in (
                ("temperature", 0.8),
                ("top-k", 3),
                ("top-p", 0.9),
                ("min-p", 0.1),
                ("typical", 0.9),
                ("seed", 1),
                ("num-samples", 2),
                ("best-of", 2),
                ("stop", "x"),
                ("logit-bias", "e=1"),
                ("repeat-last-n", 9),
                ("save-state", "x"),
            )
        ),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_one_line(write: Cli, arguments: tuple[object, ...], told: str) -> None:
    result = write("prompt", *arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert told in result.stderr and result.stderr.strip().count("\n") == 0


def test_an_unknown_option_is_told(model: Path) -> None:
    with pytest.raises(UsageError, match="no option 'temperature'"):
        seqtools.load(model).search("a", temperature=1.0)


def test_without_the_plugin_the_decoder_is_missed(write: Cli) -> None:
    with loader.using(Registry(entry_points("seqtools"), disable=["beam"])):
        result = write("a", "--beam", 2)
    assert result.exit_code == 2
    assert "decoder 'beam': no installed plugin offers it" in result.stderr
