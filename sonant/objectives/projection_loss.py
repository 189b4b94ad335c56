"""Losses of voice activity projection, one for each kind of target.

Ekstedt and Skantze 2022 (arXiv:2205.09812), Sec. 3: discrete (one class for the whole window), independent (each bin by
itself) and comparative (the share of speaker 0). All in float32 and nats.

Letters: B dialogues, T frames, C = 2 speakers, N bins, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def discrete_loss(logits_BTK: Tensor, class_BT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """(B, T) cross-entropy of every frame; 0 where ``mask_BT`` says that the frame is no target."""
    loss_BT = F.cross_entropy(logits_BTK.float().transpose(1, 2), class_BT.long(), reduction="none")
    return _masked(loss_BT, mask_BT)


def independent_loss(logits_BTCN: Tensor, bins_BTCN: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """(B, T) binary cross-entropy of every frame, the mean over speakers and bins; 0 where the frame is no target."""
    loss = F.binary_cross_entropy_with_logits(logits_BTCN.float(), bins_BTCN.float(), reduction="none")
    return _masked(loss.mean((-2, -1)), mask_BT)


def comparative_loss(logits_BT: Tensor, share_BT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """(B, T) binary cross-entropy of speaker 0's share of every frame; 0 where the frame is no target."""
    loss_BT = F.binary_cross_entropy_with_logits(logits_BT.float(), share_BT.float(), reduction="none")
    return _masked(loss_BT, mask_BT)


def mean_of_targets(loss_BT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """The mean over the frames that are targets; 0, with a gradient of 0, where there is none."""
    if mask_BT is None:
        return loss_BT.mean()
    return _masked(loss_BT, mask_BT).sum() / mask_BT.sum().clamp(min=1)


def _masked(loss_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
    return loss_BT if mask_BT is None else loss_BT.masked_fill(~mask_BT, 0.0)
