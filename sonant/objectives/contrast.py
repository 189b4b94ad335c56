"""Contrasts of predictions with a pool of frames: the loss of every anchor and horizon, and their means.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Sec. 2.3; see ``infonce`` and ``candidates``.

Letters: B utterances, S anchors, H horizons, D channels, M negatives, G groups that share a pool, P frames of a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from sonant.core import Frames

from .candidates import Pool, allowed, draw_negatives
from .infonce import infonce, score_all, score_drawn, without_repeats


def _grouped(pool: Pool, *of_examples: Tensor) -> tuple[Tensor, ...]:
    """Tensors (B, S, ..) of examples as (G, B S / G, ..), as the pool is."""
    G = pool.z_GPD.shape[0]
    return tuple(x.reshape(G, -1, *x.shape[2:]) for x in of_examples)


def against_drawn(
    pred_BSHD: Tensor, pool: Pool, place_BSH: Tensor, index_BSM: Tensor, *, repeats: bool = False
) -> tuple[Tensor, Tensor]:
    """Tell the right frame from drawn ones.

    Args:
        pred_BSHD: predictions, such that a dot product with a frame of the pool is the score.
        place_BSH: places of the right frames in the pool.
        index_BSM: places of the distractors, the same for every horizon.
        repeats: whether a distractor that happens to be the right frame takes part.

    Returns:
        (B, S, H) losses and booleans, as ``infonce``.
    """
    pred, place, index = _grouped(pool, pred_BSHD, place_BSH, index_BSM)
    scores = score_drawn(pred, pool.z_GPD, place, index)
    scores = scores if repeats else without_repeats(scores, place, index)
    loss, hit = infonce(scores[..., 0], scores)
    return loss.view_as(place_BSH), hit.view_as(place_BSH)


def against_all(pred_BSHD: Tensor, pool: Pool, place_BSH: Tensor) -> tuple[Tensor, Tensor]:
    """Tell the right frame from all that the pool allows; arguments and result as ``against_drawn``."""
    (pred,) = _grouped(pool, pred_BSHD)
    scores_BSHP = score_all(pred, pool.z_GPD).view(*place_BSH.shape, -1)
    positive_BSH = scores_BSHP.gather(-1, place_BSH[..., None])[..., 0]
    return infonce(positive_BSH, scores_BSHP.masked_fill(~allowed(pool)[:, None, None], float("-inf")))


def contrast_ahead(
    pred_BSHD: Tensor,
    pool: Pool,
    *,
    ahead: Sequence[int],
    anchors: Sequence[int],
    negatives: int | None = None,
    generators: Sequence[torch.Generator] = (),
    repeats: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tell from each of the first frames of every utterance the frames ``ahead`` of it.

    Args:
        pred_BSHD: predictions, such that a dot product with a frame of the pool is the score.
        ahead: the H horizons in frames.
        anchors: how many anchors each utterance has; S is the largest.
        negatives: M distractors drawn for every anchor; None: every frame that the pool allows.
        generators: one per utterance, on the CPU, for drawing.
        repeats: as in ``against_drawn``.

    Returns:
        (B, S, H) losses and booleans, as ``infonce``; (B, S) booleans, true where there is an anchor.
    """
    device, S = pred_BSHD.device, pred_BSHD.shape[1]
    ahead_H = torch.tensor(list(ahead), device=device)
    place_BSH = pool.start_B[:, None, None] + torch.arange(S, device=device)[:, None] + ahead_H
    real_BS = torch.arange(S, device=device) < torch.tensor(list(anchors), device=device)[:, None]
    place_BSH = place_BSH.masked_fill(~real_BS[:, :, None], 0)
    if negatives is None:
        return (*against_all(pred_BSHD, pool, place_BSH), real_BS)
    index_BSM = draw_negatives(pool, anchors, number=negatives, generators=generators)
    return (*against_drawn(pred_BSHD, pool, place_BSH, index_BSM, repeats=repeats), real_BS)


def mean_loss(
    loss_BSH: Tensor, real_BS: Tensor, by: Literal["anchors", "utterances"] = "anchors"
) -> tuple[Tensor, Tensor]:
    """The mean over real anchors and all horizons, and the number of terms it is a mean of.

    Args:
        real_BS: true where there is an anchor.
        by: ``anchors``: all weigh the same; ``utterances``: the mean of the means of utterances that have any.
    """
    anchors_B = real_BS.sum(1)
    if by == "anchors":
        count = anchors_B.sum() * loss_BSH.shape[2]
        return loss_BSH.masked_fill(~real_BS[:, :, None], 0.0).sum() / count, count
    sum_B = loss_BSH.masked_fill(~real_BS[:, :, None], 0.0).sum((1, 2))
    count = (anchors_B > 0).sum()
    return (sum_B / (anchors_B.clamp(min=1) * loss_BSH.shape[2])).sum() / count, count


def square_of_means(z: Frames) -> Tensor:
    """The mean square, over utterances and channels, of the mean frame: 0 when every utterance is centred."""
    mean_BD = z.x_BTD.float().sum(1) / z.lengths_B.clamp(min=1)[:, None]
    return mean_BD.square().mean()
