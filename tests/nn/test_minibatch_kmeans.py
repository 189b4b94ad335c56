from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.kmeans import assign, kmeans
from sonant.nn.minibatch_kmeans import RunningMeans, best_start


def blobs(size=3000, dim=5, number=8, *, seed=0):
    draws = torch.Generator().manual_seed(seed)
    centres = 4 * torch.randn(number, dim, generator=draws)
    which = torch.randint(number, (size,), generator=draws)
    return centres[which] + 0.5 * torch.randn(size, dim, generator=draws)


def passes(x_ND, means, *, count, batch):
    for turn in range(count):
        means.begin()
        for part in x_ND[torch.randperm(len(x_ND), generator=torch.Generator().manual_seed(turn))].split(batch):
            means.update(part)
    return means


def test_it_ends_near_lloyd_s_inertia():
    x_ND = blobs()
    means = passes(x_ND, RunningMeans.of(best_start(x_ND, 8, tries=3, seed=0)), count=6, batch=250)
    found = float(assign(x_ND, means.centroids_KD)[1].mean())
    whole = min(kmeans(x_ND, 8, iterations=100, start="plusplus", seed=s).inertia for s in range(3)) / len(x_ND)
    assert found == pytest.approx(whole, rel=0.01)


def test_after_a_first_pass_of_one_batch_centroids_are_the_means_of_their_clusters():
    x_ND = blobs()
    means = RunningMeans.of(x_ND[:8])
    cluster_N, distance_N = assign(x_ND, x_ND[:8])
    means.begin()
    means.update(x_ND)
    expected = torch.stack([x_ND[cluster_N == k].mean(0) for k in range(8)])
    torch.testing.assert_close(means.centroids_KD, expected)
    assert means.inertia == pytest.approx(float(distance_N.double().mean()))
    assert means.pass_K.tolist() == torch.bincount(cluster_N, minlength=8).tolist()


def test_more_tries_do_not_begin_worse():
    x_ND = blobs(number=20)
    one, many = (float(assign(x_ND, best_start(x_ND, 20, tries=t, seed=0))[1].sum()) for t in (1, 8))
    assert many <= one
    assert torch.equal(best_start(x_ND, 20, tries=3, seed=1), best_start(x_ND, 20, tries=3, seed=1))


def test_a_cluster_without_vectors_begins_anew_where_vectors_lie():
    x_ND = blobs()
    start = x_ND[:8].clone()
    start[3] = 1e3
    means = passes(x_ND, RunningMeans.of(start), count=1, batch=500)
    assert means.pass_K[3] == 0
    assert means.revive(x_ND, seed=0) == 1
    assert (x_ND == means.centroids_KD[3]).all(1).any()
    assert passes(x_ND, means, count=1, batch=500).pass_K[3] > 0


def test_equal_vectors_leave_nothing_to_revive():
    x_ND = torch.ones(50, 3)
    means = passes(x_ND, RunningMeans.of(x_ND[:4]), count=2, batch=20)
    assert means.revive(x_ND, seed=0) == 0
    assert means.centroids_KD.isfinite().all()


def test_fewer_vectors_than_clusters_are_refused():
    with pytest.raises(SonantError, match="at most as many clusters as vectors: 9 of 8"):
        best_start(torch.zeros(8, 2), 9, tries=1, seed=0)
