"""Everything a run is at one step, saved and restored over all processes: what makes resume exact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from seqtools.errors import TrainingError
from seqtools.training.checkpoint import CheckpointFolder, pack, unpack
from seqtools.training.experiment import Experiment
from seqtools.training.metrics_log import Logbook
from seqtools.training.rng import generator_states, set_generator_states
from seqtools.training.world import World


class Part(Protocol):
    """Anything with a state that all ranks share."""

    def state_dict(self) -> dict[str, Any]:
        """Its state: nested dicts with string keys, lists, tensors, JSON values."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Take back `state_dict`."""


class Snapshots:
    """Saves and restores a run.

    Rank 0 writes. What the ranks share is written once; each rank's own carried states and random
    generators are gathered and written side by side.

    Args:
        run: the run folder.
        world: this process's place.
        experiment: the task's side; its network and its own state are included.
        parts: what else all ranks share, by name.
        logbook: the logs, cut back on restore to their lengths at the checkpoint.
        kind: what must agree between a checkpoint and the run that resumes it (name -> value).
    """

    def __init__(
        self,
        run: Path,
        world: World,
        experiment: Experiment,
        parts: Mapping[str, Part],
        logbook: Logbook,
        kind: Mapping[str, str | int],
    ) -> None:
        self._run, self._world, self._experiment = run, world, experiment
        self._parts, self._logbook = parts, logbook
        self._kind = {**kind, "processes": world.size}
        self.folder = CheckpointFolder(run)

    def save(self, step: int) -> None:
        """Write the checkpoint of a step; all ranks call it together.

        Raises:
            TrainingError: the disk is full; the previous checkpoint stays.
        """
        own: dict[str, Tensor] = {}
        tree = pack({"experiment": self._experiment.state_dict(), "generators": generator_states()}, own)
        ranks = self._world.collect((tree, {name: value.cpu() for name, value in own.items()}))
        if not self._world.leads:
            return
        state: dict[str, Any] = {
            "kind": self._kind,
            "step": step,
            "network": self._experiment.network.state_dict(),
            "logs": self._logbook.lengths(),
            "ranks": [unpack(*rank) for rank in ranks],
        }
        state["parts"] = {name: part.state_dict() for name, part in self._parts.items()}
        self.folder.save(step, state)

    def restore(self) -> int:
        """Go back to the newest checkpoint; returns its step, 0 if there is none.

        Raises:
            TrainingError: it is damaged, or of another network, optimiser or number of processes.
        """
        state = self.folder.load()
        if self._world.leads:
            self._logbook.cut(state["logs"] if state else {})
        if state is None:
            return 0
        self._check(state["kind"])
        try:
            self._experiment.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise TrainingError(
                str(self._run), "its checkpoint is of a different network", "Resume it with the recipe it has"
            ) from error
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        own = state["ranks"][self._world.rank]
        self._experiment.load_state_dict(own["experiment"])
        set_generator_states(own["generators"])
        return int(state["step"])

    def _check(self, kind: Mapping[str, str | int]) -> None:
        for name, value in self._kind.items():
            if kind.get(name) != value:
                raise TrainingError(
                    str(self._run),
                    f"its checkpoint has {name} {kind.get(name)}, this run {value}",
                    "Resume it as it was started, or choose another run folder",
                )
