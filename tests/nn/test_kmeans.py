from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import SonantError
from sonant.nn.kmeans import Clusters, assign, concentrations, kmeans, nearest


def blobs(number=12, size=600, dim=6, *, seed=0):
    draws = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(number, dim, generator=draws)
    which = torch.randint(number, (size,), generator=draws)
    return centres[which] + 0.5 * torch.randn(size, dim, generator=draws), which


def test_inertia_is_scikit_learn_s():
    cluster = pytest.importorskip("sklearn.cluster")
    x_ND, _ = blobs()
    found = min(kmeans(x_ND, 12, iterations=100, start="plusplus", seed=s).inertia for s in range(8))
    theirs = cluster.KMeans(12, n_init=10, random_state=0, tol=0, max_iter=100).fit(x_ND.numpy()).inertia_
    assert found == pytest.approx(theirs, rel=1e-4)


def test_from_the_same_centroids_it_ends_where_scikit_learn_does(monkeypatch):
    cluster = pytest.importorskip("sklearn.cluster")
    x_ND, _ = blobs(seed=1)
    monkeypatch.setattr("sonant.nn.kmeans._random", lambda x_ND, number, seed: x_ND[:number].clone())
    mine = kmeans(x_ND, 9, iterations=200)
    theirs = cluster.KMeans(9, init=x_ND[:9].numpy(), n_init=1, tol=0, max_iter=200).fit(x_ND.numpy())
    torch.testing.assert_close(mine.centroids_KD, torch.tensor(theirs.cluster_centers_), atol=1e-4, rtol=0)
    assert mine.inertia == pytest.approx(theirs.inertia_, rel=1e-5)


def test_spherical_sees_directions_only():
    x_ND, _ = blobs()
    one = kmeans(x_ND, 12, spherical=True, seed=3)
    two = kmeans(x_ND * torch.rand(len(x_ND), 1).add(0.1), 12, spherical=True, seed=3)
    assert torch.equal(one.cluster_N, two.cluster_N)
    torch.testing.assert_close(one.centroids_KD.norm(dim=1), torch.ones(12))
    cosine_N = (F.normalize(x_ND) * one.centroids_KD[one.cluster_N]).sum(1)
    torch.testing.assert_close(one.distance_N, 2 - 2 * cosine_N, atol=1e-5, rtol=0)


def test_in_parts_it_is_the_same(monkeypatch):
    x_ND, _ = blobs()
    whole = kmeans(x_ND, 12, seed=2)
    monkeypatch.setattr("sonant.nn.kmeans.AT_ONCE", 100)
    parts = kmeans(x_ND, 12, seed=2)
    assert torch.equal(whole.cluster_N, parts.cluster_N)
    assert not torch.equal(whole.cluster_N, kmeans(x_ND, 12, seed=4).cluster_N)


def test_no_cluster_stays_empty():
    """Starting from a point that is there many times, other centroids must find the rest."""
    x_ND = torch.cat([torch.zeros(50, 2), 5 * torch.eye(2), -5 * torch.eye(2)])
    found = kmeans(x_ND, 5, iterations=20, seed=0)
    assert sorted(torch.bincount(found.cluster_N, minlength=5).tolist()) == [1, 1, 1, 1, 50]
    assert found.inertia == pytest.approx(0)
    with pytest.raises(SonantError, match="at most as many clusters as vectors: 55 of 54"):
        kmeans(x_ND, 55)


def test_assigning_and_neighbours():
    to_KD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    x_ND = torch.tensor([[3.0, 1.0], [-2.0, 0.1]])
    assert assign(x_ND, to_KD)[0].tolist() == [0, 2]
    assert nearest(x_ND, to_KD, 2).tolist() == [[0, 1], [2, 1]]


def test_concentrations_written_out():
    clusters = Clusters(torch.zeros(3, 2), torch.tensor([0, 0, 0, 1]), torch.tensor([1.0, 4.0, 9.0, 0.0]))
    phi = 6 / (3 * torch.tensor(13.0).log())
    torch.testing.assert_close(concentrations(clusters), phi.repeat(3))
