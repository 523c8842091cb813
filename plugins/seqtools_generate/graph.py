"""The graph of `generate`: prompt, scores, a decoding loop and, where a tokenizer allows, text at both ends.

One graph serves every use: `steps = 0` scores or primes, `steps = 8` again and again streams, `steps = 500`
writes. A turn of the loop looks at the state, chooses, notes the log-probability and feeds the token, so that
the state that comes out has seen everything and any cut into chunks gives the same text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op

from seqtools.export.cells import State, over_time
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.linear import Context
from seqtools.export.network import LoweredLanguageModel
from seqtools.export.strings import strings
from seqtools.loader import tokenizer as tokenizer_spec
from seqtools.plugin import resolve
from seqtools.tokens import BOS, UNKNOWN

# A uniform of 0 would be reached by a token without probability.
_LEAST_UNIFORM = 2**-25


# Up to so many weights (16 MB) each way to choose gets a loop of its own, since a condition in every turn
# costs as much as several operators. Beyond, packed copies of the weights in each loop only cost memory.
_SMALL_NETWORK = 4_000_000

Chosen = tuple[Var, Var]
"""Tokens `[batch]` and their log-probabilities `[batch, 1]`."""


Choice = Callable[[Var, Var], Sequence[Var]]
"""`(log_probs [batch, vocab], turn, a scalar) -> Chosen`."""


class Greedy:
    """The likeliest token; of equals, the first."""

    def __call__(self, log_probs: Var) -> Chosen:
        """Choose by `log_probs [batch, vocab]`."""
        return op.arg_max(log_probs, axis=1, keepdims=0), op.reduce_max(log_probs, constant([1]), keepdims=1)


class Sample:
    """Inverse-CDF sampling in vocabulary order, after temperature, top-k and top-p.

    Works on log-probabilities, not logits: a host sees them too, so both faces start from the same bits.

    Args:
        temperature: float32 scalar, not 0.
        top_k: int64 scalar, 0 is off.
        top_p: float32 scalar, 1 is off.
    """

    def __init__(self, vocab: int, temperature: Var, top_k: Var, top_p: Var) -> None:
        self._vocab, self._temperature, self._top_p = vocab, temperature, top_p
        self._uses_k = op.greater(top_k, constant(0))
        self._uses_p = op.less(top_p, constant(1, np.float32))
        self.truncates = op.or_(self._uses_k, self._uses_p)
        self._k = op.reshape(op.min([op.max([top_k, constant(1)]), constant(vocab)]), constant([1]))

    def plain(self, log_probs: Var, uniform: Var) -> Chosen:
        """Choose by `log_probs [batch, vocab]` and `uniform [batch, 1]`, temperature only."""
        return self._draw(op.div(log_probs, self._temperature), log_probs, uniform)

    def truncated(self, log_probs: Var, uniform: Var) -> Chosen:
        """As `plain` among the tokens that top-k and top-p leave; sorts the vocabulary."""
        return self._draw(self._truncate(op.div(log_probs, self._temperature)), log_probs, uniform)

    def _draw(self, scaled: Var, log_probs: Var, uniform: Var) -> Chosen:
        """The first token where the cdf reaches the uniform; if it never does, where it comes to its end."""
        cdf = op.cumsum(op.softmax(scaled, axis=1), constant(1))
        token = op.arg_max(op.min([cdf, uniform]), axis=1, keepdims=1)
        return op.squeeze(token, constant([1])), op.gather_elements(log_probs, token, axis=1)

    def _truncate(self, scaled: Var) -> Var:
        (left,) = op.if_(
            self._uses_k,
            then_branch=lambda: [self._top_k(scaled)],
            else_branch=lambda: [op.identity(scaled)],
        )
        (left,) = op.if_(
            self._uses_p,
            then_branch=lambda: [self._nucleus(left)],
            else_branch=lambda: [op.identity(left)],
        )
        return left

    def _top_k(self, scaled: Var) -> Var:
        """Keep what reaches the k-th largest; ties stay."""
        largest, _ = op.top_k(scaled, self._k, axis=1)
        least = op.reduce_min(largest, constant([1]), keepdims=1)
        return self._keep(op.greater_or_equal(scaled, least), scaled)

    def _nucleus(self, scaled: Var) -> Var:
        """Keep the smallest set of likeliest tokens that holds `top_p` (Holtzman et al. 2020); ties stay."""
        probs = op.softmax(scaled, axis=1)
        falling, _ = op.top_k(probs, constant([self._vocab]), axis=1)
        short = op.less(op.cumsum(falling, constant(1)), self._top_p)
        last = op.reduce_sum(op.cast(short, to=np.int64), constant([1]), keepdims=1)
        least = op.gather_elements(falling, op.min([last, constant([self._vocab - 1])]), axis=1)
        return self._keep(op.greater_or_equal(probs, least), scaled)

    def _keep(self, kept: Var, scaled: Var) -> Var:
        return op.where(kept, scaled, constant(-np.inf, np.float32))


def _inputs(form: str, state_width: int) -> dict[str, Var]:
    """The frozen inputs, in order."""
    shapes: dict[str, tuple[type, tuple[str | int, ...]]] = {
        "text": (np.str_, ("batch",)),
        "tokens": (np.int64, ("batch", "time")),
        "lengths": (np.int64, ("batch",)),
        "state": (np.float32, ("batch", state_width)),
        "steps": (np.int64, ()),
        "temperature": (np.float32, ()),
        "top_k": (np.int64, ()),
        "top_p": (np.float32, ()),
        "uniforms": (np.float32, ("steps", "batch")),
    }
    if form == "ids":
        del shapes["text"]
    return {name: spox.argument(spox.Tensor(kind, shape)) for name, (kind, shape) in shapes.items()}


def build(
    network: Any,
    tokenizer: Any,
    *,
    profile: str,
    form: str,
    card: Mapping[str, Any],
    start: int | None = None,
) -> onnx.ModelProto:
    """The model file's graph, without metadata.

    Args:
        network: a `LanguageModel` in eval mode.
        tokenizer: its tokenizer; only the form "text" looks into it.
        profile: "portable" or "int8".
        form: "text" or "ids".
        card: what the output `card` says.
        start: id put before a text that starts afresh (models of one text a line); None for none.
    """
    context = Context(profile)
    language = LoweredLanguageModel(context, network)
    given = _inputs(form, language.state_width)
    faces = _faces(tokenizer) if form == "text" else None
    tokens, lengths = given["tokens"], given["lengths"]
    if faces is not None:
        tokens, lengths = _prompt_tokens(given, faces, start)
    results = _run(language, given, op.unsqueeze(op.transpose(tokens), constant([2])), lengths)
    if faces is not None:
        previous = _previous(tokens, lengths, given["state"])
        results = {"new_text": _written(results["new_tokens"], previous, faces), **results}
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    return context.weights.build(given, {**results, "card": op.identity(note)})


def _faces(tokenizer: Any) -> Any:
    spec = tokenizer_spec(tokenizer.kind)
    return resolve(spec.graph, f"tokenizer '{spec.name}'")(tokenizer)


def _prompt_tokens(given: Mapping[str, Var], faces: Any, start: int | None) -> Sequence[Var]:
    """The given tokens, or the text's where none are given: `[batch, time]` and lengths `[batch]`."""
    time = op.gather(op.shape(given["tokens"]), constant(1))

    def encoded() -> Sequence[Var]:
        tokens, lengths = faces.encode(given["text"])
        return [tokens, lengths] if start is None else _started(tokens, lengths, given["state"], start)

    return op.if_(
        op.equal(time, constant(0)),
        then_branch=encoded,
        else_branch=lambda: [op.identity(given["tokens"]), op.identity(given["lengths"])],
    )


