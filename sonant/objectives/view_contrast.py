"""Tell the other views of an utterance from those of all other utterances.

van den Oord et al. 2018 (arXiv:1807.03748), Eq. 4, between utterances; Chen et al. 2020, SimCLR (arXiv:2002.05709),
Eq. 1, which also holds the views of the anchor's own side against it:

    L = mean over anchors a and their positives p of  -log  exp(s_ap / T) / sum_c exp(s_ac / T)

over every candidate c but the anchor itself. With more than two views the mean over positives is that of Khosla et
al. 2020 (arXiv:2004.11362), Eq. 2. Knowing nothing scores log of the number of candidates.

Letters: V views, B utterances, D channels, A anchors, C candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32


@dataclass(frozen=True)
class Contrast:
    """Who is compared with whom.

    Attributes:
        cosine_AC: cosines of anchors and candidates.
        positive_AC: true where both are of the same utterance.
        taking_AC: true where the candidate takes part: everywhere but at the anchor itself.
        size_A: length of each anchor's vector before it was normalised.
    """

    cosine_AC: Tensor
    positive_AC: Tensor
    taking_AC: Tensor
    size_A: Tensor


@in_float32
def compare_all(x_VBD: Tensor, *, candidates: int | None = None) -> Contrast:
    """Every view of every utterance against the first ``candidates`` views (all by default) of all of them."""
    V, B, _ = x_VBD.shape
    seen = V if candidates is None else candidates
    z_AD = F.normalize(x_VBD.flatten(0, 1), dim=-1)
    owner_A = torch.arange(B, device=x_VBD.device).repeat(V)
    itself_AC = torch.eye(V * B, seen * B, dtype=torch.bool, device=x_VBD.device)
    same_AC = owner_A[:, None] == owner_A[: seen * B]
    size_A = x_VBD.detach().flatten(0, 1).norm(dim=-1)
    return Contrast(z_AD @ z_AD[: seen * B].T, same_AC & ~itself_AC, ~itself_AC, size_A)


@in_float32
def compare_pairs(x_BD: Tensor, other_BD: Tensor) -> Contrast:
    """Every utterance's first view against the second views of all."""
    cosine_BB = F.normalize(x_BD, dim=-1) @ F.normalize(other_BD, dim=-1).T
    same_BB = torch.eye(len(x_BD), dtype=torch.bool, device=x_BD.device)
    return Contrast(cosine_BB, same_BB, torch.ones_like(same_BB), x_BD.detach().norm(dim=-1))


def without_speaker(contrast: Contrast, anchor_A: Tensor, candidate_C: Tensor) -> Contrast:
    """The contrast without negatives of the anchor's own speaker, which are false; -1: not known, and stays.

    With true speakers this is no longer self-supervised: it tells how much false negatives cost.
    """
    same_AC = (anchor_A[:, None] == candidate_C) & (anchor_A >= 0)[:, None]
    taking_AC = contrast.taking_AC & (contrast.positive_AC | ~same_AC)
    return Contrast(contrast.cosine_AC, contrast.positive_AC, taking_AC, contrast.size_A)


@in_float32
def contrast_loss(
    score_AC: Tensor, positive_AC: Tensor, taking_AC: Tensor, *, debias: float = 0.0, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The mean loss and the share of anchors whose best candidate is a positive.

    Args:
        score_AC: cosines over the temperature, or what margins made of them.
        debias: tau+, the chance that a negative is of the anchor's own speaker; above 0 the sum over negatives is
            corrected for it as in Chuang et al. 2020 (arXiv:2007.00224), Eq. 8, which asks for cosine scores at
            ``temperature``.
    """
    score_AC = score_AC.masked_fill(~taking_AC, -torch.inf)
    with torch.no_grad():
        hit = positive_AC.gather(1, score_AC.argmax(1, keepdim=True)).to(score_AC.dtype).mean()
    if debias > 0:
        loss_AC = _debiased(score_AC, positive_AC, share=debias, lowest=-1 / temperature)
    else:
        loss_AC = score_AC.logsumexp(1, keepdim=True) - score_AC
    per_anchor_A = loss_AC.masked_fill(~positive_AC, 0.0).sum(1) / positive_AC.sum(1)
    return per_anchor_A.mean(), hit


def _debiased(score_AC: Tensor, positive_AC: Tensor, *, share: float, lowest: float) -> Tensor:
    """-log(e^s / (e^s + g)), where g = max((sum over N negatives - N tau+ e^s) / (1 - tau+), N e^(-1/T))."""
    top_A1 = score_AC.detach().amax(1, keepdim=True)
    exp_AC = (score_AC - top_A1).exp()
    negative_AC = ~positive_AC & score_AC.isfinite()
    number_A1 = negative_AC.sum(1, keepdim=True)
    sum_A1 = exp_AC.masked_fill(~negative_AC, 0.0).sum(1, keepdim=True)
    corrected_AC = (sum_A1 - number_A1 * share * exp_AC) / (1 - share)
    corrected_AC = torch.maximum(corrected_AC, number_A1 * (lowest - top_A1).exp())
    loss_AC = (exp_AC + corrected_AC).log() + top_A1 - score_AC
    return loss_AC.masked_fill(~positive_AC, 0.0)


def nt_xent(x_VBD: Tensor, *, temperature: float) -> Tensor:
    """SimCLR's loss of (V, B, D) vectors of any length: 2 B anchors, 2 B - 1 candidates each for two views."""
    found = compare_all(x_VBD)
    return contrast_loss(found.cosine_AC / temperature, found.positive_AC, found.taking_AC)[0]


def one_way(x_BD: Tensor, other_BD: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE from first views to second ones: B anchors, B candidates each."""
    found = compare_pairs(x_BD, other_BD)
    return contrast_loss(found.cosine_AC / temperature, found.positive_AC, found.taking_AC)[0]


def angular_prototypical(x_BD: Tensor, other_BD: Tensor, *, scale: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    """One-way loss from second views to first ones at the scores w cos + b (Chung et al. 2020, arXiv:2003.11982).

    Args:
        scale: w, learnt from 10 on, kept within [1e-6, 1e6].
        shift: b, which the softmax cancels: its gradient is zero, and methods leave it out.
    """
    found = compare_pairs(other_BD, x_BD)
    score_BB = scale.clamp(1e-6, 1e6) * found.cosine_AC + shift
    return contrast_loss(score_BB, found.positive_AC, found.taking_AC)[0]
