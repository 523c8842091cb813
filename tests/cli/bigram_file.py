"""A model file by hand: a bigram table behind the frozen inputs and outputs, so figures are known exactly.

The tests of `info` and `evaluate` use it; made with plain onnx, it shares no code with the exporter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from seqtools_char.tokenizer import FIRST_CHARACTER, CharTokenizer

LETTERS = "abc\n "
TOKENIZER = CharTokenizer(LETTERS)


def bigram_table(seed: int = 0) -> NDArray[np.float32]:
    """log p(next | token), `[vocab + 1, vocab]`; the last row is for a fresh state."""
    logits = np.random.default_rng(seed).normal(size=(TOKENIZER.vocab_size + 1, TOKENIZER.vocab_size)) * 2
    logits[:, :FIRST_CHARACTER] = -30
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)), np.float32)


def write_bigram(path: Path, **meta: Any) -> Path:
    """Write the model. State: column 0 counts, column 1 holds the last token."""
    table = bigram_table()
    vocab = TOKENIZER.vocab_size
    fixed = {
        "table": table,
        "vocab": np.array(vocab, np.int64),
        "fresh": np.array(0, np.float32),
        "one": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "end": np.array([1 << 60], np.int64),
        "two": np.array([2], np.int64),
        "zero": np.array([0], np.int64),
        "axis": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["state", "zero", "one", "one"], ["seen"]),
        helper.make_node("Slice", ["state", "one", "two", "one"], ["held"]),
        helper.make_node("Cast", ["held"], ["before"], to=TensorProto.INT64),
        helper.make_node("Equal", ["seen", "fresh"], ["start"]),
        helper.make_node("Where", ["start", "vocab", "before"], ["first"]),
        helper.make_node("Concat", ["first", "tokens"], ["fed"], axis=1),
        helper.make_node("Slice", ["fed", "zero", "last", "one"], ["context"]),
        helper.make_node("Slice", ["fed", "last", "end", "one"], ["newest"]),
        helper.make_node("Gather", ["table", "context"], ["rows"]),
        helper.make_node("Unsqueeze", ["tokens", "axis"], ["which"]),
        helper.make_node("GatherElements", ["rows", "which"], ["chosen"], axis=2),
        helper.make_node("Squeeze", ["chosen", "axis"], ["log_probs"]),
        helper.make_node("Gather", ["table", "newest"], ["ahead"]),
        helper.make_node("Squeeze", ["ahead", "one"], ["next_log_probs"]),
        helper.make_node("Unsqueeze", ["lengths", "axis"], ["length"]),
        helper.make_node("Cast", ["length"], ["fresh_count"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["seen", "fresh_count"], ["count"]),
        helper.make_node("Cast", ["newest"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["count", "kept"], ["next_state"], axis=1),
    ]
    float_, int_ = TensorProto.FLOAT, TensorProto.INT64
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "bigram",
        [
            port("tokens", int_, ["batch", "time"]),
            port("lengths", int_, ["batch"]),
            port("state", float_, ["batch", 2]),
            port("steps", int_, []),
            port("temperature", float_, []),
            port("top_k", int_, []),
            port("top_p", float_, []),
            port("uniforms", float_, ["steps", "batch"]),
        ],
        [
            port("log_probs", float_, ["batch", "time"]),
            port("next_log_probs", float_, ["batch", vocab]),
            port("next_state", float_, ["batch", 2]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in fixed.items()],
    )
    model = helper.make_model(
        graph, producer_name="seqtools", producer_version="0.1.0", ir_version=10,
        opset_imports=[helper.make_opsetid("", 20)],
    )  # fmt: skip
    described = {
        "format": "1",
        "task": "generate",
        "profile": "portable",
        "form": "ids",
        "io": {"inputs": {"tokens": "token ids"}},
        "tokenizer": {"kind": "char", "payload": TOKENIZER.payload()},
        "card": {"name": "bigram", "license": "Apache-2.0", "metrics": {"nats_per_character": 1.25}},
        **meta,
    }
    helper.set_model_props(
        model,
        {f"seqtools.{k}": v if isinstance(v, str) else json.dumps(v) for k, v in described.items()},
    )
    path.write_bytes(model.SerializeToString())
    return path


def expected_nats(text: str) -> float:
    """Summed -log p of all but the first character; a bigram needs no more than the one before."""
    table, ids = bigram_table(), TOKENIZER.encode(text)
    return -float(table[ids[:-1], ids[1:]].sum(dtype=np.float64))


def bigram_text(length: int, seed: int) -> str:
    """A text drawn from the table itself."""
    rng, probs = np.random.default_rng(seed), np.exp(bigram_table().astype(np.float64))
    token, ids = TOKENIZER.vocab_size, []
    for _ in range(length):
        token = int(rng.choice(TOKENIZER.vocab_size, p=probs[token] / probs[token].sum()))
        ids.append(max(token, FIRST_CHARACTER))
        token = ids[-1]
    return TOKENIZER.decode(ids)
