"""seqtools: train small recurrent models, ship each as one ONNX file that does the whole job.

    import seqtools

    model = seqtools.load("shakespeare.onnx")
    print(model.generate("ROMEO:", max_tokens=200, seed=1)[0].text)
    for piece in model.stream("JULIET:", stop=["ROMEO:"]):
        print(piece, end="", flush=True)
    print(seqtools.load("en-de.onnx").translate("Two dogs play in the snow."))

Plugins import `hookimpl` from here or from `seqtools.plugin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqtools.plugin import hookimpl

if TYPE_CHECKING:
    import os

__version__ = "0.1.0"


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    device: str = "cpu",
    threads: int = 1,
    deadline: float | None = None,
) -> Any:
    """Open a model file and hand it to the runtime of its task.

    Args:
        path: the `.onnx` file; None opens the Shakespeare model that comes with `generate`.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads for one run; 0 lets onnxruntime choose.
        deadline: seconds one run may take before it is stopped; None is no limit.

    Returns:
        What the task's plugin offers: for `generate` an object with `generate`, `stream`, `score`,
        `save_state` and `load_state`; for `translate` one with `translate`, `translate_batch`, `stream`
        and `score_batch`; for `sentiment` one with `classify`, `classify_batch` and `explain`; for `tag` one
        with `tag` and `tag_batch`; for `forecast` one with `predict`.

    Raises:
        ModelFileError: the file is truncated, foreign, unsafe or newer than this version.
        PluginError: no installed plugin knows the file's task.
        DeviceError: the device is not there.
    """
    from pathlib import Path

    from seqtools import loader
    from seqtools.bundled import bundled_model
    from seqtools.model_file import ModelFile

    model = ModelFile.open(bundled_model(loader.task("generate")) if path is None else Path(path))
    open_model = loader.task(model.task).load()
    return open_model(model, device=device, threads=threads, deadline=deadline)


__all__ = ["__version__", "hookimpl", "load"]
