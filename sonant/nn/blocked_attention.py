"""Attention that never looks ahead, in blocks of queries: half of all pairs of frames are never weighed.

On a CPU the fused kernel of ``F.scaled_dot_product_attention`` is slow with a bias, and is not taken at all with
dropout; plain products over blocks are several times as fast there, forward and backward (``benchmarks/vap_step.py``).

Letters: B sequences, T frames, H heads, E channels of a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 192  # queries at a time: the weights of a block stay in the caches


def causal_attend(q: Tensor, k: Tensor, v: Tensor, bias_HTT: Tensor, *, scale: float, dropout: float = 0.0) -> Tensor:
    """(B, H, T, E) weighted means of the values that each frame sees.

    Args:
        q, k, v: (B, H, T, E).
        bias_HTT: (H, T, T) or (T, T), as ``attention.causal_bias`` gives it: floats that are added to the logits, or
            booleans, true where a key is seen. No frame may see a later one.
        scale: of the logits.
        dropout: of the weights; 0 where the model does not learn.
    """
    if bias_HTT.is_floating_point():
        bias_HTT = bias_HTT.to(q.dtype)
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias_HTT, dropout_p=dropout, scale=scale)
    T, blocks = q.shape[2], []
    for first in range(0, T, BLOCK):
        last = min(first + BLOCK, T)
        logits = (q[:, :, first:last] * scale) @ k[:, :, :last].transpose(2, 3)
        bias = bias_HTT[..., first:last, :last]
        logits = logits + bias if bias.is_floating_point() else logits.masked_fill(~bias, -torch.inf)
        weights = logits.softmax(-1)
        if dropout > 0:
            weights = weights.masked_fill(_dropped(weights.shape, dropout), 0.0) / (1 - dropout)
        blocks.append(weights @ v[:, :, :last])
    return torch.cat(blocks, dim=2) if blocks else q


def _dropped(shape: torch.Size, share: float) -> Tensor:
    """Booleans of which this share is true, to 1 in 65,536; four come from one random number of 64 bits."""
    count = shape.numel()
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    return bits[:count].view(shape) < round(share * 65536) - 32768
