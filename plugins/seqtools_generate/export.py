"""`seqtools export` for language models: build, verify against torch, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from seqtools.errors import ExportError, UsageError
from seqtools.export.file import check, describe, meanings, save, set_card
from seqtools.export.linear import check_profile
from seqtools.export.report import ExportReport
from seqtools.loader import tokenizer as tokenizer_spec
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter, Tokenizer
from seqtools.training.run_folder import RunFolder
from seqtools_generate.card import make_card
from seqtools_generate.graph import build
from seqtools_generate.verify import Ids, parity_vector, perplexity, verify

MOST_LOST = 0.01
"""Largest relative rise of validation perplexity with which an int8 file is written."""

_MEASURED_TOKENS = 10_000
_PROMPT = 8

IO = {
    "inputs": {
        "text": "prompts as text, read where `tokens` has no columns",
        "tokens": "prompts as ids, padded with any valid id",
        "lengths": "how many tokens of each row count",
        "state": "one row a sequence; zeros for a fresh start, else `next_state` of an earlier run",
        "steps": "tokens to write; 0 reads and scores the prompt",
        "temperature": "0 takes the likeliest token",
        "top_k": "choose among the k likeliest; 0 is off",
        "top_p": "choose among the likeliest that together have this probability; 1 is off",
        "uniforms": "random numbers in [0, 1), one a step and row",
    },
    "outputs": {
        "new_text": "what was written, as text",
        "new_tokens": "what was written",
        "new_log_probs": "log-probability of each written token, at temperature 1",
        "log_probs": "log-probability of each given token after those before it; only if steps is 0",
        "next_log_probs": "log-probabilities of the token to come",
        "next_state": "the state after everything read and written",
        "card": "where the model comes from, JSON",
    },
    "state": {"state": "next_state"},
}


@dataclass(frozen=True)
class _Run:
    """A run folder's parts, loaded once."""

    folder: RunFolder
    network: Any
    tokenizer: Tokenizer
    valid: Ids


def export_run(
    run: Path, output: Path, *, profile: str = "portable", form: str = "auto", report: Reporter
) -> ExportReport:
    """Write a run's best network as one file.

    Args:
        run: the run folder.
        output: the file to write; replaced in one go.
        profile: "portable" (fp32) or "int8".
        form: "text" (strings in and out), "ids", or "auto": text where the tokenizer has a face in the graph.

    Raises:
        UsageError: an unknown profile or form, or a tokenizer that has no face in the graph.
        ExportError: the file disagrees with torch, int8 costs too much, or the disk is full.
        DataError: the run folder is not usable.
    """
    folder = RunFolder.open(Path(run))
    valid = np.asarray(folder.valid_tokens()[:_MEASURED_TOKENS], np.int64)
    parts = _Run(folder, folder.network(), folder.tokenizer(), valid)
    form = _form(parts.tokenizer, form)
    check_profile(profile)
    card = _card(parts, profile, form)
    model = _built(parts, profile, form, card)
    parity = verify(model.SerializeToString(), parts.network, profile=profile, real=parts.valid)
    parity.require(str(output))
    report(parity.told(profile, "chosen tokens"))
    card["verification"] = parity.as_json()
    lost = _int8_loss(parts, model, form, card, report) if profile == "int8" else None
    size = _finish(parts, model, card, Path(output))
    report(f"wrote {output} ({size / 1e6:.2f} MB, {profile}, {form} in and out)")
    return ExportReport(Path(output), size, profile, form, parity, lost)


def _form(tokenizer: Tokenizer, form: str) -> str:
    if form not in ("auto", "text", "ids"):
        raise UsageError("--form", f"{form!r} is not a form", "Choose auto, text or ids")
    graph = tokenizer_spec(tokenizer.kind).graph
    if form == "text" and not graph:
        cause = f"the tokenizer '{tokenizer.kind}' has no face inside a graph"
        raise UsageError("--form", cause, "Use --form ids")
    return form if form != "auto" else "text" if graph else "ids"


def _card(parts: _Run, profile: str, form: str) -> dict[str, Any]:
    return make_card(
        parts.folder.recipe(),
        parts.folder.info(),
        parts.folder.floor(),
        parameters=count_parameters(parts.network),
        tokenizer=(parts.tokenizer.kind, parts.tokenizer.vocab_size),
        profile=profile,
        form=form,
    )


def _built(parts: _Run, profile: str, form: str, card: dict[str, Any]) -> onnx.ModelProto:
    start = parts.tokenizer.bos if parts.folder.recipe().data.per_line else None
    model = build(parts.network, parts.tokenizer, profile=profile, form=form, card=card, start=start)
    check(model)
    return model


def _int8_loss(
    parts: _Run, model: onnx.ModelProto, form: str, card: dict[str, Any], report: Reporter
) -> float:
    """Measure what eight bits cost on validation data, note it in the card, refuse too much."""
    exact = _built(parts, "portable", form, card)
    before, after = (perplexity(one.SerializeToString(), parts.valid) for one in (exact, model))
    lost = after / before - 1
    told = f"int8: validation perplexity {after:.4f}, fp32 {before:.4f}"
    report(f"{told} ({lost:+.2%}, {len(parts.valid):,} tokens)")
    card["int8"] = {
        "perplexity": after,
        "perplexity_fp32": before,
        "relative_loss": lost,
        "tokens": len(parts.valid),
    }
    if lost > MOST_LOST:
        raise ExportError(
            "--profile int8",
            f"eight bits raise the perplexity by {lost:.1%}, more than {MOST_LOST:.0%}",
            "Use --profile portable",
        )
    return lost


def _finish(parts: _Run, model: onnx.ModelProto, card: dict[str, Any], output: Path) -> int:
    """Card, parity vector and metadata into the model, the model into the file."""
    set_card(model, card)
    prompt = parts.valid[:_PROMPT]
    text = parts.tokenizer.decode(prompt) if card["form"] == "text" else None
    vector = parity_vector(model.SerializeToString(), profile=card["profile"], prompt=prompt, text=text)
    describe(
        model,
        {
            "task": "generate",
            "profile": card["profile"],
            "form": card["form"],
            "io": {**meanings(model, IO), "state": IO["state"]},
            "tokenizer": {"kind": parts.tokenizer.kind, "payload": parts.tokenizer.payload()},
            "card": card,
            "parity": vector,
        },
    )
    return save(model, output)
