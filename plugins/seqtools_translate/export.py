"""`seqtools export` for translators: build, verify against torch, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from seqtools.errors import ExportError
from seqtools.export.faces import chosen_form
from seqtools.export.file import check, describe, meanings, save, set_card
from seqtools.export.linear import check_profile
from seqtools.export.report import ExportReport
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter, Tokenizer
from seqtools_translate.card import BEAM, make_card
from seqtools_translate.graph import build
from seqtools_translate.run_folder import TranslateRun
from seqtools_translate.runner import Runner
from seqtools_translate.scores import validation_scores
from seqtools_translate.textual import Textual
from seqtools_translate.verify import Pair, parity_vector, verify

MOST_LOST = 0.3
"""Largest loss in BLEU with which an int8 file is written, measured on validation pairs."""

_MEASURED_TOKENS = 12_000
_ENOUGH_PAIRS = 300
_VERIFIED = 4
_BATCH = 32

IO: dict[str, dict[str, str]] = {
    "inputs": {
        "text": "sentences as text, read in a fresh run where `source` has no columns",
        "source": "sentences as source ids, without the end, padded with any valid id",
        "source_lengths": "how many tokens of each sentence count",
        "encoded": "no positions to read `source`; else `next_encoded` of an earlier run, `source` unread",
        "state": "ignored in a fresh run; else `next_state` rows, any number a sentence, in their order",
        "coverage": "the same for `next_coverage`",
        "tokens": "target ids fed first: a forced prefix, a target to score, or one step; rows of a sentence "
        "stand together",
        "token_lengths": "how many of each row count",
        "beam_size": "hypotheses followed for each sentence; 0 does not search",
        "max_lengths": "most steps of each sentence, the one that writes the end among them",
        "min_lengths": "fewest new tokens of each sentence",
        "alpha": "hypotheses are ranked by score / (new tokens with the end)^alpha",
        "shortlist": "sorted ids, the end among them, of the only tokens to predict; empty for all",
    },
    "outputs": {
        "texts": "what the search found, as text",
        "hypotheses": "what the search found, best first, padded with the end; a forced prefix not repeated",
        "hypothesis_lengths": "tokens of each before the end",
        "scores": "what each was ranked by; below -1e20 where there is no hypothesis",
        "token_log_probs": "log-probability of each token and of the end, then zeros",
        "attention": "where each token looked (mean over heads, the last place is the end), then zeros",
        "log_probs": "log-probability of each given token after those before it; only in a fresh run",
        "next_log_probs": "log-probabilities of the token to come, after all given ones",
        "last_attention": "where the last step looked: the attention of the token to come",
        "given_attention": "where each given token looked; zeros for the first one of a run that goes on",
        "next_state": "the state after all given tokens",
        "next_coverage": "attention summed over all steps",
        "next_encoded": "the source as steps need it",
        "card": "where the model comes from, JSON",
    },
    "state": {"encoded": "next_encoded", "state": "next_state", "coverage": "next_coverage"},
}


@dataclass(frozen=True)
class Parts:
    """What a file is made of.

    Attributes:
        source, target: the tokenizers, the same object where they are joint.
        card: from `make_card`, or anything alike.
        valid: validation pairs as text, for the check on real sentences and the loss of int8.
        lexicon: payload of the lexical table that shortlists come from; with one the file takes shortlists.
        dictionary: payload of the word-by-word dictionary, for unknown words and as the floor.
    """

    network: Seq2Seq
    source: Tokenizer
    target: Tokenizer
    card: dict[str, Any]
    valid: Sequence[tuple[str, str]]
    lexicon: Mapping[str, Any] = field(default_factory=dict)
    dictionary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def joint(self) -> bool:
        """Whether both sides share a tokenizer."""
        return self.source is self.target

    def ids(self, count: int) -> list[Pair]:
        """The first pairs as ids."""
        return [
            (self.source.encode(source).tolist(), self.target.encode(target).tolist())
            for source, target in self.valid[:count]
        ]


def export_run(
    run: Path, output: Path, *, profile: str = "portable", form: str = "auto", report: Reporter
) -> ExportReport:
    """Write a run's best network as one file.

    Args:
        run: the run folder.
        output: the file to write; replaced in one go.
        profile: "portable" (fp32) or "int8".
        form: "text" (strings in and out beside the ids), "ids", "fused" (text by the SentencePiece operators
            of onnxruntime-extensions), or "auto": text where the tokenizers have faces in the graph.

    Raises:
        UsageError: an unknown profile or form, or a tokenizer that has no face in the graph.
        ExportError: the file disagrees with torch, int8 costs too much, or the disk is full.
        DataError: the run folder is not usable.
    """
    check_profile(profile)
    return write(_parts(Path(run), profile, form), Path(output), report=report)


def _parts(path: Path, profile: str, form: str) -> Parts:
    folder = TranslateRun.open(path)
    network, source = folder.seq2seq(), folder.tokenizer()
    target = source if folder.joint else folder.target_tokenizer()
    sides = {"joint": source} if folder.joint else {"source": source, "target": target}
    card = make_card(
        folder.recipe(),
        folder.info(),
        folder.floor(),
        parameters=count_parameters(network),
        tokenizers={side: (one.kind, one.vocab_size) for side, one in sides.items()},
        profile=profile,
        form=chosen_form(form, source, target),
    )
    valid = list(zip(folder.texts("valid", "source"), folder.texts("valid", "target"), strict=True))
    return Parts(network, source, target, card, valid, folder.lexicon(), folder.dictionary())


def write(parts: Parts, output: Path, *, report: Reporter) -> ExportReport:
    """Build, verify and write a file; profile and form are the card's.

    Raises:
        ExportError: the file disagrees with torch, int8 costs too much, or the disk is full.
    """
    card = dict(parts.card)
    profile, form = str(card["profile"]), str(card["form"])
    model = _built(parts, profile, card)
    parity = verify(_opened(model, card), parts.network, profile=profile, real=parts.ids(_VERIFIED))
    parity.require(str(output))
    report(parity.told(profile, "tokens of hypotheses"))
    card["verification"] = parity.as_json()
    if profile == "int8":
        card["int8"] = _int8_loss(parts, model, card, report)
    size = _finish(parts, model, card, output)
    report(f"wrote {output} ({size / 1e6:.2f} MB, {profile}, {form} in and out)")
    return ExportReport(output, size, profile, form, parity)


def _built(parts: Parts, profile: str, card: dict[str, Any]) -> onnx.ModelProto:
    fused = card["form"] == "fused"
    textual = None if card["form"] == "ids" else Textual(parts.source, parts.target, fused=fused)
    shortlist = bool(parts.lexicon)
    model = build(parts.network, profile=profile, card=card, shortlist=shortlist, textual=textual)
    check(model)
    return model


def _int8_loss(
    parts: Parts, model: onnx.ModelProto, card: dict[str, Any], report: Reporter
) -> dict[str, Any]:
    """What eight bits cost on validation pairs, both files translating; refuse too much.

    On few pairs BLEU jumps by more than is lost, so fewer than 300 are allowed more, as its spread grows.
    """
    pairs = _measured(parts)
    exact = _built(parts, "portable", card)
    before, after = (_bleu(_opened(one, card), parts, pairs) for one in (exact, model))
    lost, allowed = before - after, MOST_LOST * max(1.0, _ENOUGH_PAIRS / max(len(pairs), 1)) ** 0.5
    report(f"int8: validation BLEU {after:.2f}, fp32 {before:.2f} ({-lost:+.2f}, {len(pairs):,} pairs)")
    if lost > allowed:
        cause = f"eight bits cost {lost:.2f} BLEU, more than {allowed:.2f}"
        raise ExportError("--profile int8", cause, "Use --profile portable")
    return {"bleu": after, "bleu_fp32": before, "loss": lost, "pairs": len(pairs)}


def _opened(model: onnx.ModelProto, card: Mapping[str, Any]) -> Runner:
    return Runner(model.SerializeToString(), fused=card["form"] == "fused")


def _measured(parts: Parts) -> list[tuple[list[int], str]]:
    """As many validation pairs as are quick to translate: source ids and reference."""
    pairs: list[tuple[list[int], str]] = []
    tokens = 0
    for source, target in parts.valid:
        ids = parts.source.encode(source).tolist()
        tokens += len(ids) + 1
        if pairs and tokens > _MEASURED_TOKENS:
            break
        pairs.append((ids, target))
    return pairs


def _bleu(runner: Runner, parts: Parts, pairs: Sequence[tuple[list[int], str]]) -> float:
    told = [""] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda number: len(pairs[number][0]))
    for start in range(0, len(order), _BATCH):
        numbers = order[start : start + _BATCH]
        sources = [pairs[number][0] for number in numbers]
        longest = [2 * len(source) + 10 for source in sources]
        found = runner.search(sources, beam=BEAM, longest=longest)
        for row, number in enumerate(numbers):
            length = int(found["hypothesis_lengths"][row, 0])
            told[number] = parts.target.decode(found["hypotheses"][row, 0, :length])
    return float(validation_scores(told, [target for _, target in pairs])["bleu"]) if pairs else 0.0


def _finish(parts: Parts, model: onnx.ModelProto, card: dict[str, Any], output: Path) -> int:
    """Card, parity vector and metadata into the model, the model into the file."""
    set_card(model, card)
    real = parts.ids(2) or [([], [])]
    texts = [source for source, _ in parts.valid[:2]] if card["form"] != "ids" else []
    vector = parity_vector(_opened(model, card), profile=card["profile"], real=real, texts=texts)
    source, target = ({"kind": one.kind, "payload": one.payload()} for one in (parts.source, parts.target))
    words = {"lexicon": dict(parts.lexicon), "dictionary": dict(parts.dictionary)}
    describe(
        model,
        {
            "task": "translate",
            "profile": card["profile"],
            "form": card["form"],
            "io": {**meanings(model, IO), "state": IO["state"]},
            "tokenizer": source if parts.joint else {"source": source, "target": target},
            "card": card,
            "parity": vector,
            **{key: payload for key, payload in words.items() if payload},
        },
    )
    return save(model, output)
