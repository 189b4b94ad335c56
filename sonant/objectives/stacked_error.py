"""The squared error of a linear layer that predicts several frames at once, without the tensor of all predictions.

Ravanelli et al. 2020 (arXiv:2001.09239), Sec. 2.2: a worker of PASE+ predicts K = 7 consecutive frames of its target
from one frame of the encoder. For the log power spectrum and its deltas that is 21525 numbers a frame: 263 MB for
16 chunks of 2 s, and as much for the targets, for each of two workers. Here one of the K frames is predicted at a time,
and its share of the gradients is added up before the next, so that nothing larger than a target is ever held.

Letters: B utterances, T frames, H channels below the layer, D channels of the target, K frames predicted from one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from .precision import in_float32


@in_float32
def stacked_error(hidden_BTH: Tensor, weight: Tensor, bias: Tensor, *, target_BTD: Tensor, share_BT: Tensor) -> Tensor:
    """The weighted mean of (layer(hidden) - stacked target)^2, a scalar.

    Args:
        weight, bias: (D K, H) and (D K,) of the layer; output d K + k is channel d of the target k - K // 2 frames
            later, zero beyond its ends.
        target_BTD: zero past each utterance.
        share_BT: what a frame counts; the K D numbers of a frame all count the same.
    """
    learns = torch.is_grad_enabled() and any(x.requires_grad for x in (hidden_BTH, weight, bias))
    return _StackedError.apply(hidden_BTH, weight, bias, target_BTD, share_BT, learns)


class _StackedError(torch.autograd.Function):
    """Gradients are made together with the loss, which is a scalar: backwards they are only scaled."""

    @staticmethod
    def forward(ctx: FunctionCtx, hidden, weight, bias, target, share, learns: bool) -> Tensor:
        B, T, D = target.shape
        K, H = len(weight) // D, weight.shape[1]
        hidden_NH, share_N = hidden.reshape(B * T, H), share.reshape(B * T)
        shared_NH = hidden_NH * share_N[:, None]
        weight_DKH, bias_DK = weight.view(D, K, H), bias.view(D, K)
        padded = F.pad(target, (0, 0, K // 2, K - 1 - K // 2)) if K > 1 else target
        grads = [torch.zeros_like(hidden_NH), torch.empty_like(weight_DKH), torch.empty_like(bias_DK)] if learns else []
        total = hidden.new_zeros(())
        for k in range(K):
            error_ND = torch.addmm(bias_DK[:, k], hidden_NH, weight_DKH[:, k].t())
            error_ND.view(B, T, D).sub_(padded[:, k : k + T])
            total = total + torch.dot(torch.linalg.vector_norm(error_ND, dim=1).square(), share_N)
            if learns:
                grads[0].addmm_(error_ND, weight_DKH[:, k])
                grads[1][:, k] = error_ND.t() @ shared_NH
                grads[2][:, k] = error_ND.t() @ share_N
        if learns:
            grads[0] *= share_N[:, None]
        ctx.scale = 2 / (D * K)
        ctx.save_for_backward(*grads)
        ctx.shapes = (hidden.shape, weight.shape, bias.shape)
        return total / (D * K)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor):
        scaled = [
            g.view(shape) * (gradient * ctx.scale) for g, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True)
        ]
        return (*scaled, None, None, None)
