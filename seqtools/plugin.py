"""All that a plugin imports: the hook marker, the specs it returns and the protocols it fills.

Nothing heavy is imported here or by a plugin's own `__init__.py`; a spec names its code as
`"module:attribute"` and the host imports it on first use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pluggy

from seqtools.errors import MissingDependencyError, PluginError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float32]

hookimpl = pluggy.HookimplMarker("seqtools")

# Which extra of `seqtools-suite` brings which module, for the cure in a missing-dependency error.
EXTRA_OF = {
    **dict.fromkeys(("torch", "onnx", "spox", "safetensors", "rich", "sklearn", "snowballstemmer"), "train"),
    **dict.fromkeys(("sacrebleu", "sacremoses"), "evaluate"),
    "matplotlib": "plot",
    "pyarrow": "parquet",
}


def missing_extra(error: BaseException, subject: str) -> MissingDependencyError | None:
    """What to tell a person if an import failed for want of an extra's package; None if it did not."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing not in EXTRA_OF:
        return None
    return MissingDependencyError(
        subject,
        f"it needs the package '{missing}', which is not installed",
        f'Install it with: pip install "seqtools-suite[{EXTRA_OF[missing]}]"',
    )


def resolve(target: str, subject: str) -> Any:
    """Import what a `"module:attribute"` string names.

    Raises:
        MissingDependencyError: a package of an extra is not installed.
        PluginError: the module or the attribute does not exist, or its import failed.
    """
    module_name, _, attribute = target.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        missing = missing_extra(error, subject)
        if missing:
            raise missing from error
        raise PluginError(subject, f"cannot import {target!r} ({error})", "Reinstall the plugin") from error
    return value


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One thing a plugin offers.

    Attributes:
        name: how people and files call it; versioned (`lstm.v1`) where files record it.
        target: `"module:attribute"`, imported on first use.
        summary: one line for `--help` and `plugins show`.
    """

    kind: ClassVar[str] = "spec"
    name: str
    target: str
    summary: str

    def load(self) -> Any:
        """Import and return the target."""
        return resolve(self.target, f"{self.kind} '{self.name}'")


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A click command; `parent` puts it below a group (`train generate`, `demo generate`)."""

    kind: ClassVar[str] = "command"
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """What a model file is for. `target` opens one: `(ModelFile, *, device, threads, deadline) -> runtime`.

    Attributes:
        evaluate: `"module:command"`, the click command behind `seqtools evaluate` for this task.
        export: `"module:function"`, `(run: Path, output: Path, *, profile, form, report) -> ExportReport`.
        recipe: `"module:Class"`, the dataclass that its recipes fill; presets lie in `presets/` beside it.
        bundled: `"package:path/inside"` of a model shipped in the wheel, or "".
    """

    kind: ClassVar[str] = "task"
    evaluate: str = ""
    export: str = ""
    recipe: str = "seqtools.recipe:Recipe"
    bundled: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec(Spec):
    """A tokenizer. `target` is its class; `graph` names its faces inside an ONNX graph, or is ""."""

    kind: ClassVar[str] = "tokenizer"
    graph: str = ""


@dataclass(frozen=True, kw_only=True)
class CellSpec(Spec):
    """A recurrent cell. `target` is its torch class; `lowering` its spox class, "" to inline one step."""

    kind: ClassVar[str] = "cell"
    lowering: str = ""


@dataclass(frozen=True, kw_only=True)
class DecoderSpec(Spec):
    """A way to choose tokens. `target` is the host face, `graph` the face inside an ONNX graph, or ""."""

    kind: ClassVar[str] = "decoder"
    graph: str = ""


@dataclass(frozen=True, kw_only=True)
class SearchScorerSpec(Spec):
    """What a search ranks by. `target` makes a `seqtools.search.SearchScorer` from its settings."""

    kind: ClassVar[str] = "scorer"


