"""Where onnxruntime-extensions keeps its operators, which the form `fused` needs.

The package is never imported: that takes seconds and pulls torch in where it is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from seqtools.errors import MissingDependencyError

DOMAIN = "ai.onnx.contrib"
"""Domain of those operators."""


def library(subject: str) -> str:
    """Path of the shared library, for `SessionOptions.register_custom_ops_library`.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    spec = find_spec("onnxruntime_extensions")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("_extensions_pydll*")):
            if path.suffix in (".so", ".pyd", ".dylib"):
                return str(path)
    raise MissingDependencyError(
        subject,
        "its form 'fused' needs the operators of onnxruntime-extensions, which is not installed",
        "Install it with: pip install onnxruntime-extensions, or use the form ids",
    )
