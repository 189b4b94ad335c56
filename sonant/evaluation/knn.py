"""What the nearest labelled vectors say: a classifier without training (Wu et al. 2018, arXiv:1805.01978, Sec. 3.4).

    score of a class = sum over the k nearest of the class of exp(cosine / temperature)

Letters: N labelled vectors, M vectors to classify, D channels, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..core import require

BLOCK = 2**24  # cosines held at a time


def class_scores(
    bank_ND: Tensor, labels_N: Tensor, query_MD: Tensor, *, classes: int, k: int = 20, temperature: float = 0.1
) -> Tensor:
    """(M, C) votes of the ``k`` nearest (at most N) by cosine; the largest is the decision.

    Args:
        labels_N: class numbers from 0 to ``classes`` - 1.
    """
    require(k >= 1 and temperature > 0, f"kNN needs k of at least 1 and a temperature above 0, got {k}, {temperature}")
    bank_ND, query_MD = normalize(bank_ND, dim=1), normalize(query_MD, dim=1)
    votes = []
    for part_MD in query_MD.split(max(BLOCK // max(len(bank_ND), 1), 1)):
        cosine_Mk, nearest_Mk = (part_MD @ bank_ND.T).topk(min(k, len(bank_ND)), dim=1)
        weight_Mk = (cosine_Mk / temperature).exp()
        empty_MC = torch.zeros(len(part_MD), classes, dtype=weight_Mk.dtype, device=weight_Mk.device)
        votes.append(empty_MC.scatter_add(1, labels_N[nearest_Mk], weight_Mk))
    return torch.cat(votes)


def knn_accuracy(
    bank_ND: np.ndarray,
    bank_labels: Sequence[str],
    query_MD: np.ndarray,
    query_labels: Sequence[str],
    *,
    k: int = 20,
    temperature: float = 0.1,
) -> dict[str, float]:
    """``accuracy`` and ``balanced_accuracy`` (mean over the classes of the queries), in [0, 1].

    Raises:
        SonantError: a query's class that no labelled vector has.
    """
    names = sorted(set(bank_labels))
    number = {name: i for i, name in enumerate(names)}
    unknown = sorted(set(query_labels) - set(number))
    require(not unknown, f"no labelled vector is of {', '.join(unknown[:5])}, which the test has")
    labels_N = torch.tensor([number[label] for label in bank_labels])
    bank, query = (torch.from_numpy(np.asarray(x, np.float32)) for x in (bank_ND, query_MD))
    votes_MC = class_scores(bank, labels_N, query, classes=len(names), k=k, temperature=temperature)
    right_M = (votes_MC.argmax(1) == torch.tensor([number[label] for label in query_labels])).numpy()
    by_class = [right_M[[q == name for q in query_labels]].mean() for name in sorted(set(query_labels))]
    return {"accuracy": float(right_M.mean()), "balanced_accuracy": float(np.mean(by_class))}
