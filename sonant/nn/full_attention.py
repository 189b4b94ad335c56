"""Self-attention over whole utterances, past and future alike, and the Transformer layer around it.

Letters: B utterances, T frames, D channels, H heads, E channels of a head.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Frames, mask_of, require

from .activations import ACTIVATIONS, Activation


def sinusoids(frames: int, dim: int, *, device: torch.device | str = "cpu", first: int | Tensor = 0) -> Tensor:
    """(T, D) positions: sin(t / 10000^(2i / D)) in channel 2i, the cosine in channel 2i + 1 (Vaswani et al. 2017, 3.5).

    The first of them is position ``first``. Computed in float64 where the device has it; float32.
    """
    exact = torch.float32 if torch.device(device).type == "mps" else torch.float64
    t_T1 = torch.arange(frames, device=device, dtype=exact)[:, None] + first
    i_D = torch.arange(dim, device=device)
    angle_TD = t_T1 / 10000.0 ** (2 * (i_D // 2).to(exact) / dim)
    return torch.where(i_D % 2 == 0, angle_TD.sin(), angle_TD.cos()).float()


def seen_frames(frames: Frames) -> Tensor | None:
    """(B, T) true for the real frames, the first always; None where no utterance is padded."""
    T = frames.x_BTD.shape[1]
    whole = T == 0 or bool((frames.lengths_B >= T).all())
    return None if whole else mask_of(frames.lengths_B.clamp(min=1), T)


class FullAttention(nn.Module):
    """Multi-head self-attention in which every real frame sees every real frame (Vaswani et al. 2017, Sec. 3.2).

    Args:
        dim: channels in and out.
        heads: must divide ``dim``.
        dropout: of attention weights while training.
    """

    def __init__(self, dim: int, *, heads: int, dropout: float = 0.0):
        super().__init__()
        require(dim % heads == 0, f"attention: heads ({heads}) must divide the dimension ({dim})")
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x_BTD: Tensor, seen_BT: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D).

        Args:
            seen_BT: true where a frame may be looked at, at least one in each utterance; or (B, T, T), where the frame
                of the second axis may look at that of the third; None: everywhere.
        """
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, T, E)
        mask = seen_BT if seen_BT is None else seen_BT[:, None] if seen_BT.dim() == 3 else seen_BT[:, None, None, :]
        p = self.dropout if self.training else 0.0
        y_BHTE = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)
        return self.out(y_BHTE.transpose(1, 2).reshape(B, T, D))


class FullLayer(nn.Module):
    """Full attention and a two-layer feed-forward net, each with a residual path and a layer norm.

    Args:
        dim, heads: as ``FullAttention``.
        ff: width of the feed-forward net.
        norm: ``post`` normalises sums (Vaswani et al. 2017), ``pre`` normalises what enters a sub-layer.
        eps: of the layer norms, inside the root.
        dropout: of attention weights and of what each sub-layer adds, while training.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        ff: int,
        norm: Literal["post", "pre"] = "post",
        activation: Activation = "gelu",
        eps: float = 1e-12,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.pre, self.activation = norm == "pre", ACTIVATIONS[activation]
        self.attention = FullAttention(dim, heads=heads, dropout=dropout)
        self.ff_in, self.ff_out = nn.Linear(dim, ff), nn.Linear(ff, dim)
        self.norm_attention, self.norm_ff = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def _feed_forward(self, x_BTD: Tensor) -> Tensor:
        return self.dropout(self.ff_out(self.activation(self.ff_in(x_BTD))))

    def forward(self, x_BTD: Tensor, seen_BT: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D); ``seen_BT`` as in ``FullAttention``."""
        if self.pre:
            x_BTD = x_BTD + self.dropout(self.attention(self.norm_attention(x_BTD), seen_BT))
            return x_BTD + self._feed_forward(self.norm_ff(x_BTD))
        x_BTD = self.norm_attention(x_BTD + self.dropout(self.attention(x_BTD, seen_BT)))
        return self.norm_ff(x_BTD + self._feed_forward(x_BTD))


def bert_init(module: nn.Module) -> None:
    """For ``Module.apply``: linear maps of normal weights, deviation 0.02, without bias (Devlin et al. 2019)."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
