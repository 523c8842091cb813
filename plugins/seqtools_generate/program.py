"""What `seqtools generate` does with its options. Heavy modules are imported once the options make sense."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seqtools.errors import UsageError
from seqtools.line_source import typed
from seqtools.output import note, warn
from seqtools_generate.settings import Settings, checked_seed

if TYPE_CHECKING:
    from seqtools_generate.results import Ranked, Result
    from seqtools_generate.run import Generator
    from seqtools_generate.saved_state import SavedState

_FOR_SAMPLES = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical",
    "repeat_last_n",
    "logit_bias",
    "stop",
    "num_samples",
    "best_of",
    "seed",
    "save_state",
)
_FOR_BEAMS = ("n_best", "length_penalty", "alpha")
_SEPARATOR = "---\n"
_TERMINAL_CHUNK, _PIPE_CHUNK = 8, 64


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call, as typed; see `command`."""

    prompt: str | None
    file: str | None
    model: str | None
    max_tokens: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical: float
    repetition_penalty: float
    repeat_last_n: int
    no_repeat_ngram: int
    logit_bias: tuple[str, ...]
    stop: tuple[str, ...]
    ignore_eos: bool
    num_samples: int
    best_of: int
    beam: int | None
    n_best: int
    length_penalty: str
    alpha: float
    seed: int | None
    as_json: bool
    no_display_prompt: bool
    save_state: str | None
    load_state: str | None
    device: str
    threads: int
    deadline: float
    given: frozenset[str] = frozenset()
    """Names of the options that were typed."""

    @property
    def whole(self) -> bool:
        """Whether texts are printed when they are done, not while they are written."""
        return self.as_json or self.num_samples > 1 or self.best_of > 0

    def settings(self) -> Settings:
        """The settings of the run.

        Raises:
            UsageError: a value is out of range, or two options contradict each other.
        """
        self._check_beam()
        if self.prompt is not None and self.file is not None:
            raise UsageError("generate", "PROMPT and --file are both given", "Give one of them")
        if self.save_state and self.num_samples > 1:
            cause = "--save-state keeps one text, but --num-samples asks for several"
            raise UsageError("generate", cause, "Drop one of them")
        if self.num_samples < 1:
            raise UsageError("num-samples", f"{self.num_samples} is out of range", "Use 1 or more")
        if self.seed is not None and self.seed != -1:
            checked_seed(self.seed)
        return Settings(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            typical=self.typical,
            repetition_penalty=self.repetition_penalty,
            repeat_last_n=self.repeat_last_n,
            no_repeat_ngram=self.no_repeat_ngram,
            logit_bias=dict(_bias(typed(told)) for told in self.logit_bias),
            stop=tuple(map(typed, self.stop)),
            ignore_eos=self.ignore_eos,
        )

    def _check_beam(self) -> None:
        """A search draws nothing, and a sample ranks nothing: options of the other kind are refused."""
        refused = _FOR_SAMPLES if self.beam is not None else _FOR_BEAMS
        for name in refused:
            if name in self.given:
                option = "--" + name.replace("_", "-")
                if self.beam is not None:
                    cause = f"{option} is for samples, and --beam draws none"
                    raise UsageError("generate", cause, "Drop one of them")
                raise UsageError("generate", f"{option} is for a beam search", "Give --beam N too")


def _bias(told: str) -> tuple[int | str, float]:
    """`TOKEN=BIAS`; `#12` is the token of id 12, anything else (even `=`) a text."""
    token, _, number = told.rpartition("=")
    try:
        bias = float(number)
    except ValueError:
        bias = float("nan")
    if not token or bias != bias:
        raise UsageError("logit-bias", f"{told!r} is not TOKEN=BIAS", "Write it like: --logit-bias e=-5")
    is_id = len(token) > 1 and token[0] == "#" and token[1:].isdecimal()
    return (int(token[1:]) if is_id else token), bias


def generate(request: Request) -> None:
    """Write what is asked for on stdout."""
    settings = request.settings()
    prompt = _prompt(request)
    model = _open(request)
    state = model.load_state(request.load_state) if request.load_state else None
    prompt = _tidy(model, prompt)
    if request.beam is not None:
        _searched(model, request, request.beam, prompt, state)
        return
    seed = _seed(request, state)
    if request.whole:
        _whole(model, request, settings, prompt, seed, state)
    else:
        _streamed(model, request, settings, prompt, seed, state)


def _prompt(request: Request) -> str:
    """The prompt: the argument, a file, or what is piped in."""
    if request.prompt is not None and request.prompt != "-":
        return typed(request.prompt)
    if request.file is not None and request.file != "-":
        return _file(Path(request.file))
    asked = request.prompt == "-" or request.file == "-"
    if asked or not (request.load_state or sys.stdin is None or sys.stdin.isatty()):
        return _stdin()
    return ""


