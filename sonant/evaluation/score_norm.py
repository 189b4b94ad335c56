"""Scores of pairs of vectors, and their normalisation by a cohort of other speakers.

A score s(e, t) is the dot product of two vectors: the cosine of vectors of length 1, or, for means of the unit vectors
of several crops, the mean cosine over all pairs of crops. Each side's scores against the cohort have a mean and a
deviation:

    z: (s - mean_e) / std_e        t: (s - mean_t) / std_t        s: half the sum of both (Auckenthaler et al. 2000)
    as: as s, over the ``top`` highest cohort scores of each side only (Matejka et al. 2017, adaptive s-norm)

Letters: N, M vectors, C of the cohort, P pairs, D channels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..core import require

Norm = Literal["none", "z", "t", "s", "as"]
BLOCK = 2**24  # numbers held at a time


def pair_scores(enrol_ND: Tensor, test_MD: Tensor, enrol_P: Tensor, test_P: Tensor) -> Tensor:
    """(P,) dot products of the vectors that two lists of numbers name, in a bounded amount of memory."""
    scores_P = torch.empty(len(enrol_P), dtype=enrol_ND.dtype)
    step = max(BLOCK // max(enrol_ND.shape[1], 1), 1)
    for first in range(0, len(enrol_P), step):
        part = slice(first, first + step)
        scores_P[part] = torch.einsum("pd,pd->p", enrol_ND[enrol_P[part]], test_MD[test_P[part]])
    return scores_P


def cohort_statistics(
    vectors_ND: Tensor, cohort_CD: Tensor, *, top: int | None = None, unbiased: bool = True
) -> tuple[Tensor, Tensor]:
    """(N,) mean and (N,) deviation of each vector's scores against the cohort.

    Args:
        top: only its so many highest scores; None: all.
        unbiased: divide by their number less one (sslsv, SpeechBrain), or by their number (wespeaker).

    Raises:
        SonantError: a cohort of fewer than two vectors or than ``top``; scores that do not differ.
    """
    count = len(cohort_CD) if top is None else top
    require(
        2 <= count <= len(cohort_CD),
        f"normalisation by the {count} nearest of a cohort of {len(cohort_CD)}: at least 2, at most the whole cohort",
    )
    means, stds = [], []
    step = max(BLOCK // len(cohort_CD), 1)
    for first in range(0, len(vectors_ND), step):
        scores_NC = vectors_ND[first : first + step] @ cohort_CD.T
        kept_NC = scores_NC if count == len(cohort_CD) else scores_NC.topk(count, dim=1, sorted=False).values
        means.append(kept_NC.mean(1)), stds.append(kept_NC.std(1, correction=int(unbiased)))
    mean_N, std_N = torch.cat(means), torch.cat(stds)
    require(
        bool((std_N > 0).all()), "the cohort scores of an utterance are all equal; is the cohort one file repeated?"
    )
    return mean_N, std_N


def normalised_scores(
    enrol_ND: Tensor,
    test_MD: Tensor,
    enrol_P: Tensor,
    test_P: Tensor,
    *,
    norm: Norm = "none",
    cohort_CD: Tensor | None = None,
    top: int = 300,
    unbiased: bool = True,
) -> Tensor:
    """(P,) scores of pairs, normalised as ``norm`` says.

    Args:
        enrol_ND, test_MD: the vectors of both sides; ``enrol_P`` and ``test_P`` number them.
        cohort_CD: of other speakers than the pairs'; not needed with ``norm`` none.
        top: highest cohort scores of each side that count with ``norm`` as.
        unbiased: of ``cohort_statistics``.
    """
    scores_P = pair_scores(enrol_ND, test_MD, enrol_P, test_P)
    if norm == "none":
        return scores_P
    require(cohort_CD is not None, f"{norm}-norm needs a cohort")
    options = {"top": top if norm == "as" else None, "unbiased": unbiased}
    sides = []
    if norm in ("z", "s", "as"):
        mean_N, std_N = cohort_statistics(enrol_ND, cohort_CD, **options)
        sides.append((scores_P - mean_N[enrol_P]) / std_N[enrol_P])
    if norm in ("t", "s", "as"):
        mean_M, std_M = cohort_statistics(test_MD, cohort_CD, **options)
        sides.append((scores_P - mean_M[test_P]) / std_M[test_P])
    return torch.stack(sides).mean(0)