def _previous(tokens: Var, lengths: Var, state: Var) -> Var:
    """The id that stands before what is written, `[batch]`: the prompt's last, else start or unknown."""
    seen = op.squeeze(op.slice(state, constant([0]), constant([1]), constant([1])), constant([1]))
    nothing = op.where(op.equal(seen, constant(0, np.float32)), constant(BOS), constant(UNKNOWN))
    # One column more, so that there is always one to look at.
    padded = op.concat([op.unsqueeze(nothing, constant([1])), tokens], axis=1)
    return op.squeeze(op.gather_elements(padded, op.unsqueeze(lengths, constant([1])), axis=1), constant([1]))


def _written(tokens: Var, previous: Var, faces: Any) -> Var:
    """Text of written tokens; a run of no steps does not pay for making none."""
    nothing = op.equal(op.size(tokens), constant(0))
    return op.if_(
        nothing,
        then_branch=lambda: [op.expand(strings([""]), op.shape(previous))],
        else_branch=lambda: [faces.decode(tokens, previous)],
    )[0]


def _started(tokens: Var, lengths: Var, state: Var, start: int) -> Sequence[Var]:
    """The start id in front of every row, if no row has seen anything yet."""
    column = op.reshape(op.expand(constant([start]), op.shape(lengths)), constant([-1, 1]))
    seen = op.reduce_max(op.slice(state, constant([0]), constant([1]), constant([1])), keepdims=0)
    return op.if_(
        op.equal(seen, constant(0, np.float32)),
        then_branch=lambda: [op.concat([column, tokens], axis=1), op.add(lengths, constant(1))],
        else_branch=lambda: [op.identity(tokens), op.identity(lengths)],
    )


def _run(
    language: LoweredLanguageModel, given: Mapping[str, Var], tokens: Var, lengths: Var
) -> dict[str, Var]:
    """All but text: outputs by name, batch first; `tokens [time, batch, 1]`."""
    steps = given["steps"]
    seen, start = language.unpack(given["state"])
    outputs, primed = language.prompt(tokens, lengths, start)
    last, written, chosen = _decode(language, given, primed)
    next_log_probs, scores = _score(language, tokens, lengths, steps, (start, outputs, last))
    count = op.unsqueeze(op.cast(op.add(lengths, steps), to=np.float32), constant([1]))
    return {
        "new_tokens": op.transpose(written),
        "new_log_probs": op.transpose(chosen),
        "log_probs": scores,
        "next_log_probs": next_log_probs,
        "next_state": language.pack(op.add(seen, count), last),
    }


