"""torch's fused recurrent kernels (oneDNN on CPU, cuDNN on CUDA), called with explicit weights.

`nn.LSTM` takes its weights from its attributes, so a dropped weight has to be set on the module, which breaks
cuDNN's buffer and is many times slower. Called like this, weights are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

if TYPE_CHECKING:
    from jaxtyping import Float, Int

State = tuple[Tensor, ...]
"""States of one layer, each `[batch, width]`; the first is the output h."""


class Weights(NamedTuple):
    """The parameters of one layer as the cell sees them, dropped weights already in place."""

    weight_ih: Float[Tensor, "gates_width input"]
    weight_hh: Float[Tensor, "gates_width width"]
    bias_ih: Float[Tensor, " gates_width"]
    bias_hh: Float[Tensor, " gates_width"]


def run(
    kernel: str,
    x: Float[Tensor, "time batch input"],
    state: State,
    weights: Weights,
    lengths: Int[Tensor, " batch"] | None = None,
) -> tuple[Float[Tensor, "time batch width"], State]:
    """Outputs and last states of one layer; past a row's length its output is zero and its state stays.

    Args:
        kernel: `lstm`, `gru`, `rnn_tanh` or `rnn_relu`.
        x, state, weights: the layer's input, where it starts and its parameters.
        lengths: how many steps of each row count, 0 to time; None for all.
    """
    if lengths is not None:
        return _run_padded(kernel, x, state, weights, lengths)
    y, *last = _call(kernel, x, state, weights, (False,))
    return y, tuple(part.squeeze(0) for part in last)


def _run_padded(
    kernel: str, x: Tensor, state: State, weights: Weights, lengths: Tensor
) -> tuple[Tensor, State]:
    # The packing refuses empty rows: they run one step, which is then undone.
    packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    begun = tuple(part[order] for part in state)
    y, *last = _call(kernel, packed.data, begun, weights, (), packed.batch_sizes)
    y, _ = pad_packed_sequence(PackedSequence(y, packed.batch_sizes, order, back), total_length=len(x))
    empty = (lengths == 0)[:, None]
    ends = (part.squeeze(0)[back] for part in last)
    return y.masked_fill(empty, 0), tuple(
        torch.where(empty, before, after) for before, after in zip(state, ends, strict=True)
    )


def _call(
    kernel: str, x: Tensor, state: State, weights: Weights, order: tuple[bool, ...], *sizes: Tensor
) -> Any:
    layered = [part.unsqueeze(0).contiguous() for part in state]
    hidden = layered if len(layered) > 1 else layered[0]
    # Has biases, one layer, no dropout; keep what the backward pass needs; one direction.
    settings = (True, 1, 0.0, torch.is_grad_enabled(), False, *order)
    return getattr(torch._VF, kernel)(x, *sizes, hidden, list(weights), *settings)


def in_one_buffer(weights: Weights) -> Weights:
    """The same weights as parts of one tensor, which gradients pass through.

    cuDNN reads all parameters from one buffer and would otherwise warn and copy them at every call.
    """
    flat = torch.cat([weight.reshape(-1) for weight in weights])
    parts = torch.split(flat, [weight.numel() for weight in weights])
    return Weights(*(part.view_as(weight) for part, weight in zip(parts, weights, strict=True)))


def flatten_(kernel: str, weights: Weights) -> None:
    """Move parameters on a CUDA device, in place, into the one buffer that cuDNN wants; else do nothing."""
    cudnn: Any = torch.backends.cudnn
    hidden = weights.weight_hh
    if not (kernel and hidden.is_cuda and cudnn.is_acceptable(hidden)):
        return
    input_width, width = weights.weight_ih.shape[1], hidden.shape[1]
    with torch.no_grad(), torch.cuda.device(hidden.device):
        mode = cudnn.rnn.get_cudnn_mode(kernel.upper())
        torch._cudnn_rnn_flatten_weight(list(weights), 4, input_width, mode, width, 0, 1, False, False)
