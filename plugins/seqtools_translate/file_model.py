"""A `translate` file behind its frozen inputs and outputs: search in the graph, encoding, forced scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.runtime.session import Session
from seqtools.tokens import EOS

_INPUTS = (
    "source",
    "source_lengths",
    "encoded",
    "state",
    "coverage",
    "tokens",
    "token_lengths",
    "beam_size",
    "max_lengths",
    "min_lengths",
    "alpha",
)
_SEARCHED = ["hypotheses", "hypothesis_lengths", "scores", "token_log_probs"]
IMPOSSIBLE = -1e20
"""Scores below this are those of tokens that a shortlist lacks, and of places without a hypothesis."""
_REMAKE = "Export it again with: seqtools export RUN -o FILE"


@dataclass(frozen=True)
class Found:
    """One hypothesis, from either face of the search.

    Attributes:
        tokens: ids, without start and end; a forced prefix is not repeated.
        score: what it was ranked by.
        log_probs: of each token, and of the end where it was reached.
        attention: `[len(log_probs), source + 1]`, the last column is the end of the source; None if nobody
            asked for it or the network has none.
    """

    tokens: list[int]
    score: float
    log_probs: list[float]
    attention: FloatArray | None


@dataclass(frozen=True)
class Given:
    """Target tokens that were fed, not searched for.

    Attributes:
        log_probs: of each, `[time]`.
        attention: with which each was predicted, `[time, source + 1]`.
    """

    log_probs: FloatArray
    attention: FloatArray


class FileModel:
    """Runs the one graph.

    Attributes:
        vocab: number of target tokens.
        has_shortlist: the file can predict among chosen tokens only.
        path: the file's name, for messages.

    Raises:
        ModelFileError: the file lacks an input of its task.
    """

    def __init__(self, file: ModelFile, session: Session, vocab: int) -> None:
        self._run, self.vocab, self.path = session.run, vocab, str(file.path)
        shapes = {port.name: port.shape for port in file.inputs}
        widths = {name: (shapes.get(name) or ("",))[-1] for name in ("state", "encoded")}
        missing = [name for name in _INPUTS if name not in shapes]
        missing += [name for name, width in widths.items() if not isinstance(width, int)]
        if missing:
            cause = f"it has no usable input '{missing[0]}'"
            raise ModelFileError(self.path, cause, _REMAKE)
        self._state, self._encoded = int(widths["state"]), int(widths["encoded"])
        self.has_shortlist, self._has_text = "shortlist" in shapes, "text" in shapes

    def search(
        self,
        sources: Sequence[IntArray],
        *,
        beam_size: int,
        max_lengths: IntArray,
        min_lengths: IntArray,
        alpha: float,
        prefixes: Sequence[IntArray] | None = None,
        shortlist: IntArray | None = None,
        attention: bool = False,
    ) -> tuple[list[list[Found]], list[Given]]:
        """The whole beam search, inside the graph.

        Args:
            sources: ids of each sentence, `[time]`.
            beam_size: hypotheses kept; 1 is greedy.
            max_lengths, min_lengths: new tokens of each sentence, `[batch]`.
            alpha: hypotheses are ranked by score / (length with end)^alpha.
            prefixes: target tokens that each translation begins with, or None.
            shortlist: sorted ids that may be predicted, or None for all.
            attention: hand out the attention too.

        Returns:
            For each sentence its hypotheses, best first; for each the prefix as it was read ([] for none).
        """
        feeds = self._fresh(sources, shortlist)
        settings = {
            "beam_size": np.array(beam_size, np.int64),
            "max_lengths": np.asarray(max_lengths, np.int64),
            "min_lengths": np.asarray(min_lengths, np.int64),
            "alpha": np.array(alpha, np.float32),
        }
        names = [*_SEARCHED, *(["attention"] if attention else [])]
        forced = prefixes is not None and any(map(len, prefixes))
        if forced and prefixes is not None:
            settings["tokens"], settings["token_lengths"] = padded(prefixes)
            names += ["log_probs", "given_attention"]
        values = dict(zip(names, self._run(names, feeds | settings), strict=True))
        longest = np.asarray(max_lengths).tolist()
        found = [_found(values, row, len(ids), longest[row]) for row, ids in enumerate(sources)]
        return found, (_given(values, prefixes, sources) if forced and prefixes is not None else [])

    def encode(self, sources: Sequence[IntArray], shortlist: IntArray | None = None) -> list[Any]:
        """Read sentences and predict their first tokens.

        Returns:
            `log_probs [batch, vocab]`, `state`, `coverage`, `attention [batch, time]` as `step` gives them,
            and `encoded [batch, time, E]` for it.
        """
        names = ["next_log_probs", "next_state", "next_coverage", "last_attention", "next_encoded"]
        return self._run(names, self._fresh(sources, shortlist))

    def step(
        self,
        tokens: IntArray,
        state: FloatArray,
        coverage: FloatArray,
        encoded: FloatArray,
        lengths: IntArray,
        shortlist: IntArray | None = None,
    ) -> list[Any]:
        """Feed one token to each row; rows are `batch * k`, the first sentence's first.

        Args:
            tokens: `[rows]`.
            state, coverage: of each row, `[rows, S]` and `[rows, time]`.
            encoded, lengths: of each sentence, `[batch, time, E]` and `[batch]`.
            shortlist: as in `search`.

        Returns:
            `log_probs [rows, vocab]`, `state`, `coverage`, `attention [rows, time]` of this step.
        """
        feeds = self._feeds(len(encoded), shortlist) | {
            "source_lengths": np.asarray(lengths, np.int64),
            "encoded": np.ascontiguousarray(encoded),
            "state": np.ascontiguousarray(state),
            "coverage": np.ascontiguousarray(coverage),
            "tokens": np.ascontiguousarray(tokens[:, None], np.int64),
            "token_lengths": np.ones(len(tokens), np.int64),
        }
        return self._run(["next_log_probs", "next_state", "next_coverage", "last_attention"], feeds)

    def score(self, sources: Sequence[IntArray], targets: Sequence[IntArray]) -> list[Given]:
        """Forced decoding: log-probability of every given target token, the end included if it is given."""
        feeds = self._fresh(sources, None)
        feeds["tokens"], feeds["token_lengths"] = padded(targets)
        names = ["log_probs", "given_attention"]
        values = dict(zip(names, self._run(names, feeds), strict=True))
        return _given(values, targets, sources)

    def _fresh(self, sources: Sequence[IntArray], shortlist: IntArray | None) -> dict[str, Any]:
        """Feeds that read sentences from their start."""
        source, lengths = padded(sources)
        return self._feeds(len(sources), shortlist) | {"source": source, "source_lengths": lengths}

    def _feeds(self, batch: int, shortlist: IntArray | None) -> dict[str, Any]:
        """Every input of the file, with nothing to do."""
        feeds: dict[str, Any] = {
            "source": np.zeros((batch, 0), np.int64),
            "source_lengths": np.zeros(batch, np.int64),
            "encoded": np.zeros((batch, 0, self._encoded), np.float32),
            "state": np.zeros((batch, self._state), np.float32),
            "coverage": np.zeros((batch, 0), np.float32),
            "tokens": np.zeros((batch, 0), np.int64),
            "token_lengths": np.zeros(batch, np.int64),
            "beam_size": np.array(0, np.int64),
            "max_lengths": np.zeros(batch, np.int64),
            "min_lengths": np.zeros(batch, np.int64),
            "alpha": np.array(0, np.float32),
        }
        if self.has_shortlist:
            feeds["shortlist"] = np.zeros(0, np.int64) if shortlist is None else shortlist
        if self._has_text:
            feeds["text"] = np.full(batch, "", object)
        return feeds


def padded(rows: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Rows of ids as one array `[batch, longest]`, padded with the end token, and their lengths `[batch]`."""
    lengths = np.array([len(row) for row in rows], np.int64)
    array = np.full((len(rows), int(lengths.max(initial=0))), EOS, np.int64)
    for row, ids in enumerate(rows):
        array[row, : len(ids)] = ids
    return array, lengths


def _found(values: dict[str, Any], row: int, source: int, longest: int) -> list[Found]:
    """The hypotheses of one sentence, cut to their lengths."""
    kept = []
    for rank, length in enumerate(values["hypothesis_lengths"][row].tolist()):
        told, score = values["token_log_probs"][row, rank], float(values["scores"][row, rank])
        if score < IMPOSSIBLE:
            continue
        # Past the end of a hypothesis that was cut at its longest stands a 0, no log-probability of the end.
        ended = length < len(told) and (length < longest or told[length] != 0)
        steps = length + 1 if ended else length
        attention = values["attention"][row, rank, :steps, : source + 1] if "attention" in values else None
        tokens = values["hypotheses"][row, rank, :length].tolist()
        kept.append(Found(tokens, score, told[:steps].astype(float).tolist(), attention))
    return kept


def _given(values: dict[str, Any], rows: Sequence[IntArray], sources: Sequence[IntArray]) -> list[Given]:
    return [
        Given(
            values["log_probs"][row, : len(ids)],
            values["given_attention"][row, : len(ids), : len(sources[row]) + 1],
        )
        for row, ids in enumerate(rows)
    ]
