"""Lowering: from trained weights to one ONNX graph, with spox. Imports torch, onnx and spox.

Read in this order: `layout` (gate order), `linear` (matrices, fp32 or int8), `cells` (a recurrent layer
as one node over known inputs and as one explicit step), `network` (a language model), `verify`.
"""