def _file(path: Path) -> str:
    from seqtools.errors import DataError
    from seqtools.texts import decode

    text = "".join(decode(path))
    if not text:
        raise DataError(str(path), "the file is empty", "Give a file with some text in it")
    return text


def _stdin() -> str:
    """Text piped in; none at all is an empty prompt, not an error."""
    from seqtools.errors import DataError

    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cause = f"it is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start}"
        raise DataError("stdin", cause, "Convert it, for example with: iconv -f latin1 -t utf-8") from error


def _open(request: Request) -> Generator:
    from seqtools.bundled import open_model
    from seqtools_generate.run import open_generator

    file = open_model("generate", request.model)
    return open_generator(file, device=request.device, threads=request.threads, deadline=request.deadline)


def _tidy(model: Generator, prompt: str) -> str:
    """The prompt as the model is to read it; says what the model cannot read."""
    if model.per_line:
        prompt = prompt.removesuffix("\n").removesuffix("\r")
    unknown = model.unknowns(prompt)
    if unknown:
        total = len(model.encode(prompt))
        what = "the whole prompt is" if unknown == total else f"{unknown} of {total} tokens of the prompt are"
        warn(f"{what} unknown to this model")
    return prompt


def _tell_seed(request: Request, seed: int, state: SavedState | None) -> None:
    """Name a random seed, unless nothing is random."""
    chosen = request.seed == seed or (state is not None and request.seed is None)
    if request.temperature > 0 and not chosen:
        note(f"seed: {seed}")


def _seed(request: Request, state: SavedState | None) -> int:
    from seqtools_generate.run import random_seed

    if request.seed is not None and request.seed >= 0:
        return request.seed
    if state is not None and request.seed is None:
        return state.seed
    return random_seed()


def _shown(request: Request, prompt: str, state: SavedState | None) -> str:
    """What stands on stdout before the new text."""
    held = state.held if state is not None and prompt else ""
    return held + ("" if request.no_display_prompt else prompt)


def _streamed(
    model: Generator, request: Request, settings: Settings, prompt: str, seed: int, state: SavedState | None
) -> None:
    terminal = sys.stdout.isatty()
    chunk = _TERMINAL_CHUNK if terminal else _PIPE_CHUNK
    pieces = model.stream(
        prompt, seed=seed, state=state, hold=bool(request.save_state), chunk=chunk, settings=settings
    )
    _tell_seed(request, seed, state)
    last, pieces = "", chain([_shown(request, prompt, state)], pieces)
    if request.save_state:
        pieces = _until_interrupted(pieces)
    try:
        for piece in pieces:
            last = piece or last
            _say(piece)
        if (terminal or model.per_line) and not last.endswith("\n"):
            _say("\n")
    finally:  # an endless text ends with Ctrl-C, and can go on from there too
        if request.save_state:
            model.save_state(request.save_state)


def _until_interrupted(pieces: Iterator[str]) -> Iterator[str]:
    """The same pieces; Ctrl-C waits until one is printed, so that a state holds no text that nobody saw."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        for piece in pieces:
            yield piece
            if asked:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _whole(
    model: Generator, request: Request, settings: Settings, prompt: str, seed: int, state: SavedState | None
) -> None:
    results = model.generate(
        prompt,
        num_samples=request.num_samples,
        best_of=request.best_of,
        seed=seed,
        state=state,
        hold=bool(request.save_state),
        settings=settings,
    )
    _tell_seed(request, seed, state)
    _show(model, request, results, _shown(request, prompt, state))
    if request.save_state:
        model.save_state(request.save_state)


def _searched(model: Generator, request: Request, beam: int, prompt: str, state: SavedState | None) -> None:
    results = model.search(
        prompt,
        beam_size=beam,
        n_best=request.n_best,
        max_tokens=request.max_tokens,
        ignore_eos=request.ignore_eos,
        state=state,
        length_penalty=request.length_penalty,
        alpha=request.alpha,
        no_repeat_ngram=request.no_repeat_ngram,
        repetition_penalty=request.repetition_penalty,
    )
    _show(model, request, results, _shown(request, prompt, state))


def _show(model: Generator, request: Request, results: Sequence[Result | Ranked], before: str) -> None:
    if request.as_json:
        _say("".join(json.dumps(result.as_json(), ensure_ascii=False) + "\n" for result in results))
    else:
        _print(results, before, per_line=model.per_line)


def _print(results: Iterable[Result | Ranked], before: str, *, per_line: bool) -> None:
    """Texts with a line between them; a single one is printed just as it is."""
    texts = [before + result.text for result in results]
    if len(texts) > 1 or per_line:
        texts = [text if text.endswith("\n") else text + "\n" for text in texts]
    _say(("" if per_line else _SEPARATOR).join(texts))


def _say(text: str) -> None:
    """UTF-8 on stdout at once, whatever the locale is."""
    data = text.encode("utf-8", "replace")
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        stream.write(data)
    sys.stdout.flush()
