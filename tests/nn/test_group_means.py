from __future__ import annotations

import pytest
import torch

from sonant.nn.group_means import group_means


def x_BCT(T=12):
    return torch.randn(2, 3, T, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_means_are_over_the_frames_of_a_group():
    x = x_BCT()
    for how in ("mean", "stretch"):
        means = group_means(x, None, None, size=4, groups=3, how=how)
        want = torch.stack([x[:, :, 4 * s : 4 * s + 4].mean(2) for s in range(3)], dim=2)
        torch.testing.assert_close(means, want)


def test_a_last_group_short_of_frames():
    """mean: over those that there are; stretch: every group is shorter, and what is left over is dropped."""
    x = x_BCT(11)
    want = torch.stack([x[:, :, 4 * s : 4 * s + 4].mean(2) for s in range(3)], dim=2)
    torch.testing.assert_close(group_means(x, None, None, size=4, groups=3), want)
    want = torch.stack([x[:, :, 3 * s : 3 * s + 3].mean(2) for s in range(3)], dim=2)
    torch.testing.assert_close(group_means(x, None, None, size=4, groups=3, how="stretch"), want)


def test_the_recipes_mean_is_over_time_and_channels():
    x = x_BCT()
    means = group_means(x, None, None, size=4, groups=3, how="legacy")
    flat = x.transpose(1, 2).reshape(2, 36)
    want = torch.stack([torch.stack([flat[:, 12 * s + 4 * c :][:, :4].mean(1) for c in range(3)], 1) for s in range(3)])
    torch.testing.assert_close(means, want.permute(1, 2, 0))


@pytest.mark.parametrize("how", ["mean", "stretch", "legacy"])
def test_alone_equals_inside_a_batch(how):
    x = x_BCT()
    lengths, counts = [12, 7], [3, 2]
    x[1, :, 7:] = 1e6
    together = group_means(x, torch.tensor(lengths), torch.tensor(counts), size=4, groups=3, how=how)
    for b, (n, groups) in enumerate(zip(lengths, counts, strict=True)):
        alone = group_means(x[b : b + 1, :, :n], None, None, size=4, groups=groups, how=how)
        torch.testing.assert_close(together[b, :, :groups], alone[0])
