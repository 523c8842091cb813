"""Recurrent networks in torch: cells, layers, stacks and the language model.

Tensors are time-major here, `[time, batch, …]`: it is the order in which a recurrent net reads.
Reading order: `cell.py`, `cells/`, `layer.py`, `stack.py`, `language_model.py`.
"""
