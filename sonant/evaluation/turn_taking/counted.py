"""Projection without listening: how often each future is, and how often after each recent past.

What a model that hears has to be better than. The past of a frame is who is active now and, for each speaker, who was
in bins of the last two seconds: the mirror image of the bins that are projected. Both are counted in other dialogues,
each of them also with its speakers exchanged.

    p(k)      = (n(k) + 1) / (n + K)
    p(k | c)  = (n(c, k) + a p(k)) / (n(c) + a)

Letters: T frames, C = 2 speakers, N bins, K classes, Q pasts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...core import require
from ...objectives.projection import Window, class_of_bins, flipped_class, projection_bins

BACK_OFF = 20.0  # a, in frames


class Counted:
    """Counts of futures and pasts of any dialogues.

    Args:
        window: whose classes are counted, of the future and, mirrored, of the past.
    """

    def __init__(self, window: Window):
        K = window.n_classes
        require(K <= 4096, f"pasts and futures of {window.n_bins} bins are too many to count; take at most 6 bins")
        self.window, self.count_QK = window, np.zeros((4 * K, K), dtype=np.int64)

    def add(self, activity_TC: np.ndarray, *, sign: int = 1) -> None:
        """Count a dialogue, both ways round; ``sign`` -1 takes it back out."""
        past_T, future_T = self.pasts(activity_TC), futures(activity_TC, self.window)
        turned_T = flipped_class(torch.from_numpy(future_T), self.window.n_bins).numpy()
        for past, future in (
            (past_T, future_T),
            (self.pasts(activity_TC[:, ::-1]), turned_T),
        ):
            np.add.at(self.count_QK, (past[: len(future)], future), sign)

    def pasts(self, activity_TC: np.ndarray) -> np.ndarray:
        """(T,) the past of every frame: bins of the frames before it, then who is active in it."""
        back_TC = np.ascontiguousarray(activity_TC[::-1])
        quiet_HC = np.zeros((self.window.horizon, 2), dtype=back_TC.dtype)  # before the dialogue nobody speaks
        class_T = futures(np.concatenate([back_TC, quiet_HC]), self.window)[::-1]
        now_T = activity_TC[:, 0].astype(np.int64) + 2 * activity_TC[:, 1].astype(np.int64)
        return class_T * 4 + now_T

    @property
    def log_prior_K(self) -> np.ndarray:
        """(K,) log p(k)."""
        count_K = self.count_QK.sum(0)
        require(count_K.sum() > 0, "no dialogue is left to count futures in; give others with --train")
        return np.log((count_K + 1) / (count_K.sum() + len(count_K)))

    def logits(self, activity_TC: np.ndarray) -> Tensor:
        """(T, K) float32 log p(k | past) of every frame of a dialogue."""
        past_T, prior_K = self.pasts(activity_TC), np.exp(self.log_prior_K)
        known_Q, place_T = np.unique(past_T, return_inverse=True)
        count_QK = self.count_QK[known_Q]
        p_QK = (count_QK + BACK_OFF * prior_K) / (count_QK.sum(1, keepdims=True) + BACK_OFF)
        return torch.from_numpy(np.log(p_QK).astype(np.float32)[place_T])


def futures(activity_TC: np.ndarray, window: Window) -> np.ndarray:
    """(T - H,) classes of the frames whose whole future is known."""
    activity_TC = torch.from_numpy(np.ascontiguousarray(activity_TC))
    return class_of_bins(projection_bins(activity_TC, window)).numpy()
