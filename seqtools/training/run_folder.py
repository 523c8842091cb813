"""The folder that tells a run's whole story: recipe, data, figures, weights, and the file made of them.

recipe.toml run.json tokenizer.json      what was asked for, with what, from what
data/train.bin data/valid.bin            token streams
checkpoint/ metrics.jsonl samples.txt    written by the loop
best.safetensors floor.json model.onnx   what came out
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from seqtools import config, loader
from seqtools.errors import DataError
from seqtools.plugin import Tokenizer, resolve
from seqtools.training.files import write_text
from seqtools.training.token_stream import StreamInfo, open_stream, stream_info

if TYPE_CHECKING:
    from torch import Tensor

    from seqtools.nn.language_model import LanguageModel


class RunFolder:
    """Reads and writes a run folder; see the module for what lies where."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "recipe.toml").is_file()

    @classmethod
    def open(cls, path: Path) -> Self:
        """A folder in which a run was begun.

        Raises:
            DataError: it is none.
        """
        run = cls(path)
        if not run.exists:
            raise DataError(
                str(path),
                "it is not a run folder (there is no recipe.toml)",
                "Give the folder after -o of a training",
            )
        return run

    def recipe(self) -> Any:
        """The resolved recipe, of the class that its task names."""
        layer = config.read_layer(self.path / "recipe.toml")
        task = loader.task(str(layer.values.get("task", "")))
        return config.build(layer, kind=resolve(task.recipe, f"task '{task.name}'"))

    def write_recipe(self, recipe: Any) -> None:
        """Store the resolved recipe."""
        write_text(self.path / "recipe.toml", config.dump(recipe))

    def tokenizer(self) -> Tokenizer:
        """The run's tokenizer."""
        return loader.tokenizer_from(self._json("tokenizer.json"))

    def write_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Store a tokenizer."""
        self.write_json("tokenizer.json", {"kind": tokenizer.kind, "payload": tokenizer.payload()})

    def stream(self, part: str) -> NDArray[Any]:
        """Ids of `train` or `valid`, memory-mapped."""
        return open_stream(self.stream_path(part))

    def stream_info(self, part: str) -> StreamInfo:
        """What lies in that stream."""
        return stream_info(self.stream_path(part))

    def stream_path(self, part: str) -> Path:
        """Where that stream lies."""
        return self.path / "data" / f"{part}.bin"

    def valid_tokens(self) -> NDArray[Any]:
        """Validation ids, memory-mapped."""
        return self.stream("valid")

    def network(self) -> LanguageModel:
        """The best network so far, in eval mode on the CPU.

        Raises:
            DataError: the run has no weights yet.
        """
        from seqtools.nn.language_model import LanguageModel

        weights = self.best_weights()
        network = LanguageModel(self.recipe().network, self.tokenizer().vocab_size)
        network.load_state_dict(weights)
        return network.eval()

    def best_weights(self, training: Path | None = None) -> dict[str, Tensor]:
        """The weights that did best.

        Args:
            training: the folder of a further training inside the run; None for the run's own.

        Raises:
            DataError: the run has no weights yet.
        """
        from safetensors.torch import load_file

        weights = (training or self.path) / "best.safetensors"
        if not weights.is_file():
            cure = "Train it further: run its command again"
            raise DataError(str(self.path), "the run has no weights yet", cure)
        return load_file(weights)

    def info(self) -> dict[str, Any]:
        """What run.json says: command, data, versions, figures."""
        return self._json("run.json")

    def floor(self) -> dict[str, Any]:
        """The n-gram floor's figures; empty if it was not computed."""
        return self.optional("floor.json")

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file atomically."""
        write_text(self.path / name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def write_payload(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file atomically, all on one line, as long lists want it."""
        write_text(self.path / name, json.dumps(value, ensure_ascii=False) + "\n")

    def optional(self, name: str) -> dict[str, Any]:
        """What a JSON file says; empty if it is not there."""
        return self._json(name) if (self.path / name).is_file() else {}

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise DataError(
                str(self.path / name), f"cannot be read ({error})", "Is the run folder whole?"
            ) from error
        return value
