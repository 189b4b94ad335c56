"""What each of several tasks' losses counts: weights for their sum.

    mean          1 / W each
    softmax       softmax of losses / temperature: the hardest task counts most
    adaptive      softmax of Q / temperature, Q <- alpha (earlier loss - loss) + (1 - alpha) Q: the task that improves
                  most, as in bandits (Graves et al. 2017, arXiv:1704.03003)
    hyper_volume  1 / (eta - loss), eta = delta times the largest: the gradient of -sum log(eta - loss), Albuquerque et
                  al. 2019 (arXiv:1901.08680), Eqs. 5 to 7
    dropout       1 or 0, every task out of the batch with probability ``rate``
    mgd           the shortest convex combination of the tasks' gradients: no task gets worse along it. Desideri 2012,
                  Sener and Koltun 2018 (arXiv:1810.04650), Secs. 3.2 and 3.3

PASE's code computes such weights too, and then follows the plain sum whatever they are.

Letters: W tasks (workers).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def softmax_weights(loss_W: Tensor, *, temperature: float) -> Tensor:
    """(W,) above 0 with sum 1; ``temperature`` in units of the loss."""
    return torch.softmax(loss_W.detach() / temperature, dim=0)


def next_quality(quality_W: Tensor, loss_W: Tensor, earlier_W: Tensor, *, alpha: float) -> Tensor:
    """Q of ``adaptive`` after a batch, given the losses of this batch and of the one before."""
    return alpha * (earlier_W - loss_W.detach()) + (1 - alpha) * quality_W


def hyper_volume_weights(loss_W: Tensor, *, delta: float) -> Tensor:
    """(W,) above 0; ``delta`` above 1: the nearer to it, the more the largest loss counts. Losses are at least 0."""
    loss_W = loss_W.detach()
    eta = delta * loss_W.max()
    return 1 / (eta - loss_W).clamp(min=torch.finfo(loss_W.dtype).tiny)


def kept_tasks(tasks: int, *, rate: float, draw: torch.Generator) -> Tensor:
    """(W,) ones and zeros, on the CPU; when all would be left out, one of them stays."""
    kept_W = torch.rand(tasks, generator=draw) >= rate
    survivor = int(torch.randint(tasks, (), generator=draw))
    if not kept_W.any():
        kept_W[survivor] = True
    return kept_W.float()


def min_norm_weights(gram_WW: Tensor, *, rounds: int = 1000, tolerance: float = 1e-9) -> Tensor:
    """(W,) at least 0 with sum 1 that make the combination of the gradients the shortest.

    Frank and Wolfe's algorithm with pairwise steps (Lacoste-Julien and Jaggi 2015, arXiv:1511.05932, Alg. 2), which
    comes as near as one likes in few rounds where the plain one of Sener and Koltun's Alg. 2 zigzags.

    Args:
        gram_WW: inner products of the gradients.
        tolerance: what may be left to gain, relative to the largest square.
    """
    gram = gram_WW.detach().double().cpu().numpy()
    weights = np.zeros(len(gram))
    weights[int(np.argmin(np.diag(gram)))] = 1.0
    enough = tolerance * max(float(np.diag(gram).max()), np.finfo(float).tiny)
    for _ in range(rounds):
        slope = gram @ weights
        to, away = int(np.argmin(slope)), int(np.argmax(np.where(weights > 0, slope, -np.inf)))
        gain = slope[away] - slope[to]
        if gain <= enough:
            break
        curve = gram[to, to] + gram[away, away] - 2 * gram[to, away]
        step = min(gain / curve, weights[away]) if curve > 0 else weights[away]
        weights[to] += step
        weights[away] = 0.0 if step == weights[away] else weights[away] - step
    return torch.as_tensor(weights / weights.sum(), dtype=gram_WW.dtype, device=gram_WW.device)
