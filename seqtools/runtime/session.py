"""One onnxruntime session over the bytes of a model file: quiet, one thread, guarded.

onnxruntime is imported when a session opens, not before (a quarter of a second).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from seqtools.errors import ModelFileError, SeqtoolsError, UsageError
from seqtools.runtime.providers import CUDA, candidates, did_not_open

_FATAL_ONLY = 4


class Session:
    """Runs one graph; safe to call from several threads.

    Args:
        data: the file's bytes. A path is never handed on: onnxruntime would follow it to other files.
        subject: the file's name, for errors.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads for one operator; 0 lets onnxruntime choose.
        spin: let idle threads burn CPU to start sooner; only of use with several threads.
        deadline: seconds that one run may take; None is no limit.
        extensions: load the operators of onnxruntime-extensions, which a file of the form `fused` needs.

    Raises:
        MissingDependencyError: those operators are not installed.
        DeviceError: the device is not there or does not open.
        ModelFileError: onnxruntime refuses the graph.
        UsageError: threads or deadline are out of range.
    """

    def __init__(
        self,
        data: bytes,
        *,
        subject: str = "model",
        device: str = "cpu",
        threads: int = 1,
        spin: bool = False,
        deadline: float | None = None,
        extensions: bool = False,
    ) -> None:
        if threads < 0:
            raise UsageError(
                "threads", f"{threads} is out of range", "Use 1 or more, or 0 to let onnxruntime choose"
            )
        if deadline is not None and not deadline > 0:
            raise UsageError(
                "deadline", f"{deadline} is out of range", "Give seconds above 0, or None for no limit"
            )
        self._subject, self._deadline = subject, deadline
        options = _options(threads, spin)
        if extensions:
            from seqtools.runtime.extensions import library

            options.register_custom_ops_library(library(subject))
        self._session = _open(data, subject, device, options)
        self._batch_axes = {
            port.name: port.shape.index("batch")
            for port in self._session.get_inputs()
            if "batch" in port.shape
        }

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, in file order."""
        return [port.name for port in self._session.get_inputs()]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in file order."""
        return [port.name for port in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """The provider that was opened: `CPUExecutionProvider`, …"""
        first: str = self._session.get_providers()[0]
        return first

    def run(self, outputs: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """Values of the named outputs.

        Raises:
            UsageError: the batch is empty (onnxruntime would abort the whole process).
            SeqtoolsError: the run failed or took longer than the deadline.
        """
        for name, axis in self._batch_axes.items():
            if name in feeds and feeds[name].shape[axis] == 0:
                raise UsageError(f"input '{name}'", "the batch is empty", "Give at least one row")
        if self._deadline is None:
            return self._run(outputs, feeds, None)
        with self._limited(self._deadline) as options:
            return self._run(outputs, feeds, options)

    @contextmanager
    def _limited(self, deadline: float) -> Iterator[Any]:
        """Run options that a timer terminates."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        timer = threading.Timer(deadline, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            yield options
        finally:
            timer.cancel()

    def _run(self, outputs: Sequence[str], feeds: Mapping[str, Any], options: Any) -> list[Any]:
        try:
            values: list[Any] = self._session.run(list(outputs), dict(feeds), options)
        except Exception as error:
            if options is not None and options.terminate:
                raise SeqtoolsError(
                    self._subject,
                    f"one run took longer than the deadline of {self._deadline:g} s",
                    "Ask for less at a time, or give it more time",
                ) from error
            cause = f"onnxruntime could not run it ({_first_line(error)})"
            raise SeqtoolsError(self._subject, cause, "Check the file with: seqtools info FILE") from error
        return values


def _options(threads: int, spin: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _FATAL_ONLY
    # A step makes twenty small arrays: malloc hands them out faster than onnxruntime's arena.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    return options


def _open(data: bytes, subject: str, device: str, options: Any) -> Any:
    """The first session that opens on what the device allows."""
    import onnxruntime

    problem = ""
    for providers in candidates(device, onnxruntime.get_available_providers()):
        try:
            # Its own fallback prints on stdout and then runs elsewhere than asked.
            session = onnxruntime.InferenceSession(data, options, providers, enable_fallback=0)
        except Exception as error:
            problem = _first_line(error)
            if CUDA not in providers:
                cause = f"onnxruntime refuses it ({problem})"
                raise ModelFileError(
                    subject, cause, "Export it again with: seqtools export RUN -o FILE"
                ) from error
            continue
        if CUDA not in providers or CUDA in session.get_providers():
            return session
    raise did_not_open(problem)


def _first_line(error: Exception) -> str:
    """The message of an onnxruntime error without its code and the lines below."""
    message = str(error).strip().partition("\n")[0]
    return message.rpartition("[ONNXRuntimeError] : ")[2][:300] or type(error).__name__
