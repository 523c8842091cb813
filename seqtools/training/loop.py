"""The training loop, the same for every task and for one process or many.

A step: draw a loss, back-propagate, average gradients over processes, clip, let the optimiser move, update
the weight average. Around it: log, evaluate, keep the best, checkpoint, stop. Figures stay on the device
until the logging interval, so that on CUDA the host runs ahead; what is due is decided from the step and
the shared clock alone, so that all processes agree.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from seqtools import output
from seqtools.errors import TrainingError
from seqtools.loader import emit
from seqtools.plugin import Reporter, TrainingEvent
from seqtools.recipe import LoopConfig
from seqtools.training.averaging import WeightAverage
from seqtools.training.clipping import all_finite, clipper
from seqtools.training.clock import Clock, parse_duration
from seqtools.training.evaluations import Evaluations
from seqtools.training.experiment import Experiment
from seqtools.training.files import sweep, write_tensors
from seqtools.training.interrupt import Interrupt
from seqtools.training.limits import check_limits
from seqtools.training.meter import Meter
from seqtools.training.metrics_log import Logbook
from seqtools.training.optimizers import Moments, make_optimizer, set_rate
from seqtools.training.precision import autocast
from seqtools.training.progress import ProgressLine
from seqtools.training.rng import seed_all, shielded
from seqtools.training.schedules import Schedule
from seqtools.training.snapshots import Part, Snapshots
from seqtools.training.world import World

# Steps between looks at the shared clock when several processes train.
CLOCK_EVERY = 10


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        best: figures of the best evaluation, with its `step`; its weights are in best.safetensors.
        steps: optimiser steps done.
        stopped: `steps`, `time` or `patience`.
    """

    best: dict[str, float]
    steps: int
    stopped: str


def train(
    experiment: Experiment,
    config: LoopConfig,
    run: Path,
    *,
    world: World,
    report: Reporter,
    live: bool | None = None,
    rates: Mapping[str, float] | None = None,
) -> TrainingResult:
    """Train to the end, going on from the run folder's newest checkpoint if there is one.

    Writes best.safetensors, checkpoint/, metrics.jsonl and samples.txt into `run`.

    Args:
        experiment: the task's side; its network is on `world.device`.
        config: the recipe's training section.
        run: the run folder.
        world: this process's place; the caller closes it.
        report: shows a line to a person.
        live: draw a progress line on stderr; None does so on a terminal unless `--quiet` was given.
        rates: factors on the learning rate by parameter's name; see `make_optimizer`.

    Raises:
        TrainingError: the loss is not finite, or nothing can be written; the last good checkpoint is kept.
        UsageError: a key of the recipe is out of range.
        KeyboardInterrupt: after a checkpoint of the last whole step.
    """
    check_limits(config)
    torch.set_num_threads(config.threads)
    # Adam's moments of rare tokens fade into denormal numbers, on which CPUs crawl.
    torch.set_flush_denormal(True)
    if live is None:
        live = sys.stderr.isatty() and output.level() >= output.NORMAL
    try:
        unit = getattr(experiment, "unit", "tokens")
        with ProgressLine(world.reporter(report), live and world.leads, unit=unit) as line:
            return _Trainer(experiment, config, run, world, line, rates).train()
    finally:
        torch.set_flush_denormal(False)


