from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.core import mask_of
from sonant.nn import norm as norms
from sonant.nn.norm import BatchNorm, ChannelNorm, InstanceNorm, norm

LENGTHS = torch.tensor([9, 5, 1])


def case(dim=6):
    g = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(3, 9, dim, generator=g, dtype=torch.float64) + 1
    return x, mask_of(LENGTHS, 9)


def perturbed(module: nn.Module) -> nn.Module:
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return module


def test_channel_norm_is_its_formula():
    """Unbiased variance, eps inside the root (CPC_audio's ChannelNorm)."""
    x, mask = case()
    x[0, 0] = 0.001 * x[0, 0]  # small variance, where eps matters
    module = perturbed(ChannelNorm(6))
    expected = (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, keepdim=True, unbiased=True) + 1e-5)
    torch.testing.assert_close(module(x, mask), expected * module.weight + module.bias)


def test_batch_norm_equals_torch_on_the_real_frames():
    x, mask = case()
    ours, theirs = perturbed(BatchNorm(6)), perturbed(nn.BatchNorm1d(6))
    x[~mask] = 1e6
    for _ in range(3):
        torch.testing.assert_close(ours(x, mask)[mask], theirs(x[mask]))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.eval()(x, mask)[mask], theirs.eval()(x[mask]))


def test_batch_norm_of_a_batch_without_padding_equals_torch():
    """By another path, and one utterance of one frame by none that refuses it."""
    x, _ = case()
    everything = torch.ones(3, 9, dtype=torch.bool)
    ours, theirs = perturbed(BatchNorm(6)), perturbed(nn.BatchNorm1d(6))
    for _ in range(3):
        torch.testing.assert_close(ours(x, everything), theirs(x.transpose(1, 2)).transpose(1, 2))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours(x[:1, :1], everything[:1, :1])[0, 0], ours.bias)


def test_batch_norm_of_two_processes_is_that_of_one_on_the_whole(monkeypatch):
    """Values, statistics and gradients, the processes played by the two halves of a batch of uneven lengths."""
    x, mask = case()
    probe = torch.randn(3, 9, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole, own_x = perturbed(BatchNorm(6)), x.clone().requires_grad_()
    y = whole(own_x, mask)
    (y[:1] * probe[:1])[mask[:1]].sum().backward()
    split, other_x = perturbed(BatchNorm(6)), x.clone().requires_grad_()
    others = list(norms._moments(other_x[1:][mask[1:]]))
    monkeypatch.setattr(norms, "world_size", lambda: 2)
    monkeypatch.setattr(
        norms, "gather_with_gradient", lambda part: torch.cat([part, others.pop(0).reshape(part.shape)])
    )
    half = split(other_x[:1], mask[:1])
    torch.testing.assert_close(half, y[:1].detach())
    (half * probe[:1])[mask[:1]].sum().backward()
    torch.testing.assert_close(other_x.grad, own_x.grad)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(split.state_dict()[name], value)


def test_layer_norm_is_that_of_torch():
    x, mask = case()
    module = perturbed(norm("layer", 6, eps=1e-3))
    torch.testing.assert_close(module(x, mask), nn.functional.layer_norm(x, (6,), module.weight, module.bias, 1e-3))


def test_instance_norm_equals_torch_on_each_utterance_alone():
    x, mask = case()
    ours, theirs = perturbed(InstanceNorm(6)), perturbed(nn.InstanceNorm1d(6, affine=True))
    x[~mask] = 1e6
    y = ours(x, mask)
    for b, n in enumerate(LENGTHS.tolist()[:2]):
        torch.testing.assert_close(y[b, :n], theirs(x[b : b + 1, :n].transpose(1, 2))[0].T)
    torch.testing.assert_close(y[2, 0], ours.bias, msg="one frame alone is its own mean")


@pytest.mark.parametrize("name", ["channel", "batch", "instance", "layer", "none"])
def test_dtype_follows_the_input(name):
    x, mask = case()
    assert norm(name, 6)(x.bfloat16(), mask).dtype in (torch.bfloat16, torch.float32)
    assert norm(name, 6)(x.float(), mask).dtype == torch.float32
    assert norm(name, 6).double()(x, mask).dtype == torch.float64


def test_batch_norm_of_channels_first_is_the_same():
    """Padded or not, with and without weights, training and evaluating."""
    x, mask = case()
    for affine in (True, False):
        ours, other = perturbed(BatchNorm(6, affine=affine)), perturbed(BatchNorm(6, affine=affine))
        assert set(dict(ours.named_parameters())) == ({"weight", "bias"} if affine else set())
        for given in (mask, None):
            full = torch.ones_like(mask) if given is None else given
            torch.testing.assert_close(ours.channels_first(x.mT, given).mT[full], other(x, full)[full])
        for name, value in other.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)
        ours.eval(), other.eval()
        torch.testing.assert_close(ours.channels_first(x.mT, mask).mT, other(x, mask))
