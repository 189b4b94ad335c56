"""A memory of vectors from past batches, first in, first out.

He et al. 2020, "Momentum contrast" (arXiv:1911.05722), Sec. 3.1: negatives that no longer need to fit into a batch.

Letters: B vectors of a batch, Q vectors of the queue, D channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import require


class Queue(nn.Module):
    """The newest Q vectors, with a number for each such as its speaker; saved with the weights, so that runs resume.

    Put in what all processes gathered: the queue is then the same in every one of them.

    Args:
        size: Q, a multiple of the global batch.
        dim: D.

    Attributes:
        vectors_QD: at first random vectors of length 1.
        label_Q: their numbers, -1 where unknown.
        next: (1,) the place of the vector that leaves next.
    """

    replicated = True  # equal in all processes without being sent around
    vectors_QD: Tensor
    label_Q: Tensor
    next: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        require(size >= 1, f"a queue must hold at least one vector, got {size}")
        self.register_buffer("vectors_QD", F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer("label_Q", torch.full((size,), -1))
        self.register_buffer("next", torch.zeros(1, dtype=torch.long))

    def __len__(self) -> int:
        return len(self.vectors_QD)

    @torch.no_grad()
    def put(self, vectors_BD: Tensor, label_B: Tensor | None = None) -> None:
        """Take in the vectors of a batch in place of the oldest. Raises SonantError unless B divides Q."""
        B, Q = len(vectors_BD), len(self)
        require(
            Q % B == 0,
            f"a queue of {Q} vectors is no multiple of the {B} that a step adds to it; set method.queue to a multiple "
            f"of data.batch_size, such as {max(round(Q / B), 1) * B}",
        )
        begin = int(self.next) % Q
        self.vectors_QD[begin : begin + B] = vectors_BD.to(self.vectors_QD.dtype)
        self.label_Q[begin : begin + B] = -1 if label_B is None else label_B
        self.next.fill_((begin + B) % Q)

    def snapshot(self) -> tuple[Tensor, Tensor]:
        """Copies of the vectors and their numbers, that a backward pass may keep while the queue moves on."""
        return self.vectors_QD.clone(), self.label_Q.clone()
