"""Self-distillation: the student says of one view what the teacher says of another.

Caron et al. 2021 (arXiv:2104.14294), Eqs. 1-4.

    p_t = softmax((t - c) / T_t)        p_s = softmax(s / T_s)        L = mean over pairs of views of -sum_k p_t log p_s

Letters: B utterances, G views that the teacher sees, S that the student sees (the first G are the same), K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core import require
from ..core.distributed import all_sum
from .precision import in_float32


@dataclass(frozen=True)
class DinoOut:
    """Scalars of a batch; ``loss`` is the sum of the other two.

    Attributes:
        loss: mean cross-entropy in nats.
        divergence: mean KL(teacher || student); 0 when the student has learnt all there is.
        entropy: mean entropy of the teacher: log K when it collapsed to all outputs alike, 0 to one of them.
    """

    loss: Tensor
    divergence: Tensor
    entropy: Tensor


@in_float32
def dino(
    student_BSK: Tensor,
    teacher_BGK: Tensor,
    centre_K: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> DinoOut:
    """The mean over utterances and over pairs of a teacher's and a student's view that are not the same view.

    No gradient flows to the teacher. Raises SonantError when there is no such pair.
    """
    B, S, _ = student_BSK.shape
    G = teacher_BGK.shape[1]
    require(
        S > 1 and 1 <= G <= S, f"dino compares at least two views, and the student sees the teacher's; got {S}, {G}"
    )
    log_teacher_BGK = F.log_softmax((teacher_BGK.detach() - centre_K) / teacher_temperature, dim=-1)
    log_student_BSK = F.log_softmax(student_BSK / student_temperature, dim=-1)
    teacher_BGK = log_teacher_BGK.exp()
    entropy = -(teacher_BGK * log_teacher_BGK).sum(-1).mean()
    same = (teacher_BGK * log_student_BSK[:, :G]).sum()
    every = (teacher_BGK.sum(1) * log_student_BSK.sum(1)).sum()
    loss = (same - every) / (B * (G * S - G))
    return DinoOut(loss, (loss - entropy).detach(), entropy)


@torch.no_grad()
def next_centre(centre_K: Tensor, teacher_BGK: Tensor, *, momentum: float) -> Tensor:
    """Eq. 4: the centre after a batch, from the teacher's outputs in all processes."""
    sum_K, count = teacher_BGK.sum((0, 1)).to(centre_K.dtype), teacher_BGK[..., 0].numel()
    shared = all_sum(torch.cat([sum_K, sum_K.new_tensor([float(count)])]))
    return momentum * centre_K + (1 - momentum) * shared[:-1] / shared[-1]


def warmed_up(step: int, *, start: float, end: float, steps: int) -> float:
    """A temperature that goes from ``start`` to ``end`` in equal parts and is ``end`` from step ``steps`` - 1 on."""
    return end if step >= steps - 1 else start + (end - start) * step / (steps - 1)
