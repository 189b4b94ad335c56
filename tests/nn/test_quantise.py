from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, generator
from sonant.nn.quantise import GumbelQuantiser, code_use, gumbel_noise

SOURCE = FrameGeometry(16000, hop=160, window=400)


def frames(*lengths: int, dim: int = 6, size: int | None = None) -> Frames:
    generator = torch.Generator().manual_seed(0)
    x_BTD = torch.zeros(len(lengths), size or max(lengths), dim)
    for row_TD, n in zip(x_BTD, lengths, strict=True):
        row_TD[:n] = torch.randn(n, dim, generator=generator)
    return Frames(x_BTD, torch.tensor(lengths), SOURCE)


def quantiser(**settings) -> GumbelQuantiser:
    torch.manual_seed(0)
    return GumbelQuantiser(6, **{"codes": (8,), **settings})


def generators(x: Frames) -> list[torch.Generator]:
    return [generator(b, "codes") for b in range(len(x.lengths_B))]


def test_evaluating_takes_the_code_of_the_largest_logit():
    q, x = quantiser(codes=(8, 5), dims=(2, 4)).eval(), frames(7, 4)
    codes_BTD, index_BTG = q(x)
    slices = x.x_BTD.split((2, 4), dim=-1)
    for g in range(2):
        index_BT = q.logits[g](slices[g]).argmax(-1)
        assert torch.equal(index_BTG[..., g], index_BT)
        begin = 2 * g
        width = (2, 4)[g]
        assert torch.equal(codes_BTD[..., begin : begin + width], q.books[g].weight.T[index_BT])


def test_one_group_sees_everything_whatever_the_width_of_its_codes():
    q = quantiser(codes=(8,), dims=(3,)).eval()
    assert q(frames(4))[0].shape == (1, 4, 3)
    assert q.logits[0].in_features == 6


def test_training_passes_codes_forwards_and_the_soft_mean_backwards():
    q, x = quantiser(temperature=0.7), frames(9)
    seen_BTC = x.x_BTD.requires_grad_()
    codes_BTD, index_BTG = q(x.with_x(seen_BTC), generators(x))
    torch.testing.assert_close(codes_BTD, q.books[0].weight.T[index_BTG[..., 0]], rtol=0, atol=1e-7)
    weight = torch.randn(codes_BTD.shape)
    (have,) = torch.autograd.grad((codes_BTD * weight).sum(), seen_BTC)
    s_BTV = q.logits[0](seen_BTC) + gumbel_noise(torch.empty(1, 9, 8), x.lengths_B, generators(x))
    assert torch.equal(index_BTG[..., 0], s_BTV.argmax(-1))
    soft_BTD = F.softmax(s_BTV / 0.7, dim=-1) @ q.books[0].weight.T
    (want,) = torch.autograd.grad((soft_BTD * weight).sum(), seen_BTC)
    torch.testing.assert_close(have, want)


def test_noise_is_that_of_the_utterance():
    """Neither padding nor neighbours change it; without generators it follows torch's own seed, as dropout does."""
    q, x = quantiser(), frames(7, 4)
    index_BTG = q(x, generators(x))[1]
    longer = frames(7, 4, size=12)
    assert torch.equal(q(longer, generators(longer))[1][0, :7], index_BTG[0])
    alone = Frames(x.x_BTD[1:, :4], x.lengths_B[1:], SOURCE)
    assert torch.equal(q(alone, [generator(1, "codes")])[1][0], index_BTG[1, :4])
    torch.manual_seed(3)
    one = q(x)[1]
    torch.manual_seed(3)
    assert torch.equal(q(x)[1], one)


def test_noise_is_gumbel():
    """Mean 0.5772 (Euler's constant), variance pi^2 / 6."""
    noise = gumbel_noise(torch.empty(2, 4000, 10), torch.tensor([4000, 4000]), [generator(0), generator(1)])
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.05)


def test_use_of_codes():
    """Perplexity is the number of codes that are equally often used; padding does not count."""
    index_BTG = torch.tensor([[0, 1, 0, 1, 5], [3, 3, 3, 3, 3]])[..., None]
    use = code_use(index_BTG, torch.tensor([4, 0]), (8,))
    assert use["perplexity"].item() == pytest.approx(2.0)
    assert use["used"].item() == pytest.approx(2 / 8)
    use = code_use(index_BTG, torch.tensor([4, 4]), (8,))
    entropy = 0.5 * math.log2(1 / 0.5) + 2 * 0.25 * math.log2(1 / 0.25)
    assert use["perplexity"].item() == pytest.approx(2**entropy)
    both = code_use(torch.cat([index_BTG, torch.zeros_like(index_BTG)], dim=-1), torch.tensor([4, 0]), (8, 4))
    assert both["perplexity"].item() == pytest.approx((2 + 1) / 2)
    assert both["used"].item() == pytest.approx((2 / 8 + 1 / 4) / 2)