@dataclass(frozen=True, kw_only=True)
class SearchConstraintSpec(Spec):
    """What a search may not or must write. `target` makes a `seqtools.search.SearchConstraint`."""

    kind: ClassVar[str] = "constraint"


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A figure. `target` is `(MetricInput) -> float`; `unit` and `lower_is_better` describe it."""

    kind: ClassVar[str] = "metric"
    unit: str = ""
    lower_is_better: bool = True


class Tokenizer(Protocol):
    """Text to ids and back, in numpy; the payload is what a model file carries.

    Ids are dense, `0 <= id < vocab_size`, and never change once given: extending adds at the end.
    """

    kind: ClassVar[str]

    @property
    def vocab_size(self) -> int:
        """Number of ids."""

    @property
    def bos(self) -> int:
        """Id that starts a text (per-line models)."""

    @property
    def eos(self) -> int:
        """Id that ends a text (per-line models)."""

    @property
    def unknown(self) -> int:
        """Id for what has no other; -1 if every text can be told exactly."""

    @classmethod
    def train(cls, texts: Iterable[str], **options: Any) -> Tokenizer:
        """Learn a vocabulary from an iterable of text pieces (a piece is at most some MB)."""

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Tokenizer:
        """Rebuild from `payload()`; JSON-safe values only."""

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""

    def extend(self, texts: Iterable[str]) -> Tokenizer:
        """A tokenizer with the pieces new in `texts` added at the end; old ids stay."""

    def encode(self, text: str) -> IntArray:
        """Ids of a text, shape `[time]`; no start or end ids are added."""

    def encode_sampled(self, text: str, rng: np.random.Generator) -> IntArray:
        """As `encode`, but a random segmentation where the kind has one (training only)."""

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """Text of ids; start and end ids are skipped."""

    def stream(self) -> TokenStream:
        """An incremental decoder for printing while tokens arrive."""


class TokenStream(Protocol):
    """Turns ids into text piece by piece; never emits half a character."""

    def push(self, token: int) -> str:
        """Text that is final once this token is known (may be empty)."""

    def flush(self) -> str:
        """What is still held back, broken bytes as U+FFFD."""


class StepModel(Protocol):
    """All that a host-side decoder sees of a network.

    A state belongs to the model: a decoder hands it back and never looks inside. Its rows are one
    sequence under way each. A model with a source may also have `attention`, see `AttentiveModel`.
    """

    def start(self, batch: int) -> Any:
        """A fresh state of `batch` rows."""

    def first(self, batch: int) -> tuple[FloatArray, Any]:
        """Log-probabilities `[batch, vocab]` of each row's first token, and the state before it."""

    def step(self, tokens: IntArray, state: Any) -> tuple[FloatArray, Any]:
        """Feed `tokens [rows]`; return next-token log-probabilities `[rows, vocab]` and the new state."""

    def reorder(self, state: Any, rows: IntArray) -> Any:
        """State of the given rows, in that order; rows may repeat and may be left out."""


class AttentiveModel(StepModel, Protocol):
    """A model that tells where it looks."""

    def attention(self, state: Any) -> FloatArray:
        """Attention `[rows, source]` with which the next token is predicted; 0 where a row has no source."""


@dataclass(frozen=True)
class TrainingEvent:
    """What `seqtools_training_event` receives.

    Attributes:
        kind: `started`, `step`, `evaluated`, `saved` or `finished`.
        run: the run folder.
        step: optimiser steps done.
        values: figures known at that moment (loss, rate, valid_loss, …).
    """

    kind: str
    run: Path
    step: int
    values: Mapping[str, float] = field(default_factory=dict)


Reporter = Callable[[str], None]
"""Something that shows one line of progress to a person (stderr), or drops it."""

__all__ = [
    "AttentiveModel",
    "CellSpec",
    "CommandSpec",
    "DecoderSpec",
    "MetricSpec",
    "Reporter",
    "SearchConstraintSpec",
    "SearchScorerSpec",
    "Spec",
    "StepModel",
    "TaskSpec",
    "TokenStream",
    "Tokenizer",
    "TokenizerSpec",
    "TrainingEvent",
    "hookimpl",
    "resolve",
]
