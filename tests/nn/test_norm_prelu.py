from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sonant.nn.norm_prelu import NormPReLU


def pair(slopes: int) -> tuple[NormPReLU, nn.BatchNorm1d]:
    """Ours with random numbers, and torch's norm with the same."""
    torch.manual_seed(0)
    ours, norm = NormPReLU(4, slopes=slopes, slope=0.25).double(), nn.BatchNorm1d(4).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.uniform_(-1, 1)
    norm.load_state_dict(ours.norm.state_dict())
    return ours, norm


@pytest.mark.parametrize(
    ("shape", "ends", "slopes"),
    [((3, 4, 20), (3, 5), 4), ((3, 4, 20), (0, 5), 1), ((1, 4, 9), (8, 8), 4), ((2, 4, 9), (0, 0), 1)],
)
@pytest.mark.parametrize("training", [True, False])
def test_equals_torch_one_after_the_other(shape, ends, slopes, training):
    ours, norm = pair(slopes)
    ours.train(training)
    norm.train(training)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    out = ours(x, None, left=ends[0], right=ends[1])
    y = F.prelu(norm(x), ours.slope)
    want = F.pad(y, ends, mode="reflect") if sum(ends) else y
    torch.testing.assert_close(out, want)
    probe = torch.randn_like(out)
    mine = torch.autograd.grad(out, [x, ours.norm.weight, ours.norm.bias, ours.slope], probe)
    theirs = torch.autograd.grad(want, [x, norm.weight, norm.bias, ours.slope], probe)
    torch.testing.assert_close(mine, theirs)
    for name, value in norm.state_dict().items():
        torch.testing.assert_close(ours.norm.state_dict()[name], value)


def test_keeps_one_tensor_of_the_size_of_its_input():
    ours, _ = pair(4)
    kept = []
    x = torch.randn(2, 4, 50, dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        ours(x, None, left=2, right=2)
    assert sum(kept) < 1.2 * x.numel()


@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(training):
    """A padded batch, whose statistics are those of the real frames; each is mirrored at its own end."""
    ours, norm = pair(4)
    ours.train(training)
    norm.train(training)
    lengths = [9, 5, 1]
    x = torch.randn(3, 4, 9, dtype=torch.float64)
    real = torch.cat([x[b, :, :n] for b, n in enumerate(lengths)], dim=1)[None]
    rows = F.prelu(norm(real), ours.slope)[0].split(lengths, dim=1)
    for b, n in enumerate(lengths):
        x[b, :, n:] = 1e6
    out = ours(x, torch.tensor(lengths), left=2, right=3)
    for b, (row, n) in enumerate(zip(rows, lengths, strict=True)):
        want = F.pad(row[None], (2, 3), mode="reflect")[0] if n > 3 else row.expand(4, 6)
        torch.testing.assert_close(out[b, :, : 2 + n + 3], want)


def test_frames_fewer_than_the_mirrored_ones():
    ours, _ = pair(4)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    out = ours(x, None, left=4, right=0)
    torch.testing.assert_close(out[:, :, :4], out[:, :, 4:][:, :, [0, 1, 2, 1]])
