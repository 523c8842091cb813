"""Writing with real files: one text, however it is asked for."""

from __future__ import annotations

import itertools
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import seqtools
from seqtools.errors import ModelFileError, UsageError
from seqtools_generate.run import Generator

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_file.py"))))
LENGTH = 70
# min-p so small that it drops nothing, but the host has to do the work.
HOST = {"min_p": 1e-30}
Open = Callable[..., Generator]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """`opened(tokenizer, **write_tiny's)`: a model, made once."""
    made: dict[str, Generator] = {}

    def get(tokenizer: Any = tiny.CHAR, **settings: Any) -> Generator:
        key = f"{tokenizer.kind}{sorted(settings.items())}"
        if key not in made:
            path = tmp_path_factory.mktemp("tiny") / "model.onnx"
            made[key] = seqtools.load(tiny.write_tiny(path, tokenizer, **settings))
        return made[key]

    return get


@pytest.mark.parametrize(
    "network",
    [
        {"cell": "rnn_tanh.v1"},
        {"cell": "gru.v1", "layers": 2},
        {"cell": "lstm.v1", "layers": 2, "embedding": 12, "tied": True, "learned_state": True},
    ],
    ids=["rnn", "gru", "lstm"],
)
@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0}, {"temperature": 1.0}, {"temperature": 0.9, "top_k": 7}, {"top_p": 0.8, "top_k": 20}],
    ids=str,
)
def test_graph_and_host_write_the_same(
    opened: Open, network: dict[str, Any], settings: dict[str, Any]
) -> None:
    model = opened(**network)
    asked: dict[str, Any] = {"num_samples": 3, "seed": 5, "max_tokens": LENGTH, **settings}
    graph, host = (model.generate("ROME", **asked, **more) for more in ({}, HOST))
    assert [result.text for result in graph] == [result.text for result in host]
    assert [result.tokens for result in graph] == [result.tokens for result in host]
    for one, other in zip(graph, host, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
        assert (len(one.tokens), one.stop_reason) == (LENGTH, "length")


@pytest.mark.parametrize("more", [{}, HOST, {"repetition_penalty": 1.3, "no_repeat_ngram": 3}], ids=str)
def test_a_text_is_the_same_however_it_is_asked_for(opened: Open, more: dict[str, Any]) -> None:
    model = opened(layers=2)
    asked: dict[str, Any] = {"seed": 11, "max_tokens": LENGTH, **more}
    alone = model.generate("ma", **asked)[0].text
    assert len(set(alone)) > 8
    several = model.generate(["JO", "ma"], num_samples=2, **asked)
    assert several[2].text == alone and (several[2].prompt, several[2].sample) == ("ma", 0)
    assert several[3].text != alone
    for chunk in (1, 5, 64):
        assert "".join(model.stream("ma", chunk=chunk, **asked)) == alone
    for cut in (1, 33):
        first = model.generate("ma", **{**asked, "max_tokens": cut})[0].text
        second = model.generate(state=model.saved(), **{**asked, "max_tokens": LENGTH - cut})
        assert first + second[0].text == alone


@pytest.mark.parametrize("more", [{}, HOST], ids=str)
def test_int8_texts_do_not_depend_on_their_neighbours(opened: Open, more: dict[str, Any]) -> None:
    model = opened(profile="int8", width=32)
    together = model.generate("a", num_samples=3, seed=2, max_tokens=40, **more)
    pieces = list(model.stream("a", seed=2, max_tokens=40, chunk=3, **more))
    assert "".join(pieces) == together[0].text


@pytest.mark.parametrize("form", ["text", "ids"])
def test_bytes_are_never_cut(opened: Open, form: str) -> None:
    """Random bytes: what is printed in pieces is what is printed at once, and half characters wait."""
    model = opened(tiny.BYTE, form=form, width=16)
    whole = model.generate("ä", seed=3, max_tokens=120, temperature=2.0)[0]
    assert "".join(model.stream("ä", seed=3, max_tokens=120, temperature=2.0)) == whole.text
    for cut in range(40, 60):
        first = model.generate("ä", seed=3, max_tokens=cut, temperature=2.0)[0].text
        state = model.saved()
        second = model.generate(state=state, max_tokens=120 - cut, temperature=2.0)[0].text
        assert first + second == whole.text


def test_a_stop_ends_the_text_and_the_state_is_the_one_at_the_stop(opened: Open, tmp_path: Path) -> None:
    model = opened(layers=2)
    free = model.generate("a", seed=1, max_tokens=LENGTH)[0].text
    stop = free[41:44]
    place = free.index(stop)
    for more in ({}, HOST):
        stopped = model.generate("a", seed=1, max_tokens=LENGTH, stop=["never", stop], **more)[0]
        assert (stopped.text, stopped.stop_reason) == (free[:place], "stop")
        assert model.tokenizer.decode(stopped.tokens) == free[: place + 3]
        model.save_state(tmp_path / "here", model.saved())
        after = model.load_state(tmp_path / "here")
        assert after.position == place + 3
        rest = model.generate(state=after, max_tokens=LENGTH - place - 3, **more)[0].text
        assert free == free[:place] + stop + rest
    assert "".join(model.stream("a", seed=1, stop=stop, max_tokens=-1)) == free[:place]
    assert model.stop_reason == "stop"


def test_what_may_be_a_stop_waits_if_asked(opened: Open) -> None:
    model = opened(layers=2)
    free = model.generate("a", seed=1, max_tokens=LENGTH)[0].text
    stop = free[41:44]
    place = free.index(stop)
    first = model.generate("a", seed=1, max_tokens=place + 2, stop=stop, hold=True)[0]
    assert (first.text, model.saved().held) == (free[:place], stop[:2])
    second = model.generate(state=model.saved(), max_tokens=20, stop=stop)[0]
    assert (second.text, second.stop_reason, len(second.tokens)) == ("", "stop", 1)
    model.generate("a", seed=1, max_tokens=place + 2, stop=stop, hold=True)
    other = model.generate(state=model.saved(), max_tokens=5)[0]
    assert first.text + other.text == free[: place + 7]


def test_models_of_lines_end_by_themselves(opened: Open) -> None:
    model = opened(per_line=True, eos_bias=8.0)
    assert model.per_line
    names = model.generate("", num_samples=20, seed=4, max_tokens=-1)
    assert {name.stop_reason for name in names} == {"end"}
    assert all(name.tokens[-1] == model.tokenizer.eos for name in names)
    assert [model.tokenizer.decode(name.tokens) for name in names] == [name.text for name in names]
    ended = model.saved()
    assert ended.ended and model.generate(state=ended, seed=1)[0].tokens == []
    longer = model.generate("", seed=4, max_tokens=80, ignore_eos=True)[0]
    assert longer.stop_reason == "length" and longer.text.startswith(names[0].text)
    # The start token comes first, with a prompt too.
    ids = np.array([[model.tokenizer.bos, *model.encode("jo")]])
    told, _ = model.score_batch(ids)
    assert model.score("jo").logprobs == pytest.approx(told[0, 1:].tolist(), abs=1e-6)


def test_an_empty_prompt_is_a_new_line(opened: Open) -> None:
    model = opened(layers=2)
    empty, line = (model.generate(prompt, seed=9, max_tokens=20)[0].text for prompt in ("", "\n"))
    assert empty == line
    fresh = np.exp(model.next_log_probs(""))
    assert fresh.shape == (model.tokenizer.vocab_size,) and fresh.sum() == pytest.approx(1, abs=1e-5)


def test_words_the_model_lacks(opened: Open) -> None:
    model = opened(tiny.WORD)
    assert model.unknowns("the queen is dead") == 1
    assert model.unknowns("zyx") == 1 and len(model.generate("zyx", max_tokens=5)[0].tokens) == 5
    text = model.generate("the king", seed=1, max_tokens=12)[0].text
    assert "".join(model.stream("the king", seed=1, max_tokens=12)) == text
    assert opened().unknowns("日本") == 0  # half characters spell everything
    assert opened().generate("日本", max_tokens=3)[0].prompt == "日本"


def test_scores(opened: Open) -> None:
    model = opened(layers=2)
    text = "the emperor " * 300  # longer than one run reads
    scored = model.score(text)
    assert len(scored.tokens) == len(scored.logprobs) == len(text)
    whole, _ = model.score_batch(np.array([[*model.encode("\n"), *model.encode(text)]]))
    assert scored.logprobs == pytest.approx(whole[0, 1:].tolist(), abs=1e-5)
    assert scored.nats == pytest.approx(-whole[0, 1:].sum(), rel=1e-5)
    assert scored.bits_per_character == pytest.approx(scored.nats / len(text) / math.log(2))
    assert scored.perplexity == pytest.approx(math.exp(scored.nats / len(text)))
    assert model.score("peror", prompt="\nthe em").logprobs == pytest.approx(scored.logprobs[6:11], abs=1e-5)
    nothing = model.score("")
    assert nothing.nats == 0 and math.isnan(nothing.perplexity) and math.isnan(nothing.bits_per_character)


def test_written_log_probabilities_are_the_scores(opened: Open) -> None:
    model = opened(layers=2)
    result = model.generate("ma", seed=1, max_tokens=30, temperature=0.7, top_k=5)[0]
    assert model.score(result.text, prompt="ma").logprobs == pytest.approx(result.logprobs, abs=1e-5)


def test_the_best_of_many(opened: Open) -> None:
    model = opened(layers=2)
    asked: dict[str, Any] = {"seed": 1, "max_tokens": 15}
    every = model.generate("a", num_samples=6, **asked)
    best = model.generate("a", num_samples=2, best_of=6, **asked)
    expected = sorted(every, key=lambda result: -result.mean_logprob)[:2]
    assert [(one.text, one.sample) for one in best] == [(one.text, one.sample) for one in expected]


def test_settings_do_what_they_say(opened: Open) -> None:
    model = opened(layers=2)
    never = model.generate("a", seed=1, max_tokens=200, logit_bias={"e": -math.inf})[0].text
    assert "e" not in never and "e" in model.generate("a", seed=1, max_tokens=200)[0].text
    tokens = model.generate("a", seed=1, max_tokens=200, temperature=0, no_repeat_ngram=2)[0].tokens
    pairs = list(itertools.pairwise(tokens))
    assert len(pairs) == len(set(pairs))
    assert model.generate("a", max_tokens=0)[0].text == ""


def test_temperatures_next_to_zero_are_greedy(opened: Open) -> None:
    model = opened(layers=2)
    greedy = model.generate("a", temperature=0, max_tokens=30)[0].text
    for more in ({}, HOST):
        for cold in (1e-45, 1e-300, 1e-29):
            assert model.generate("a", temperature=cold, max_tokens=30, seed=1, **more)[0].text == greedy
        assert len(model.generate("a", temperature=1e6, max_tokens=30, **more)[0].tokens) == 30


def test_an_endless_text_does_not_grow(opened: Open) -> None:
    import tracemalloc

    model = opened()
    pieces = model.stream("a", seed=1, max_tokens=-1, chunk=256, stop="never seen")
    written = sum(len(next(pieces)) for _ in range(30))  # what is remembered is full now
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    written += sum(len(next(pieces)) for _ in range(100))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert written > 20_000 and grown < 300_000  # ids remembered for the state, not the text


def test_wrong_use_is_told(opened: Open) -> None:
    model = opened(layers=2)
    for wrong, cause in (
        ({"num_samples": 0}, "num-samples"),
        ({"best_of": 1, "num_samples": 2}, "best-of"),
        ({"max_tokens": -1}, "no end"),
        ({"seed": -5}, "seed"),
        ({"temperatur": 1}, "temperatur"),
    ):
        with pytest.raises(UsageError, match=cause):
            model.generate("a", **wrong)
    with pytest.raises(UsageError, match="chunk"):
        model.stream("a", chunk=0)


def test_a_file_without_its_inputs_or_tokenizer(tmp_path: Path, opened: Open) -> None:
    import onnx

    model = onnx.load_from_string(opened(layers=2).file.data)
    kept = [entry for entry in model.metadata_props if entry.key != "seqtools.tokenizer"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="no tokenizer"):
        seqtools.load(tmp_path / "m.onnx")
