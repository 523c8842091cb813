"""Open a `generate` file and write, stream, score with it. numpy and onnxruntime only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.errors import ModelFileError, UsageError
from seqtools.model_file import ModelFile
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.runtime.session import Session
from seqtools_generate import beams, saved_state
from seqtools_generate.constraints import bias_vector
from seqtools_generate.file_model import FileModel
from seqtools_generate.results import Ranked, Result, Scored
from seqtools_generate.saved_state import SavedState
from seqtools_generate.settings import REMEMBERED, Settings, checked_seed
from seqtools_generate.writing import LARGEST_CHUNK, Batch, Choose, Text, chunks, in_graph, on_host

_ROWS_AT_ONCE = 64


def open_generator(
    model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
) -> Generator:
    """The runtime of the task `generate`; see `seqtools.load`."""
    session = Session(model.data, subject=str(model.path), device=device, threads=threads, deadline=deadline)
    if not model.tokenizer:
        cause = "its metadata has no tokenizer"
        raise ModelFileError(str(model.path), cause, "Export it again with: seqtools export RUN -o FILE")
    return Generator(model, session, loader.tokenizer_from(model.tokenizer))


def random_seed() -> int:
    """A seed nobody chose, short enough to type."""
    return secrets.randbits(32)


class Generator:
    """A language model that writes.

    The same prompt, seed, sample number and settings give the same text: alone or among others, streamed
    or not, in one go or over a saved state.

    Attributes:
        file: the model file.
        tokenizer: its tokenizer.
        session: the onnxruntime session.
        per_line: the model writes one line (a name, a title) and ends it by itself.
    """

    def __init__(self, file: ModelFile, session: Session, tokenizer: Tokenizer) -> None:
        self.file, self.session, self.tokenizer = file, session, tokenizer
        self.per_line = _trained_per_line(file)
        self._model = FileModel(file, session, tokenizer.vocab_size)
        self._last: list[Text] = []

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        *,
        num_samples: int = 1,
        best_of: int = 0,
        seed: int | None = None,
        state: SavedState | None = None,
        hold: bool = False,
        settings: Settings | None = None,
        **options: Any,
    ) -> list[Result]:
        """Write texts.

        Args:
            prompt: what to go on from, or several; "" is a fresh start.
            num_samples: texts for each prompt, numbered from 0 (from the state's own number).
            best_of: write so many for each prompt and keep the `num_samples` likeliest by mean
                log-probability of a token; 0 keeps all.
            seed: 0 to 2^64 - 1; None is the state's, or a random one.
            state: go on from here, see `load_state`.
            hold: where the length ends a text, keep back what may be the start of a stop; a run that goes
                on from `save_state` prints it first.
            settings: all of the below at once.
            options: fields of `Settings`: max_tokens, temperature, top_k, top_p, min_p, typical,
                repetition_penalty, repeat_last_n, no_repeat_ngram, logit_bias, stop, ignore_eos.

        Returns:
            Results, prompt by prompt; samples in order, the likeliest first with `best_of`.

        Raises:
            UsageError: an option is unknown or out of range, or nothing would end the text.
        """
        chosen = _settings(settings, options)
        self._check_counts(chosen, num_samples, best_of)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        choose, seed = self._choose(chosen), _seed(seed, state)
        first = state.sample if state else 0
        wanted = range(first, first + max(num_samples, best_of))
        kept: list[tuple[Result, Text]] = []
        for text in prompts:
            start = self._start(text, seed, state)
            rows = [self._text(start.numbered(sample), chosen, keep=True) for sample in wanted]
            _write(choose, rows, chosen.max_tokens, hold=hold)
            done = [(_result(text, row), row) for row in rows]
            if best_of:
                done.sort(key=lambda pair: -pair[0].mean_logprob)
            kept += done[:num_samples]
        self._last = [row for _, row in kept]
        return [result for result, _ in kept]

    def stream(
        self,
        prompt: str = "",
        *,
        seed: int | None = None,
        state: SavedState | None = None,
        hold: bool = False,
        chunk: int = 8,
        settings: Settings | None = None,
        **options: Any,
    ) -> Iterator[str]:
        """Write one text and hand it out as it comes, whole characters only, in constant memory.

        Args:
            prompt, seed, state, hold, settings, options: as in `generate`.
            chunk: most tokens between two pieces; the first ones come sooner. It changes no text.

        Raises:
            UsageError: an option is unknown or out of range.
        """
        chosen = _settings(settings, options)
        if not 1 <= chunk <= LARGEST_CHUNK:
            raise UsageError("chunk", f"{chunk} is out of range", f"Use 1 to {LARGEST_CHUNK}")
        row = self._text(self._start(prompt, _seed(seed, state), state), chosen, keep=False)
        self._last = [row]
        batch = Batch(self._choose(chosen), [row], chosen.max_tokens, hold)
        return (piece for (piece,) in batch.pieces(chunks(1, chunk)) if piece)

    def search(
        self,
        prompt: str | Sequence[str] = "",
        *,
        beam_size: int = 5,
        n_best: int = 1,
        max_tokens: int = 300,
        ignore_eos: bool = False,
        state: SavedState | None = None,
        **options: Any,
    ) -> list[Ranked]:
        """Find likely texts by beam search: nothing is random, several hypotheses compete.

        Args:
            prompt: what to go on from, or several; "" is a fresh start.
            beam_size: hypotheses kept; 1 is greedy.
            n_best: texts for each prompt, at most `beam_size`.
            max_tokens: most tokens of a text.
            ignore_eos: go on after the end token of models of lines.
            state: go on from here, see `load_state`.
            options: length_penalty, alpha, word_reward, min_length; no_repeat_ngram and repetition_penalty,
                which look at what is new; scorers and constraints of plugins, `{name: {setting: value}}`.

        Returns:
            Texts, prompt by prompt, the best first.

        Raises:
            UsageError: an option is unknown or out of range.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        starts = [self._start(text, 0, state) for text in prompts]
        eos = self.tokenizer.eos if self.per_line and not ignore_eos else -1
        if not starts:
            return []
        found = beams.search(
            beams.Primed(self._model, np.stack([start.state for start in starts])),
            self.tokenizer,
            beam_size=beam_size,
            n_best=n_best,
            max_tokens=max_tokens,
            eos=eos,
            options=options,
        )
        settings = Settings(max_tokens=max_tokens, ignore_eos=ignore_eos)
        return [
            _ranked(text, self._text(start, settings, keep=True), one, rank)
            for text, start, hypotheses in zip(prompts, starts, found, strict=True)
            for rank, one in enumerate(hypotheses)
        ]

    @property
    def stop_reason(self) -> str:
        """Why the last text ended: `length`, `stop`, `end`; "" if it has not."""
        return self._last[0].stop_reason if self._last else ""

    def score(self, text: str, *, prompt: str = "") -> Scored:
        """How likely a text is, from the same start that `generate` has.

        Args:
            text: the text; every one of its tokens is scored.
            prompt: what stands before it.
        """
        ids = self.encode(text)
        told, _ = self._model.score_long(ids, self._start(prompt, 0, None).state)
        return Scored(text, ids.tolist(), [float(value) for value in told])

    def score_batch(self, tokens: IntArray, state: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Log-probability of each of `tokens [batch, time]`, and the state `[batch, S]` after them.

        Args:
            tokens: ids; the first column is scored by the state alone.
            state: `[batch, S]`; None is a fresh one.
        """
        return self._model.score(np.asarray(tokens, np.int64), state)

    def next_log_probs(self, prompt: str = "", *, state: SavedState | None = None) -> FloatArray:
        """Log-probabilities `[vocab]` of the token after a prompt."""
        ahead: FloatArray = self._model.next_log_probs(self._start(prompt, 0, state).state[None])[0]
        return ahead

    def encode(self, text: str) -> IntArray:
        """Ids of a text, `[time]`."""
        return np.asarray(self.tokenizer.encode(text), np.int64)

    def unknowns(self, text: str) -> int:
        """How many tokens of a text the vocabulary lacks."""
        unknown = self.tokenizer.unknown
        return 0 if unknown < 0 else int(np.count_nonzero(self.encode(text) == unknown))

    def saved(self) -> SavedState:
        """Where the (first) text of the last run stands.

        Raises:
            UsageError: nothing was written yet.
        """
        if not self._last:
            raise UsageError("save_state", "nothing was written yet", "Call generate or stream first")
        return self._last[0].saved()

    def save_state(self, path: str | os.PathLike[str], state: SavedState | None = None) -> None:
        """Write a small file from which this model can go on, by default with the last run's first text."""
        saved_state.write(Path(path), state or self.saved(), self.file.sha256)

    def load_state(self, path: str | os.PathLike[str]) -> SavedState:
        """Read what `save_state` wrote; hand it to `generate` or `stream`.

        Raises:
            DataError: the file is missing or damaged.
            ModelFileError: it belongs to another model.
        """
        width, vocab = self._model.state_width, self._model.vocab
        return saved_state.read(Path(path), self.file.sha256, width=width, vocab=vocab)

    def _check_counts(self, settings: Settings, num_samples: int, best_of: int) -> None:
        if num_samples < 1:
            raise UsageError("num-samples", f"{num_samples} is out of range", "Use 1 or more")
        if best_of < 0 or 0 < best_of < num_samples:
            cure = f"Use at least num-samples ({num_samples}), or 0 for off"
            raise UsageError("best-of", f"{best_of} is out of range", cure)
        ends = settings.stop or (self.per_line and not settings.ignore_eos)
        if settings.max_tokens < 0 and not ends:
            raise UsageError("max-tokens", "-1 has no end here", "Stream it, or give a stop or a length")

    def _choose(self, settings: Settings) -> Choose:
        if not settings.needs_host:
            return in_graph(self._model, settings)
        return on_host(self._model, settings, bias_vector(settings.logit_bias, self.tokenizer))

    def _text(self, start: SavedState, settings: Settings, *, keep: bool) -> Text:
        eos = self.tokenizer.eos if self.per_line and not settings.ignore_eos else -1
        return Text(start, self.tokenizer, settings.stop, eos, keep=keep)

    def _start(self, prompt: str, seed: int, state: SavedState | None) -> SavedState:
        """The place after a prompt has been read."""
        ids = self.encode(prompt)
        if state is None:
            ids = np.concatenate([self._opening(fresh=not len(ids)), ids])
            state = SavedState(self._model.start(1)[0])
        elif not len(ids):
            return replace(state, seed=seed)
        primed = self._model.prime(ids, state.state)
        recent = (*state.recent, *ids[-REMEMBERED:].tolist())[-REMEMBERED:]
        return SavedState(primed, state.position, seed, state.sample, recent)

    def _opening(self, *, fresh: bool) -> IntArray:
        """What stands before a text: the start token in a per-line model, else a line end if it is empty."""
        if self.per_line:
            return np.array([self.tokenizer.bos], np.int64)
        newline = self.encode("\n") if fresh else np.zeros(0, np.int64)
        return newline if len(newline) == 1 and newline[0] != self.tokenizer.unknown else newline[:0]


def _trained_per_line(file: ModelFile) -> bool:
    """Whether the card says that each training text was one line between start and end tokens."""
    told = file.card.get("tokenizer")
    return isinstance(told, dict) and told.get("one_text_a_line") is True


def _settings(settings: Settings | None, options: dict[str, Any]) -> Settings:
    if "stop" in options:
        stop = options["stop"]
        options["stop"] = (stop,) if isinstance(stop, str) else tuple(stop or ())
    try:
        return replace(settings or Settings(), **options)
    except TypeError as error:
        raise UsageError(
            "generate", str(error).rpartition("() ")[2], "See help(seqtools.load(...))"
        ) from error


def _seed(seed: int | None, state: SavedState | None) -> int:
    if seed is not None:
        return checked_seed(seed)
    return state.seed if state else random_seed()


def _write(choose: Choose, rows: list[Text], max_tokens: int, *, hold: bool) -> None:
    """Write texts to their ends, some at a time."""
    waiting = iter(rows)
    while group := list(islice(waiting, _ROWS_AT_ONCE)):
        for _ in Batch(choose, group, max_tokens, hold).pieces(chunks(32, 128)):
            pass


def _result(prompt: str, row: Text) -> Result:
    text, start = "".join(row.text), row.start
    return Result(text, prompt, row.tokens, row.logprobs, start.seed, start.sample, row.stop_reason)


def _ranked(prompt: str, row: Text, hypothesis: Any, rank: int) -> Ranked:
    end = [row.eos] if hypothesis.finished else []
    row.take(np.array(hypothesis.tokens + end, np.int64), np.array(hypothesis.log_probs))
    if not row.stop_reason:
        row.finish(hold=False)
    text = "".join(row.text)
    return Ranked(text, prompt, row.tokens, hypothesis.log_probs, hypothesis.score, rank, row.stop_reason)
