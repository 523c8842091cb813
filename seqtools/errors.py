"""Every error a user can meet, in one tree.

    SeqtoolsError                 exit code 1
    ├── DataError                 1   a text, a corpus or a prompt is not usable
    ├── TrainingError             1   training cannot go on (NaN loss, nothing to learn from)
    ├── ExportError               1   the file does not agree with the network it came from
    ├── DeviceError               1   the asked-for device is not there
    ├── UsageError                2   an option or an argument makes no sense
    │   └── ConfigError           2   a recipe file has mistakes (all of them are listed)
    ├── ModelFileError            3   the .onnx file is truncated, foreign, unsafe or too new
    ├── MissingDependencyError    4   an optional package is not installed
    └── PluginError               5   a plugin failed or two plugins clash

Each is one line: the subject, what is wrong with it, and what to do next.
"""

from __future__ import annotations


class SeqtoolsError(Exception):
    """Base of all errors meant for people; `str(error)` is "subject: cause. cure".

    Args:
        subject: what the error is about (a file, an option, a plugin).
        cause: what is wrong with it.
        cure: the next thing to do, as a full clause; may be empty when there is none.
    """

    exit_code = 1

    def __init__(self, subject: str, cause: str, cure: str = "") -> None:
        self.subject, self.cause, self.cure = subject, cause, cure
        super().__init__(subject, cause, cure)

    def __str__(self) -> str:
        line = f"{self.subject}: {_sentence(self.cause)}"
        return f"{line} {_sentence(self.cure)}" if self.cure else line


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."


class DataError(SeqtoolsError):
    """A text, corpus or prompt is empty, broken or too small for the job."""


class TrainingError(SeqtoolsError):
    """Training cannot continue; the last good checkpoint is kept."""


class ExportError(SeqtoolsError):
    """The written graph does not reproduce the network within tolerance."""


class DeviceError(SeqtoolsError):
    """The device asked for cannot be used here."""


class UsageError(SeqtoolsError):
    """An option or argument is out of range or contradicts another."""

    exit_code = 2


class ConfigError(UsageError):
    """A recipe has mistakes; `str()` lists every one of them."""


class ModelFileError(SeqtoolsError):
    """A model file is truncated, foreign, unsafe, of another task or newer than this version."""

    exit_code = 3


class MissingDependencyError(SeqtoolsError):
    """An optional dependency is needed and not installed."""

    exit_code = 4


class PluginError(SeqtoolsError):
    """A plugin failed to load or run, or two plugins claim the same name."""

    exit_code = 5
