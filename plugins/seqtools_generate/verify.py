"""Part of every export: the file against torch, on random and on real tokens."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from seqtools.export.report import Parity
from seqtools.parity import pack

TOLERANCE = {"portable": 1e-5, "int8": 1.0}
"""Largest difference of a log-probability that passes, also of a state in float32. What eight bits may cost
is bounded by the perplexity they lose; here only gross mistakes are caught."""

_ROUNDING = 4.0
"""A network may magnify rounding errors (layer norm in the cell does, untrained). A float32 file may then
differ from torch by this many times what torch in float32 differs from torch in float64."""

_TIME, _STEPS = 48, 32
Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """How tokens are chosen in one run."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0


CHOICES = {"greedy": Choice(), "sampled": Choice(0.8), "truncated": Choice(1.1, 12, 0.9)}


class Runner:
    """A model in memory, run by names with every input filled in."""

    def __init__(self, data: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.enable_cpu_mem_arena = False  # as in `seqtools.runtime.session`
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_inputs()]
        self._width = next(v.shape[1] for v in self._session.get_inputs() if v.name == "state")

    def feeds(
        self,
        tokens: Ids,
        *,
        lengths: Ids | None = None,
        state: Floats | None = None,
        uniforms: Floats | None = None,
        choice: Choice | None = None,
        text: str = "",
    ) -> dict[str, NDArray[Any]]:
        """All inputs for `tokens [batch, time]`; steps are the rows of `uniforms [steps, batch]`."""
        batch, time = tokens.shape
        choice = choice or Choice()
        noise = np.zeros((0, batch), np.float32) if uniforms is None else uniforms
        given = {
            "text": np.array([text] * batch, object),
            "tokens": tokens.astype(np.int64),
            "lengths": np.full(batch, time, np.int64) if lengths is None else lengths,
            "state": np.zeros((batch, self._width), np.float32) if state is None else state,
            "steps": np.array(len(noise), np.int64),
            "temperature": np.array(choice.temperature, np.float32),
            "top_k": np.array(choice.top_k, np.int64),
            "top_p": np.array(choice.top_p, np.float32),
            "uniforms": noise,
        }
        return {name: given[name] for name in self._names}

    def run(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """The named outputs."""
        results: list[Any] = self._session.run(list(names), dict(feeds))
        return results


@torch.no_grad()
def reference(network: Any, tokens: Ids) -> tuple[Floats, Floats]:
    """What torch gives for one row `tokens [time]` from a fresh start.

    Returns:
        Log-probabilities before each token and after the last, `[time + 1, vocab]`, and the packed state.
    """
    state = network.start(1)
    first = network.logits_from(state)[None]
    logits = [first]
    if len(tokens):
        output = network(torch.from_numpy(tokens)[:, None], state)
        logits, state = [first, output.logits], output.state
    log_probs: Floats = torch.cat(logits)[:, 0].log_softmax(dim=-1).numpy()
    parts = [np.array([len(tokens)], np.float32), *(part[0].numpy() for layer in state for part in layer)]
    return log_probs, np.concatenate(parts)


def choose(log_probs: Floats, choice: Choice, uniform: float) -> int:
    """The rule of the graph, in numpy: `log_probs [vocab]` -> a token."""
    if choice.temperature == 0:
        return int(log_probs.argmax())
    scaled = log_probs / np.float32(choice.temperature)
    if choice.top_k:
        scaled = np.where(scaled >= np.sort(scaled)[-min(choice.top_k, len(scaled))], scaled, -np.inf)
    if choice.top_p < 1:
        probs = _softmax(scaled)
        falling = np.sort(probs)[::-1]
        last = min(int((np.cumsum(falling) < np.float32(choice.top_p)).sum()), len(probs) - 1)
        scaled = np.where(probs >= falling[last], scaled, -np.inf)
    cdf = np.cumsum(_softmax(scaled))
    return int(np.minimum(cdf, np.float32(max(uniform, 2**-25))).argmax())


def _softmax(scaled: Floats) -> Floats:
    powers: Floats = np.exp(scaled - scaled.max()).astype(np.float32)
    probs: Floats = powers / powers.sum()
    return probs


def verify(data: bytes, network: Any, *, profile: str, real: Ids, seed: int = 1) -> Parity:
    """Run a file against torch.

    Args:
        data: the serialized model.
        network: the network it was made of, in eval mode on the CPU.
        real: validation tokens `[time]`; a piece from their start and one from their middle are used.
    """
    runner, parity = Runner(data), Parity(TOLERANCE[profile], exact=profile != "int8")
    rng = np.random.default_rng(seed)
    vocab = int(network.head.bias.shape[0])
    rows = [rng.integers(0, vocab, _TIME), rng.integers(0, vocab, _TIME // 3), np.zeros(0, np.int64)]
    middle = len(real) // 2
    rows += [np.asarray(part, np.int64) for part in (real[:_TIME], real[middle : middle + _TIME])]
    if parity.exact:
        parity.tolerance = max(parity.tolerance, _ROUNDING * _own_rounding(network, rows))
    _verify_scores(runner, network, rows, parity)
    for choice in CHOICES.values():
        uniforms = rng.random((_STEPS, len(rows)), dtype=np.float32)
        _verify_choices(runner, network, rows, (choice, uniforms), parity)
    return parity


def _own_rounding(network: Any, rows: Sequence[Ids]) -> float:
    """How far torch in float32 is from torch in float64 on these rows."""
    precise = copy.deepcopy(network).double()
    apart = 0.0
    for row in rows:
        for rounded, exact in zip(reference(network, row), reference(precise, row), strict=True):
            apart = max(apart, _distance(rounded, exact, np.maximum(1, np.abs(exact))))
    return apart


def _padded(rows: Sequence[Ids]) -> tuple[Ids, Ids]:
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = np.zeros((len(rows), lengths.max()), np.int64)
    for line, row in zip(tokens, rows, strict=True):
        line[: len(row)] = row
    return tokens, lengths


def _verify_scores(runner: Runner, network: Any, rows: Sequence[Ids], parity: Parity) -> None:
    tokens, lengths = _padded(rows)
    names = ("log_probs", "next_log_probs", "next_state")
    scores, following, states = runner.run(names, runner.feeds(tokens, lengths=lengths))
    for i, row in enumerate(rows):
        log_probs, state = reference(network, row)
        told = log_probs[np.arange(len(row)), row]
        parity.note("log-probabilities", _distance(scores[i, : len(row)], told))
        parity.note("log-probabilities", _distance(following[i], log_probs[-1]))
        if parity.exact:
            parity.note("states", _distance(states[i], state, np.maximum(1, np.abs(state))))


def _verify_choices(
    runner: Runner, network: Any, rows: Sequence[Ids], drawn: tuple[Choice, Floats], parity: Parity
) -> None:
    """Let the file write, then ask torch, fed with the same tokens, whether it would have chosen them."""
    choice, uniforms = drawn
    tokens, lengths = _padded(rows)
    feeds = runner.feeds(tokens, lengths=lengths, uniforms=uniforms, choice=choice)
    written, told = runner.run(("new_tokens", "new_log_probs"), feeds)
    for i, row in enumerate(rows):
        log_probs = reference(network, np.concatenate([row, written[i]]))[0][len(row) : -1]
        parity.note("log-probabilities", _distance(told[i], log_probs[np.arange(_STEPS), written[i]]))
        for step, token in enumerate(written[i]):
            parity.tokens += 1
            drawn_at = float(uniforms[step, i])
            parity.unequal += not _chosen(int(token), log_probs[step], choice, drawn_at, parity)


def _chosen(token: int, log_probs: Floats, choice: Choice, uniform: float, parity: Parity) -> bool:
    """Whether torch chooses this token too, or would if it rounded otherwise within the tolerance."""
    slack = min(parity.tolerance, 1e-3)
    if choice.temperature == 0:
        return token == log_probs.argmax() or bool(log_probs[token] >= log_probs.max() - 2 * slack)
    near = [
        Choice(choice.temperature, choice.top_k, min(choice.top_p + shift, 1) if choice.top_p < 1 else 1.0)
        for shift in (0.0, -slack, slack)
    ]
    if token == choose(log_probs, choice, uniform):
        return True
    low, high = max(uniform - slack, 0.0), min(uniform + slack, 1.0)
    return any(choose(log_probs, way, low) <= token <= choose(log_probs, way, high) for way in near)


def _distance(a: Floats, b: Floats, unit: Floats | float = 1.0) -> float:
    """Largest difference; a cell state has no bound, so states are compared in units of their own size."""
    return float((np.abs(a.astype(np.float64) - b) / unit).max(initial=0.0))


def perplexity(data: bytes, tokens: Ids, *, chunk: int = 64) -> float:
    """Of one stream `tokens [time]`, read by the file in chunks over a carried state."""
    runner = Runner(data)
    state, nats = None, 0.0
    for start in range(0, len(tokens), chunk):
        feeds = runner.feeds(tokens[None, start : start + chunk], state=state)
        scores, state = runner.run(("log_probs", "next_state"), feeds)
        nats -= float(scores.astype(np.float64).sum())
    return math.exp(nats / len(tokens))


def parity_vector(
    data: bytes, *, profile: str, prompt: Ids, text: str | None, seed: int = 7
) -> dict[str, Any]:
    """Small feeds and what the verified file gives, for any host to check itself; see `seqtools.parity`.

    Args:
        prompt: a few tokens.
        text: the same as text, where the form is "text".
    """
    runner = Runner(data)
    uniforms = np.random.default_rng(seed).random((12, 1), dtype=np.float32)
    cases = []
    for name, choice in CHOICES.items():
        feeds = runner.feeds(prompt[None], uniforms=uniforms, choice=choice)
        cases.append(_case(runner, name, feeds, ["new_tokens", "new_log_probs"]))
    cases.append(_case(runner, "score", runner.feeds(prompt[None]), ["log_probs"]))
    if text is not None:
        feeds = runner.feeds(prompt[None, :0], uniforms=uniforms, text=text)
        cases.append(_case(runner, "text", feeds, ["new_text", "new_tokens"]))
    return {"tolerance": TOLERANCE[profile], "cases": cases}


def _case(runner: Runner, name: str, feeds: Mapping[str, Any], outputs: list[str]) -> dict[str, Any]:
    results = runner.run(outputs, feeds)
    return {
        "name": name,
        "feeds": {key: pack(value) for key, value in feeds.items()},
        "expected": {key: pack(value) for key, value in zip(outputs, results, strict=True)},
    }