def _decode(
    language: LoweredLanguageModel, given: Mapping[str, Var], primed: Sequence[State]
) -> tuple[list[State], Var, Var]:
    """States after the loop, tokens and their log-probabilities `[steps, batch]`.

    In a small network each way to choose has a loop of its own, one after another; all but one take no turn.
    (Not in branches of a condition: onnxruntime packs no weights for loops in there, and gives other bits.)
    """
    sample = Sample(language.vocab, given["temperature"], given["top_k"], given["top_p"])
    above_zero = op.max([given["uniforms"], constant(_LEAST_UNIFORM, np.float32)])
    uniforms = op.unsqueeze(above_zero, constant([2]))
    ways: list[Choice] = [
        lambda log_probs, turn: Greedy()(log_probs),
        lambda log_probs, turn: sample.truncated(log_probs, op.gather(uniforms, turn)),
        lambda log_probs, turn: sample.plain(log_probs, op.gather(uniforms, turn)),
    ]
    greedy = op.equal(given["temperature"], constant(0, np.float32))
    sizes = [len(layer) for layer in primed]
    batch = op.slice(op.shape(given["state"]), constant([0]), constant([1]))

    def loop(start: Sequence[Var], steps: Var, choose: Choice) -> tuple[Sequence[Var], Sequence[Var]]:
        def turn(index: Var, *flat: Var) -> list[Var]:
            states = _grouped(flat, sizes)
            index = op.reshape(index, constant([]))  # runtimes differ in whether the turn is a scalar
            token, log_prob = choose(language.next_log_probs(states), index)
            new = language.step(token, states)
            return [*(part for layer in new for part in layer), token, log_prob]

        *flat, tokens, log_probs = repeat(steps, start, turn)
        shape = op.concat([op.reshape(steps, constant([1])), batch], axis=0)
        return flat, [op.reshape(collected, shape, allowzero=1) for collected in (tokens, log_probs)]

    def in_turn(log_probs: Var, turn: Var) -> Sequence[Var]:
        conditions = greedy, sample.truncates
        return _either(conditions, [partial(way, log_probs, turn) for way in ways])

    flat: Sequence[Var] = [part for layer in language.enter(primed) for part in layer]
    if language.size > _SMALL_NETWORK:
        flat, results = loop(flat, given["steps"], in_turn)
        return language.leave(_grouped(flat, sizes)), results[0], results[1]
    drawn = op.not_(greedy)
    modes = greedy, op.and_(drawn, sample.truncates), op.and_(drawn, op.not_(sample.truncates))
    written = []
    for mode, way in zip(modes, ways, strict=True):
        flat, results = loop(flat, op.where(mode, given["steps"], constant(0)), way)
        written.append(results)
    tokens, log_probs = (op.concat(parts, axis=0) for parts in zip(*written, strict=True))
    return language.leave(_grouped(flat, sizes)), tokens, log_probs


def _either(conditions: Sequence[Var], branches: Sequence[Callable[[], Sequence[Var]]]) -> Sequence[Var]:
    """The branch of the first condition that holds, the last one if none does."""
    if not conditions:
        return branches[0]()
    return op.if_(
        conditions[0], then_branch=branches[0], else_branch=lambda: _either(conditions[1:], branches[1:])
    )


def _grouped(flat: Sequence[Var], sizes: Sequence[int]) -> list[State]:
    values = iter(flat)
    return [[next(values) for _ in range(size)] for size in sizes]


def _score(
    language: LoweredLanguageModel,
    tokens: Var,
    lengths: Var,
    steps: Var,
    seen: tuple[Sequence[State], Var, Sequence[State]],
) -> tuple[Var, Var]:
    """Next log-probabilities `[batch, vocab]`; those of given tokens `[batch, time]`, or `[batch, 0]`.

    Both go through the output layer together: the last state on top, below it what stood before each given
    token; a run that generates slices the latter off and does not pay for them.
    """
    start, outputs, last = seen
    time = op.slice(op.shape(tokens), constant([0]), constant([1]))
    scored = op.where(op.equal(steps, constant(0)), time, constant([0]))
    before = op.slice(op.concat([start[-1][0], outputs], axis=0), constant([0]), scored)
    tops = op.concat([last[-1][0], before], axis=0)
    rows = language.log_probs(op.reshape(tops, constant([-1, language.top_width])))
    log_probs = over_time(rows, tops, language.vocab)
    following = op.gather(log_probs, constant(0))
    told = op.slice(log_probs, constant([1]), constant([np.iinfo(np.int64).max]), constant([0]))
    picked = op.gather_elements(told, op.slice(tokens, constant([0]), scored), axis=2)
    picked = op.squeeze(picked, constant([2]))
    position = op.unsqueeze(op.range(constant(0), op.squeeze(scored), constant(1)), constant([1]))
    masked = op.where(op.less(position, lengths), picked, constant(0, np.float32))
    return following, op.transpose(masked)
