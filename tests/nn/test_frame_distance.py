"""Frame distances equal their formulas, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.nn.frame_distance import operands, unit_frames


def written_out(x, y, distance):
    """The distance of two frames in float64."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if distance in ("angular", "cosine"):
        cosine = np.clip((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y), -1, 1)
        return math.acos(cosine) / math.pi if distance == "angular" else 1 - cosine
    if distance in ("euclidean", "sqeuclidean"):
        return math.sqrt(((x - y) ** 2).sum()) if distance == "euclidean" else ((x - y) ** 2).sum()
    if distance == "kl":
        return 0.5 * sum((p - q) * math.log((p + 1e-6) / (q + 1e-6)) for p, q in zip(x, y, strict=True))
    return float((x != y).any())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distance", ["angular", "cosine", "euclidean", "sqeuclidean", "kl", "identical"])
def test_distances_equal_their_formulas(distance, dtype):
    generator = torch.Generator().manual_seed(0)
    x_FD = torch.rand(9, 4, generator=generator) + 0.1 if distance == "kl" else torch.randn(9, 4, generator=generator)
    x_FD = x_FD.round() if distance == "identical" else x_FD
    frames = unit_frames(x_FD) if distance in ("angular", "cosine") else x_FD
    prepared = operands(frames, distance, dtype=dtype)
    found = prepared.between(prepared.left_FK, prepared.right_FK)
    expected = [[written_out(x, y, distance) for y in x_FD.numpy()] for x in x_FD.numpy()]
    assert found.dtype == dtype
    off_diagonal = ~np.eye(9, dtype=bool)  # near 0 the arccos of a rounded cosine is good to 1e-4 only
    limit = 1e-6 if dtype == torch.float32 else 1e-7
    assert np.abs(found.numpy() - expected)[off_diagonal].max() < limit


def test_equal_frames_are_exactly_alike_for_euclidean():
    x_FD = torch.randn(5, 300, generator=torch.Generator().manual_seed(1)) * 100
    prepared = operands(x_FD, "euclidean")
    assert prepared.between(prepared.left_FK, prepared.right_FK).diagonal().tolist() == [0.0] * 5


def test_zero_frames_apart_or_uniform():
    x_FD = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]])
    apart = operands(unit_frames(x_FD, "apart"), "angular")
    distance = apart.between(apart.left_FK, apart.right_FK)
    assert distance[0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert abs(float(distance[1, 3]) - math.acos(-0.6) / math.pi) < 1e-6
    uniform = unit_frames(x_FD, "uniform")
    assert torch.allclose(uniform[0], torch.full((2,), 0.5**0.5, dtype=torch.float64))


def test_unknown_names_and_negative_probabilities():
    with pytest.raises(SonantError, match="euclidean"):
        operands(torch.zeros(1, 2), "euclidian")
    with pytest.raises(SonantError, match="uniform"):
        unit_frames(torch.zeros(1, 2), "uniformly")
    with pytest.raises(SonantError, match="probabilities"):
        operands(-torch.ones(1, 2), "kl")
