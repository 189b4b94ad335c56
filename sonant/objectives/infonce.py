"""The InfoNCE loss: tell the right frame from distractors.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Sec. 2.3, Eq. 4:

    L = -log  exp(s_0) / (exp(s_0) + sum_j exp(s_j))        s_0: score of the right frame, s_1..M: of distractors

Knowing nothing (all scores equal) scores log(M + 1) and accuracy 0: a tie is no success.

Distractors are never gathered. Every prediction is scored against the whole pool by one matrix product, and the
few scores that the loss needs are picked from the result: a number is picked where a vector was copied.

Letters: G groups, S anchors of a group, K horizons, P frames of a pool, D channels, M distractors, N = M + 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 2**22  # most scores held at once: 16 MB in float32, small enough to be reused by the allocator


def infonce(positive: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and success of every contrast, in float32.

    Args:
        positive: (...) score of the right frame.
        candidates: (..., N) scores of all that compete, the right frame among them; -inf: takes no part.

    Returns:
        loss (...) >= 0, lower is better; hit (...) booleans, true where the right frame alone scores highest.
    """
    positive, candidates = positive.float(), candidates.float()
    with torch.no_grad():
        hit = (candidates >= positive[..., None]).sum(-1) <= 1
    return candidates.logsumexp(-1) - positive, hit


def score_drawn(pred_GSKD: Tensor, pool_GPD: Tensor, positive_GSK: Tensor, negative_GSM: Tensor) -> Tensor:
    """Dot products of predictions with the right frame and with distractors drawn from the pool.

    Args:
        pred_GSKD: predictions.
        pool_GPD: frames to choose from.
        positive_GSK: place of the right frame of every horizon in the pool.
        negative_GSM: places of the distractors, the same for every horizon.

    Returns:
        (G, S, K, 1 + M) scores, the right frame first.
    """
    _, _, K, _ = pred_GSKD.shape
    step = max(BLOCK // (pool_GPD.shape[0] * pool_GPD.shape[1] * K), 1)
    blocks = zip(*(x.split(step, dim=1) for x in (pred_GSKD, positive_GSK, negative_GSM)), strict=True)
    return torch.cat([_score_block(pred, pool_GPD, positive, negative) for pred, positive, negative in blocks], dim=1)


def _score_block(pred_GSKD: Tensor, pool_GPD: Tensor, positive_GSK: Tensor, negative_GSM: Tensor) -> Tensor:
    K = pred_GSKD.shape[2]
    negative_GSKM = negative_GSM[:, :, None].expand(-1, -1, K, -1)
    index_GSKN = torch.cat([positive_GSK[..., None], negative_GSKM], dim=-1)
    return score_all(pred_GSKD, pool_GPD).gather(-1, index_GSKN)


def without_repeats(scores_GSKN: Tensor, positive_GSK: Tensor, negative_GSM: Tensor) -> Tensor:
    """Scores of ``score_drawn`` with -inf for distractors that happen to be the right frame itself."""
    repeat_GSKM = negative_GSM[:, :, None] == positive_GSK[..., None]
    return scores_GSKN.masked_fill(F.pad(repeat_GSKM, (1, 0)), float("-inf"))


def score_all(pred_GSKD: Tensor, pool_GPD: Tensor) -> Tensor:
    """(G, S, K, D) predictions, (G, P, D) frames -> (G, S, K, P) dot products."""
    return torch.matmul(pred_GSKD.flatten(1, 2), pool_GPD.transpose(1, 2)).unflatten(1, pred_GSKD.shape[1:3])


def cpc_audio_places(batch_index: Tensor, frame_index: Tensor, *, batch: int, frames: int, anchors: int) -> Tensor:
    """The distractors that CPC_audio draws, as places in the flat pool of ``batch`` x ``frames`` frames.

    Its draw is an utterance in [0, batch) and a frame offset in [1, frames) for every distractor, laid out (batch,
    M, anchors); the anchor's own position is added to the offset, modulo ``frames``. So a distractor never has the
    frame number of its anchor, and may be the right answer of some horizon.

    Args:
        batch_index, frame_index: flat integer tensors of batch x M x anchors draws.

    Returns:
        (1, batch x anchors, M) places for one pool that all share.
    """
    t = torch.arange(anchors, device=frame_index.device)
    frame_BMS = (frame_index.long().view(batch, -1, anchors) + t) % frames
    place_BMS = frame_BMS + frames * batch_index.long().view(batch, -1, anchors)
    return place_BMS.transpose(1, 2).reshape(1, batch * anchors, -1)