class _Trainer:
    """One run: what changes while it trains, and the methods that change it."""

    def __init__(
        self, experiment: Experiment, config: LoopConfig, run: Path, world: World, line: ProgressLine,
        rates: Mapping[str, float] | None,
    ) -> None:  # fmt: skip
        self.experiment, self.config, self.run, self.world, self.line = experiment, config, run, world, line
        network = experiment.network
        world.copy_from_leader([*network.parameters(), *network.buffers()])
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(network, config, rates)
        self.schedule = Schedule(config)
        self.clip = clipper(config.clip, config.clip_at)
        self.average = WeightAverage(network, config.ema)
        self.autocast = autocast(config.precision, world.device)
        budget = parse_duration(config.max_time) if config.max_time else 0.0
        self.clock = Clock(planned_steps(config, experiment), budget)
        self.evaluations = Evaluations(config, self.clock, experiment.judged_by, experiment.higher_is_better)
        self.meter, self.logbook = Meter(world), Logbook(run)
        parts: dict[str, Part] = {
            "average": self.average,
            "optimizer": Moments(self.optimizer),
            "schedule": self.schedule,
            "evaluations": self.evaluations,
            "clock": self.clock,
        }
        kind = {"optimizer": config.optimizer}
        self.snapshots = Snapshots(run, world, experiment, parts, self.logbook, kind)
        self.step, self.elapsed, self.rate = 0, 0.0, 0.0
        self.began = self.logged = (0, 0.0)

    def train(self) -> TrainingResult:
        """Steps until the end, then the last evaluation."""
        seed_all(self.config.seed, self.world.rank)
        self.run.mkdir(parents=True, exist_ok=True)
        if self.world.leads:
            sweep(self.run)
        self.step = self.snapshots.restore()
        if self.step:
            self.line.say(f"Going on from step {self.step}.")
        self.began = self.logged = (self.step, self.clock.elapsed)
        self.emit("started", {})
        self.experiment.network.train()
        with Interrupt(self.line.say, patient=self.world.size > 1) as interrupt:
            progress = self.progress()
            while not (stopped := self.reason_to_stop(progress)):
                self.take_step(progress)
                progress = self.progress()
                self.attend(progress)
                if self.asked_to_stop(interrupt):
                    self.save(progress)
                    raise KeyboardInterrupt
            if self.evaluations.latest != self.step:
                self.evaluate(1.0)
        self.emit("finished", self.evaluations.best)
        return TrainingResult(self.evaluations.best, self.step, stopped)

    def asked_to_stop(self, interrupt: Interrupt) -> bool:
        """Whether Ctrl-C was pressed; several processes agree on the step at which they heard of it."""
        if self.world.size == 1:
            return interrupt.asked
        return self.step % CLOCK_EVERY == 0 and self.world.any(interrupt.asked)

    def take_step(self, progress: float) -> None:
        """One optimiser step over `accumulate` losses; nothing here waits for the device."""
        shares = self.config.accumulate
        self.experiment.progress = progress
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for _ in range(shares):
            with self.autocast:
                loss = self.experiment.loss()
            torch.autograd.backward(loss.objective / shares if shares > 1 else loss.objective)
            losses.append((loss.nats, loss.count, loss.tokens or loss.count, loss.rate))
        self.world.average_gradients(self.parameters)
        norm = self.clip(self.parameters)
        self.rate = self.schedule.rate(self.step, progress) * sum(rate for *_, rate in losses) / shares
        set_rate(self.optimizer, self.rate)
        self.optimizer.step()
        self.average.update()
        self.step += 1
        nats = losses[0][0] if shares == 1 else torch.stack([nats for nats, *_ in losses]).sum()
        count, tokens = (sum(part) for part in list(zip(*losses, strict=True))[1:3])
        self.meter.add(self.step, nats, count, norm, tokens)

    def attend(self, progress: float) -> None:
        """Log, evaluate and checkpoint where it is due after a step; the end of the run has its own."""
        if self.step % self.config.log_every == 0:
            self.log(progress)
        if self.evaluations.due(self.step, progress):
            self.evaluate(progress)
        elif progress < 1.0 and self.step % self.config.checkpoint_every == 0:
            self.save(progress)

    def progress(self) -> float:
        """Share of the run that is done, the same on every rank."""
        if self.clock.budget and (self.world.size == 1 or self.step % CLOCK_EVERY == 0):
            self.elapsed = self.world.tell(self.clock.elapsed)
        return self.clock.progress(self.step, self.elapsed)

    def reason_to_stop(self, progress: float) -> str:
        """Why the run is over, "" if it is not."""
        if self.evaluations.hopeless:
            return "patience"
        if progress < 1.0:
            return ""
        return "steps" if 0 < self.clock.steps <= self.step else "time"

    def log(self, progress: float) -> None:
        """Read the meter; write, show and tell what it says.

        Raises:
            TrainingError: a loss or gradient since the last reading was not finite.
        """
        reading = self.meter.read()
        if reading is None:
            return
        if reading.bad_step is not None:
            raise self.diverged(reading.bad_step, reading.bad_what)
        now = self.clock.elapsed
        speed = reading.tokens / max(now - self.logged[1], 1e-9)
        self.logged = (self.step, now)
        if not self.world.leads:
            return
        figures = {
            "loss": reading.loss,
            "lr": self.rate,
            "grad_norm": reading.norm,
            "tokens_per_second": speed,
            "progress": progress,
            "elapsed": now,
        }
        self.logbook.metrics("train", self.step, figures)
        self.emit("step", figures)
        self.line.update(self.step, progress, reading.loss, speed, self.clock.left(self.step, *self.began))

    def evaluate(self, progress: float) -> None:
        """Evaluate and show, keep the weights if they are the best so far, checkpoint.

        Raises:
            TrainingError: the training or validation loss is not finite, or nothing can be written.
        """
        self.log(progress)
        self.check_weights()
        told = self.measure() if self.world.leads else ({}, "", 0.0)
        figures, text, self.clock.evaluation = self.world.tell(told)
        if not math.isfinite(figures["valid_loss"]):
            raise self.diverged(self.step, f"the validation loss is {figures['valid_loss']}")
        improved = self.evaluations.hear(self.step, progress, figures)
        self.schedule.evaluated(improved)
        if self.world.leads:
            if improved:
                self.keep_best()
            self.logbook.metrics("valid", self.step, {**figures, "elapsed": self.clock.elapsed})
            self.show(figures, text, improved)
        self.emit("evaluated", figures)
        self.save(progress)
        self.logged = (self.step, self.clock.elapsed)

    def measure(self) -> tuple[dict[str, float], str, float]:
        """Figures, a sample and the seconds they took; averaged weights, eval mode, generators shielded."""
        began, network = self.clock.elapsed, self.experiment.network
        with shielded(), torch.no_grad(), self.average.swapped():
            network.eval()
            figures, text = dict(self.experiment.evaluate()), self.experiment.sample()
            network.train()
        return figures, text, self.clock.elapsed - began

    def keep_best(self) -> None:
        """Write the evaluated weights to best.safetensors."""
        with self.average.swapped():
            write_tensors(self.run / "best.safetensors", self.experiment.network.state_dict())

    def show(self, figures: Mapping[str, float], text: str, improved: bool) -> None:
        """Say an evaluation to a person and keep its sample."""
        told = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
        best, by = self.evaluations.best, self.evaluations.judged_by
        where = "best so far" if improved else f"best {best[by]:.4f} at step {best['step']:.0f}"
        self.line.say(f"step {self.step}  {told}  ({where})")
        if text:
            self.logbook.sample(self.step, text)
            self.line.say(text)

    def save(self, progress: float) -> None:
        """Write a checkpoint of this step from which any process can go on exactly.

        Raises:
            TrainingError: numbers are no longer finite, or the disk is full.
        """
        self.log(progress)
        self.check_weights()
        self.snapshots.save(self.step)
        self.emit("saved", {})

    def check_weights(self) -> None:
        """Refuse to keep weights that are no longer finite."""
        if not all_finite([p.detach() for p in self.parameters]):
            raise self.diverged(self.step, "a weight is not finite")

    def diverged(self, step: int, what: str) -> TrainingError:
        """The error for numbers that are no longer finite."""
        lr, at = self.config.lr, self.config.clip_at
        clip = f"clip harder (--clip-at {at / 4:g}, now {at:g})"
        if self.config.clip == "none":
            clip = "clip the gradient (--clip norm)"
        kept = self.snapshots.folder.newest()
        last = (
            f"the checkpoint of step {int(kept.stem[5:])} is kept" if kept else "no checkpoint was saved yet"
        )
        return TrainingError(
            f"step {step}", f"{what}; {last}", f"Lower --lr (now {lr:g}; try {lr / 3:.2g}) or {clip}"
        )

    def emit(self, kind: str, values: Mapping[str, float]) -> None:
        """Tell plugins, once per run."""
        if self.world.leads:
            emit(TrainingEvent(kind, self.run, self.step, dict(values)))


def planned_steps(config: LoopConfig, experiment: Experiment) -> int:
    """Optimiser steps of the run; 0 if only its time is limited."""
    if config.steps or config.max_time:
        return config.steps
    return max(1, math.ceil(config.epochs * experiment.steps_per_epoch / config.accumulate))
