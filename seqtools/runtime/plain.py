"""A session without a file, a deadline or a device: for checks at export, in tests and in benchmarks."""

from __future__ import annotations

import onnxruntime as ort

from seqtools.runtime.extensions import library


def plain_session(data: bytes, *, fused: bool = False, arena: bool = True) -> ort.InferenceSession:
    """A serialized model under onnxruntime, on one thread that does not spin.

    Args:
        fused: with onnxruntime-extensions.
        arena: keep memory between runs; where batches differ much, it only grows.
    """
    options = ort.SessionOptions()
    if fused:
        options.register_custom_ops_library(library("the file"))
    options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
    options.log_severity_level, options.enable_cpu_mem_arena = 3, arena
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
