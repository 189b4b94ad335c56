"""From what a model says about every frame to the probabilities that the tasks read.

Letters: T frames, C = 2 speakers, N bins, K classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...objectives.projection_readout import (
    aggregate,
    p_backchannel,
    p_backchannel_independent,
    p_next,
    p_next_comparative,
    p_next_independent,
)

Projection = Literal["discrete", "independent", "comparative"]


def probabilities(
    logits: Tensor, activity_TC: np.ndarray, projection: Projection = "discrete"
) -> dict[str, np.ndarray]:
    """(T, 2) probabilities by name: ``p_now`` and ``p_future`` (who is active in the nearer and farther half of the
    bins), ``p_next`` (who speaks next, zero-shot) and, where the bins tell it, ``p_backchannel``.

    Args:
        logits: (T, K) discrete, (T, 2, N) independent, (T,) comparative.
        activity_TC: (T, 2) of 0 and 1; it tells who speaks now, which ``p_next`` depends on.
    """
    active_TC = torch.from_numpy(np.ascontiguousarray(activity_TC[: len(logits)]))
    if projection == "comparative":
        share_TC = p_next_comparative(logits)
        found = {"p_now": share_TC, "p_future": share_TC, "p_next": share_TC}
    elif projection == "independent":
        p_TCN, half = logits.float().sigmoid(), logits.shape[-1] // 2
        near_TC, far_TC = p_TCN[..., : max(half, 1)].sum(-1), p_TCN[..., half:].sum(-1)
        found = {name: x_TC / x_TC.sum(-1, keepdim=True) for name, x_TC in (("p_now", near_TC), ("p_future", far_TC))}
        found["p_next"] = p_next_independent(logits, active_TC)
        found["p_backchannel"] = p_backchannel_independent(logits)
    else:
        shares = aggregate(logits)
        found = {"p_now": shares.p_now, "p_future": shares.p_future, "p_next": p_next(logits, active_TC)}
        if logits.shape[-1] == 256:  # of four bins
            found["p_backchannel"] = p_backchannel(logits)
    return {name: x_TC.numpy() for name, x_TC in found.items()}
