"""Frames mirrored at the two ends of each utterance.

Letters: B utterances, T frames, P frames with padding, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def reflect(x_BTC: Tensor, lengths_B: Tensor, *, left: int, right: int) -> Tensor:
    """(B, T, C) -> (B, left + T + right, C): every utterance mirrored at its own first and last frame.

    Those two are not repeated. An utterance shorter than the padding is mirrored to and fro; one of a single frame is
    that frame throughout. Whatever stands behind an utterance is never read for its own ``left + length + right``.
    """
    T = x_BTC.shape[1]
    if left + right == 0 or T == 0:
        return x_BTC
    if max(left, right) < T and bool((lengths_B >= T).all()):
        return F.pad(x_BTC.transpose(1, 2), (left, right), mode="reflect").transpose(1, 2)
    place_P = torch.arange(-left, T + right, device=x_BTC.device)
    period_B1 = (2 * (lengths_B - 1)).clamp(min=1)[:, None]
    folded_BP = place_P.remainder(period_B1)
    source_BP = torch.minimum(folded_BP, period_B1 - folded_BP).clamp(max=T - 1)
    source_BP = torch.where(lengths_B[:, None] > 1, source_BP, 0)
    return x_BTC[torch.arange(len(x_BTC), device=x_BTC.device)[:, None], source_BP]
