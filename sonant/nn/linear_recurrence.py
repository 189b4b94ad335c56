"""The recurrence c_t = a_t c_{t-1} + b_t over whole sequences, fast on any device, with its own backward pass.

Elsewhere than on a CPU it is a scan by doubling (Hillis and Steele 1986): two steps (a, b) and then (a', b') are the
one step (a' a, a' b + b'), so that log2 T passes over all frames at once give every c_t. Nothing is ever divided by a
product of a's, which underflows as soon as gates close. A CPU is faster one frame after the other, without autograd in
between. With g_t = dL/dc_t in all, and G_t what comes from outside, the gradient is the same recurrence backwards:

    g_t = G_t + a_{t+1} g_{t+1}     dL/db_t = g_t     dL/da_t = g_t c_{t-1}     dL/dc_0 = a_1 g_1

so that only a and c are kept, whatever the scan went through.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from ..core import require


def linear_recurrence(a_BTD: Tensor, b_BTD: Tensor, initial_BD: Tensor | None = None) -> Tensor:
    """(B, T, D) c with c_t = a_t c_{t-1} + b_t, in float32 at least, under autocast too.

    Args:
        a_BTD: factors; the recurrence grows without bound where they stay above 1.
        b_BTD: what is added.
        initial_BD: c before the first frame; None: zero.
    """
    require(
        a_BTD.shape == b_BTD.shape and a_BTD.dim() == 3,
        f"linear_recurrence: factors and summands must be (B, T, D) of one shape, got {tuple(a_BTD.shape)} and "
        f"{tuple(b_BTD.shape)}",
    )
    given = (a_BTD, b_BTD) if initial_BD is None else (a_BTD, b_BTD, initial_BD)
    dtype = torch.float32
    for tensor in given:
        dtype = torch.promote_types(dtype, tensor.dtype)
    if initial_BD is None:
        initial_BD = b_BTD.new_zeros(b_BTD.shape[0], b_BTD.shape[2])
    with torch.autocast(b_BTD.device.type, enabled=False):
        return _Recurrence.apply(a_BTD.to(dtype), b_BTD.to(dtype), initial_BD.to(dtype), False)


class _Recurrence(torch.autograd.Function):
    """Forwards, or from the last frame to the first; each is the backward pass of the other."""

    @staticmethod
    def forward(ctx: FunctionCtx, a_BTD: Tensor, b_BTD: Tensor, initial_BD: Tensor, back: bool) -> Tensor:
        c_BTD = _scan(a_BTD, b_BTD, initial_BD, back=back)
        ctx.back = back
        ctx.save_for_backward(a_BTD, c_BTD, initial_BD)
        return c_BTD

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a_BTD, c_BTD, initial_BD = ctx.saved_tensors
        if a_BTD.shape[1] == 0:
            return grads[0], grads[0], torch.zeros_like(initial_BD), None
        next_BTD = _shifted(a_BTD, torch.zeros_like(initial_BD), back=not ctx.back)
        g_BTD = _Recurrence.apply(next_BTD, grads[0].contiguous(), torch.zeros_like(initial_BD), not ctx.back)
        first = -1 if ctx.back else 0
        grad_a = g_BTD * _shifted(c_BTD, initial_BD, back=ctx.back) if ctx.needs_input_grad[0] else None
        grad_initial = a_BTD[:, first] * g_BTD[:, first] if ctx.needs_input_grad[2] else None
        return grad_a, g_BTD, grad_initial, None


def _shifted(x_BTD: Tensor, before_BD: Tensor, *, back: bool) -> Tensor:
    """At every frame what the recurrence had at the one before; ``back``: the one behind."""
    edge_B1D = before_BD[:, None]
    return torch.cat([x_BTD[:, 1:], edge_B1D] if back else [edge_B1D, x_BTD[:, :-1]], dim=1)


def _scan(a_BTD: Tensor, b_BTD: Tensor, initial_BD: Tensor, *, back: bool) -> Tensor:
    if b_BTD.device.type == "cpu" and not torch.compiler.is_compiling():
        return _frame_by_frame(a_BTD, b_BTD, initial_BD, back=back)
    return _doubling(a_BTD, b_BTD, initial_BD, back=back)


def _frame_by_frame(a_BTD: Tensor, b_BTD: Tensor, initial_BD: Tensor, *, back: bool) -> Tensor:
    c_BTD, last_BD = torch.empty(b_BTD.shape, dtype=b_BTD.dtype, device=b_BTD.device), initial_BD
    steps = list(zip(a_BTD.unbind(1), b_BTD.unbind(1), c_BTD.unbind(1), strict=True))
    for a_BD, b_BD, c_BD in reversed(steps) if back else steps:
        last_BD = torch.addcmul(b_BD, a_BD, last_BD, out=c_BD)
    return c_BTD


def _doubling(a_BTD: Tensor, b_BTD: Tensor, initial_BD: Tensor, *, back: bool) -> Tensor:
    """After the pass of ``n``, (a, b) at each frame is the one step over the 2 n frames that end there."""
    if b_BTD.shape[1] == 0:
        return b_BTD.clone()
    if back:
        return _doubling(a_BTD.flip(1), b_BTD.flip(1), initial_BD, back=False).flip(1)
    first_B1D = torch.addcmul(b_BTD[:, :1], a_BTD[:, :1], initial_BD[:, None])
    b_BTD, n = torch.cat([first_B1D, b_BTD[:, 1:]], dim=1), 1
    while n < b_BTD.shape[1]:
        b_BTD = torch.cat([b_BTD[:, :n], torch.addcmul(b_BTD[:, n:], a_BTD[:, n:], b_BTD[:, :-n])], dim=1)
        a_BTD = torch.cat([a_BTD[:, :n], a_BTD[:, n:] * a_BTD[:, :-n]], dim=1)
        n *= 2
    return b_BTD
