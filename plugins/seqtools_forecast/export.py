"""`seqtools export` for forecasters: build, verify against torch, write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import ExportError, UsageError
from seqtools.export.file import check, describe, meanings, save, set_card
from seqtools.export.linear import check_profile
from seqtools.export.report import ExportReport
from seqtools.nn.size import count_parameters
from seqtools.plugin import Reporter
from seqtools_forecast.about import About
from seqtools_forecast.card import make_card
from seqtools_forecast.feeding import feeds
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.graph import build
from seqtools_forecast.made_up import SAMPLES, made_up
from seqtools_forecast.parts import Parts
from seqtools_forecast.reference import reference
from seqtools_forecast.run_folder import ForecastRun
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import parity_vector, verify

if TYPE_CHECKING:
    import onnx

MOST_MOVED = 0.03
"""Share of the interval between the outer quantiles by which eight bits may move half of them."""

_WINDOWS = 16
"""Windows of real series that a file is checked on."""

IO: dict[str, dict[str, str]] = {
    "inputs": {
        "history": "what was measured, oldest first, in its own units; NaN where a value is missing",
        "position": "the first step to forecast, in steps since 1970 as `seqtools.forecast` counts them",
        "past": "covariates of the steps of `history`, in the order of `seqtools.forecast`",
        "future": "covariates of the steps of `history` and of those to forecast",
        "numbers": "static numbers of each series",
        "categories": "static categories of each series; a value that training never met is none",
        "noise": "uniforms within (0, 1), two for each target, step and sample path",
    },
    "outputs": {
        "quantiles": "of each step ahead, at `levels`, in the units of `history`",
        "mean": "of each step ahead",
        "samples": "sample paths",
        "levels": "of the quantiles",
        "card": "where the model comes from, JSON",
    },
}


def export_run(
    run: Path, output: Path, *, profile: str = "portable", form: str = "auto", report: Reporter
) -> ExportReport:
    """Write a run's network as one file.

    Args:
        run: the run folder.
        output: the file to write; replaced in one go.
        profile: "portable" (fp32), or "int8": matrices in eight bits, a quarter of the size.
        form: "auto"; there is only one.

    Raises:
        UsageError: an unknown profile or form.
        ExportError: the file disagrees with torch, int8 moves forecasts too far, or the disk is full.
        DataError: the run folder is not usable.
    """
    check_profile(profile)
    if form not in ("auto", "array"):
        raise UsageError("--form", f"a forecaster has no form {form!r}", "Leave it out")
    return write(_parts(Path(run), profile), Path(output), report=report)


def _parts(path: Path, profile: str) -> Parts:
    run = ForecastRun.open(path)
    network, recipe, calibration = run.forecaster(), run.resolved(), run.calibration()
    told, shape, store = run.about(), run.shape(), run.store()
    about = About(
        shape=shape,
        frequency=Frequency.from_payload(told["frequency"]),
        **{name: tuple(told[name]) for name in ("targets", "past", "future", "numbers")},
        categories={name: tuple(values) for name, values in told["categories"].items()},
        kind=recipe.network.kind,
        coverage=calibration.coverage,
        until=run.until(),
    )
    card = make_card(
        recipe,
        run.info(),
        run.floor(),
        about=about,
        calibration=calibration,
        parameters=count_parameters(network),
        profile=profile,
    )
    splits = run.splits()
    windows = (splits.test if len(splits.test) else splits.valid).thinned(_WINDOWS)
    real: dict[str, Any] = {}
    if len(windows):
        real = feeds(store, windows.series, windows.origin, shape)
        if recipe.network.kind == "deepar":
            size = len(windows), SAMPLES, shape.horizon, 2 * shape.targets
            real["noise"] = np.random.default_rng(1).uniform(0.001, 0.999, size).astype(np.float32)
    return Parts(network, about, calibration, card, real)


def write(parts: Parts, output: Path, *, report: Reporter) -> ExportReport:
    """Build, verify and write a file; the profile is the card's.

    Raises:
        ExportError: the file disagrees with torch, int8 moves forecasts too far, or the disk is full.
    """
    card = dict(parts.card)
    profile = str(card["profile"])
    model = build(parts, card=card, profile=profile)
    check(model)
    runner = Runner(model.SerializeToString())
    parity = verify(runner, parts)
    parity.require(str(output))
    report(
        f"{profile}: largest difference from torch {parity.worst:.2g} of a value or of its series' size "
        f"(allowed {parity.tolerance:.2g}), {parity.tokens} series"
    )
    card["verification"] = parity.as_json()
    if profile == "int8":
        card["int8"] = _int8_loss(parts, runner, report)
    size = _finish(parts, model, runner, card, output)
    report(f"wrote {output} ({size / 1e6:.2f} MB, {profile})")
    return ExportReport(output, size, profile, str(card["form"]), parity)


def _int8_loss(parts: Parts, runner: Runner, report: Reporter) -> dict[str, Any]:
    """How far eight bits move quantiles, as a share of the interval between the outer ones."""
    moved = []
    for given in [parts.feeds] if parts.feeds else list(made_up(parts, sizes=np.ones(8))):
        (found,), (wanted, _) = runner(["quantiles"], given), reference(parts, given)
        width = np.maximum(wanted[..., -1:] - wanted[..., :1], np.finfo(np.float32).tiny)
        moved.append(float(np.median(np.abs(found - wanted) / width)))
    share = max(moved)
    report(f"int8: half of the quantiles move by {share:.2%} of their interval or less")
    if share > MOST_MOVED:
        cause = f"in eight bits its quantiles move by {share:.1%} of their interval"
        raise ExportError("--profile int8", cause, "Use --profile portable")
    return {"moved": float(f"{share:.3g}"), "allowed": MOST_MOVED}


def _finish(parts: Parts, model: onnx.ModelProto, runner: Runner, card: dict[str, Any], output: Path) -> int:
    """Card, parity vector and metadata into the model, the model into the file."""
    set_card(model, card)
    describe(
        model,
        {
            "task": "forecast",
            "profile": card["profile"],
            "form": card["form"],
            "io": meanings(model, IO),
            "card": card,
            "parity": parity_vector(runner, parts),
            "forecast": parts.about.payload(),
        },
    )
    return save(model, output)
