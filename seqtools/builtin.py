"""The core's own plugin: cells, metrics and the commands that belong to no task."""

from __future__ import annotations

from seqtools.plugin import CellSpec, CommandSpec, MetricSpec, hookimpl

_COMMANDS = {
    "train": "Train a model on your own data.",
    "export": "Write a training run as one ONNX file.",
    "evaluate": "Measure a model file on text or data.",
    "info": "Describe a model file: card, inputs, outputs, sizes.",
    "demo": "Train, export and run a small model in about two minutes.",
    "doctor": "Check this installation.",
    "plugins": "List plugins and what they offer.",
    "completion": "Print the completion script of a shell.",
}


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """Commands that work for every task."""
    return [
        CommandSpec(name=name, target=f"seqtools.cli.{name}:command", summary=summary)
        for name, summary in _COMMANDS.items()
    ]


@hookimpl
def seqtools_cells() -> list[CellSpec]:
    """The classic cells."""
    return [
        _cell("lstm.v1", "lstm:LSTM", "Long short-term memory (Hochreiter & Schmidhuber 1997)."),
        _cell("gru.v1", "gru:GRU", "Gated recurrent unit (Cho et al. 2014)."),
        _cell("rnn_tanh.v1", "rnn:TanhRNN", "Elman network with tanh (Elman 1990)."),
        _cell("rnn_relu.v1", "rnn:ReluRNN", "Elman network with relu (Le et al. 2015)."),
    ]


def _cell(name: str, where: str, summary: str) -> CellSpec:
    lowering = f"seqtools.export.cells:{where.partition(':')[2]}"
    return CellSpec(name=name, target=f"seqtools.nn.cells.{where}", lowering=lowering, summary=summary)


@hookimpl
def seqtools_metrics() -> list[MetricSpec]:
    """Figures of a model's surprise."""
    return [
        _metric("nats_per_token", "Mean surprise of a token.", "nats"),
        _metric("nats_per_character", "Surprise for each character of the text.", "nats"),
        _metric("bits_per_character", "Surprise for each character of the text, in bits.", "bits"),
        _metric("perplexity", "Exponential of the mean surprise of a token."),
        _metric("word_perplexity", "Exponential of the surprise for each word, line ends counted."),
    ]


def _metric(name: str, summary: str, unit: str = "") -> MetricSpec:
    return MetricSpec(name=name, target=f"seqtools.metrics:{name}", summary=summary, unit=unit)
