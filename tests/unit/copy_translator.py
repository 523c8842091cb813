"""A translator by hand: a numpy network behind the frozen inputs and outputs, that maps token to token.

Position `n` of the target is the image of source token `n`, attention is on that token; other tokens are less
likely by a fixed amount, which depends on them and on the token before. Tests load this by `runpy`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from seqtools.model_file import ModelFile
from seqtools.plugin import Tokenizer
from seqtools.tokens import BOS, EOS
from seqtools_translate.file_model import FileModel
from seqtools_translate.opened import Opened, Team
from seqtools_translate.run import Translator
from seqtools_translate.texts import SourceText, TargetText

Array = NDArray[Any]
_FLOATS = {
    "encoded": ["batch", "encoded_time", 2],
    "state": ["rows", 2],
    "coverage": ["rows", "encoded_time"],
}
_IDS = {
    "source": ["batch", "time"],
    "source_lengths": ["batch"],
    "tokens": ["rows", "target_time"],
    "token_lengths": ["rows"],
    "beam_size": [],
    "max_lengths": ["batch"],
    "min_lengths": ["batch"],
}


class CopySession:
    """What a session over such a file answers; it counts its runs.

    Args:
        vocab: target tokens.
        image: target token of a source token, where it is not the same id.
        sharp: how much likelier the right token is.
        seed: of the other tokens' likelihoods.
    """

    def __init__(
        self, vocab: int, image: Mapping[int, int] | None = None, *, sharp: float = 6.0, seed: int = 0
    ) -> None:
        self.vocab, self.image, self.sharp = vocab, dict(image or {}), sharp
        self.noise = np.random.default_rng(seed).normal(size=(vocab, vocab)).astype(np.float32)
        self.runs: list[dict[str, Any]] = []

    def run(self, outputs: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """Values of the named outputs."""
        self.runs.append(dict(feeds))
        values = self._all(feeds)
        return [values[name] for name in outputs]

    def _all(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        fresh = feeds["encoded"].shape[1] == 0
        batch = len(feeds["source_lengths"])
        if fresh:
            encoded = self._encode(feeds["source"], feeds["source_lengths"])
            state = np.tile(np.array([0, BOS], np.float32), (batch, 1))
            coverage = np.zeros((batch, encoded.shape[1]), np.float32)
        else:
            encoded, state, coverage = feeds["encoded"], feeds["state"], feeds["coverage"]
        rows = len(feeds["tokens"])
        assert rows % batch == 0 and len(state) == rows and len(coverage) == rows
        memory = np.repeat(encoded, rows // batch, axis=0)
        log_probs, given = [], []
        for step in range(feeds["tokens"].shape[1]):
            ahead, attention = self._ahead(state, memory)
            token, live = feeds["tokens"][:, step], step < feeds["token_lengths"]
            log_probs.append(np.where(live, ahead[np.arange(rows), token], 0))
            given.append(attention)
            coverage = np.where(live[:, None], coverage + attention, coverage)
            state = np.where(live[:, None], np.stack([state[:, 0] + 1, token], 1), state)
        ahead, attention = self._ahead(state, memory)
        chosen = feeds.get("shortlist", np.zeros(0, np.int64))
        if len(chosen):
            kept = np.full_like(ahead, -np.inf)
            kept[:, chosen] = ahead[:, chosen]
            ahead = (kept - np.log(np.exp(kept).sum(1, keepdims=True))).astype(np.float32)
        time = feeds["tokens"].shape[1]
        values: dict[str, Array] = {
            "next_log_probs": ahead,
            "last_attention": attention,
            "next_state": state.astype(np.float32),
            "next_coverage": coverage.astype(np.float32),
            "next_encoded": encoded,
            "log_probs": np.array(log_probs, np.float32).reshape(time, rows).T,
            "given_attention": np.array(given, np.float32)
            .reshape(time, rows, encoded.shape[1])
            .transpose(1, 0, 2),
        }
        if feeds["beam_size"] > 0:
            assert rows == batch
            found = [self._search(state[row], encoded[row], row, feeds) for row in range(batch)]
            values |= _stacked(found, int(feeds["beam_size"]), encoded.shape[1])
        return values

    def _encode(self, source: Array, lengths: Array) -> Array:
        """`[batch, time + 1, 2]`: the image of each token with the end at last, and whether it is there."""
        batch, time = source.shape
        encoded = np.zeros((batch, time + 1, 2), np.float32)
        for row, length in enumerate(lengths.tolist()):
            ids = [self.image.get(token, token) for token in source[row, :length].tolist()] + [EOS]
            encoded[row, : length + 1, 0], encoded[row, : length + 1, 1] = ids, 1
        return encoded

    def _ahead(self, state: Array, memory: Array) -> tuple[Array, Array]:
        rows, (position, last) = np.arange(len(state)), state.T.astype(int)
        lengths = memory[:, :, 1].sum(1).astype(int)
        place = np.minimum(position, lengths - 1)
        logits = self.noise[last].copy()
        logits[rows, memory[rows, place, 0].astype(int)] += self.sharp
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        attention = 0.1 * memory[:, :, 1] / lengths[:, None]
        attention[rows, place] += 0.9
        return logits.astype(np.float32), attention.astype(np.float32)

    def _search(self, state: Array, encoded: Array, row: int, feeds: Mapping[str, Any]) -> list[Any]:
        """Plain beam search, one sentence, one hypothesis at a time."""
        beam, most = int(feeds["beam_size"]), int(feeds["max_lengths"][row])
        fewest, alpha = int(feeds["min_lengths"][row]), float(feeds["alpha"])
        live: list[Any] = [(np.float32(0), [], [], [], state, False)]
        for _ in range(most):
            grown = []
            for score, tokens, told, looks, at, done in live:
                if done:
                    grown.append((score, tokens, told, looks, at, True))
                    continue
                ahead, attention = self._ahead(at[None], encoded[None])
                for token in range(self.vocab):
                    if token == EOS and len(tokens) < fewest:
                        continue
                    value = ahead[0, token]
                    after = np.array([at[0] + 1, token], np.float32)
                    more = tokens if token == EOS else [*tokens, token]
                    grown.append(
                        (score + value, more, [*told, value], [*looks, attention[0]], after, token == EOS)
                    )
            live = sorted(grown, key=lambda one: -one[0])[:beam]
            if all(one[-1] for one in live):
                break
        return sorted(live, key=lambda one: -one[0] / (len(one[1]) + 1) ** alpha), alpha


def _stacked(found: list[Any], beam: int, source: int) -> dict[str, Array]:
    time = max(len(one[2]) for live, _ in found for one in live)
    shape = (len(found), beam, time)
    out: dict[str, Array] = {
        "hypotheses": np.full(shape, EOS, np.int64),
        "hypothesis_lengths": np.zeros(shape[:2], np.int64),
        "scores": np.full(shape[:2], -1e30, np.float32),
        "token_log_probs": np.zeros(shape, np.float32),
        "attention": np.zeros((*shape, source), np.float32),
    }
    for row, (live, alpha) in enumerate(found):
        for rank, (score, tokens, told, looks, _, _) in enumerate(live):
            out["hypotheses"][row, rank, : len(tokens)] = tokens
            out["hypothesis_lengths"][row, rank] = len(tokens)
            out["scores"][row, rank] = score / (len(tokens) + 1) ** alpha
            out["token_log_probs"][row, rank, : len(told)] = told
            out["attention"][row, rank, : len(told)] = looks
    return out


def write_outline(path: Path, source: Tokenizer, target: Tokenizer | None = None, **meta: Any) -> Path:
    """A file with the frozen inputs, its metadata and nothing inside; `CopySession` answers for it."""
    port = helper.make_tensor_value_info
    inputs = [port(name, TensorProto.INT64, shape) for name, shape in _IDS.items()]
    inputs += [port(name, TensorProto.FLOAT, shape) for name, shape in _FLOATS.items()]
    inputs.append(port("alpha", TensorProto.FLOAT, []))
    if meta.get("lexicon"):
        inputs.append(port("shortlist", TensorProto.INT64, ["candidates"]))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["alpha"], ["scores"])],
        "copy",
        inputs,
        [port("scores", TensorProto.FLOAT, [])],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    stored: dict[str, Any] = {"kind": source.kind, "payload": source.payload()}
    if target is not None:
        stored = {"source": stored, "target": {"kind": target.kind, "payload": target.payload()}}
    described = {
        "format": "1",
        "task": "translate",
        "profile": "portable",
        "form": "ids",
        "tokenizer": stored,
        "card": {},
        **meta,
    }
    helper.set_model_props(
        model,
        {f"seqtools.{k}": v if isinstance(v, str) else json.dumps(v) for k, v in described.items()},
    )
    path.write_bytes(model.SerializeToString())
    return path


def open_copy(path: Path, sessions: Sequence[CopySession], **more: Any) -> Translator:
    """A translator over one outline and one session, or several sessions as an ensemble."""
    file = ModelFile.open(path)
    from seqtools_translate.texts import tokenizers_of

    source, target = tokenizers_of(file)
    members = [
        Opened(
            file, session, FileModel(file, session, target.vocab_size), SourceText(source), TargetText(target)
        )  # type: ignore[arg-type]
        for session in sessions
    ]
    return Translator(Team(tuple(members), **more))
