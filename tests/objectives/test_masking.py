from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, generator
from sonant.objectives.masking import alter_frequency, alter_magnitude, alter_time, masked_error, spans

SOURCE = FrameGeometry(16000, hop=160, window=400)


def frames(lengths, dim=10, seed=0) -> Frames:
    """No element is zero, and every frame is unlike the others."""
    g = torch.Generator().manual_seed(seed)
    x_BTD = 1 + torch.rand(len(lengths), max(lengths), dim, generator=g)
    return Frames(x_BTD, torch.tensor(lengths), SOURCE).masked()


def generators(count, *, first=0, purpose="test"):
    return [generator(b, purpose) for b in range(first, first + count)]


def runs(mask_T) -> list[tuple[int, int]]:
    """(start, length) of the runs of true."""
    edges = torch.diff(torch.nn.functional.pad(mask_T.int(), (1, 1)))
    starts, ends = ((edges == way).nonzero()[:, 0].tolist() for way in (1, -1))
    return [(start, end - start) for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("length", [24, 100, 333, 500])
def test_blocks_are_as_many_and_as_wide_as_documented(length):
    """round(T share / width) blocks within [0, T - 1); their union is made of runs of at least a block."""
    _, masked_BT = alter_time(frames([length] * 50), generators(50), share=0.15, width=7)
    count = round(length * 0.15 / 7)
    for mask_T in masked_BT:
        assert all(size >= 7 for _, size in runs(mask_T))
        assert 7 <= int(mask_T.sum()) <= 7 * count
        assert not mask_T[-1], "a block begins before T - width"
    if count == 1:
        assert all(int(mask_T.sum()) == 7 for mask_T in masked_BT)


def test_share_of_masked_frames():
    """Beginnings differ but blocks may overlap: of T p / w blocks a frame stays out of all with (1 - w / T) each."""
    T = 1000
    _, masked_BT = alter_time(frames([T] * 200, dim=1), generators(200), share=0.15, width=7)
    count = round(T * 0.15 / 7)
    expected = 1 - (1 - 7 / T) ** count
    assert masked_BT.float().mean().item() == pytest.approx(expected, rel=0.02)
    assert 0.13 < expected < 0.15


def test_zeros_swaps_and_frames_left_alone_are_80_10_10_of_the_utterances():
    B = 2000
    x = frames([60] * B, dim=2)
    altered, masked_BT = alter_time(x, generators(B), share=0.15, width=7)
    inside = masked_BT[:, :, None].expand_as(x.x_BTD)
    zero = torch.stack([(altered.x_BTD[b][inside[b]] == 0).all() for b in range(B)])
    same = torch.tensor([torch.equal(altered.x_BTD[b], x.x_BTD[b]) for b in range(B)])
    assert zero.float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert same.float().mean().item() == pytest.approx(0.1, abs=0.02)
    swapped = ~zero & ~same
    assert swapped.float().mean().item() == pytest.approx(0.1, abs=0.02)
    for b in swapped.nonzero()[:5, 0].tolist():
        for row in altered.x_BTD[b][masked_BT[b]]:
            assert (x.x_BTD[b] == row).all(-1).any(), "a swapped frame is a frame of the utterance"
    assert torch.equal(altered.x_BTD[~masked_BT], x.x_BTD[~masked_BT])


def test_bands_are_adjacent_and_uniform_in_width():
    B, D = 4000, 80
    x = frames([8] * B, dim=D)
    altered, masked_BD = alter_frequency(x, generators(B), share=0.2, shortest=7)
    widths = masked_BD.sum(1)
    assert all(len(runs(mask_D)) <= 1 for mask_D in masked_BD)
    counts = torch.bincount(widths, minlength=17)
    assert len(counts) == 17, "at most 0.2 x 80 channels"
    assert counts.float().std().item() < 4 * (B / 17) ** 0.5
    assert masked_BD[:, 0].any()
    assert masked_BD[:, -1].any()
    assert torch.equal(altered.x_BTD == 0, masked_BD[:, None, :].expand_as(x.x_BTD))


def test_noise_has_its_probability_and_deviation():
    B = 1000
    x = frames([40] * B)
    noise_BTD = alter_magnitude(x, generators(B), probability=0.15, deviation=0.2).x_BTD - x.x_BTD
    noisy_B = noise_BTD.abs().amax((1, 2)) > 0
    assert noisy_B.float().mean().item() == pytest.approx(0.15, abs=0.03)
    assert noise_BTD[noisy_B].std().item() == pytest.approx(0.2, rel=0.02)
    short = frames([40, 20])
    padded = alter_magnitude(short, generators(2), probability=1.0, deviation=0.2)
    assert (padded.x_BTD[1, 20:] == 0).all()


def test_draws_belong_to_the_utterance():
    """Another place in the batch, another split of it, more padding: the same alterations."""
    whole = frames([50, 40, 30])
    part = Frames(torch.nn.functional.pad(whole.x_BTD[1:], (0, 0, 0, 9)), whole.lengths_B[1:], SOURCE)
    for alter, settings in (
        (alter_time, {"share": 0.15, "width": 7}),
        (alter_frequency, {"share": 0.2, "shortest": 7}),
    ):
        all_three, mask_three = alter(whole, generators(3), **settings)
        last_two, mask_two = alter(part, generators(2, first=1), **settings)
        assert torch.equal(all_three.x_BTD[1:], last_two.x_BTD[:, :50])
        size = mask_three.shape[1]
        assert torch.equal(mask_three[1:], mask_two[:, :size])
    noisy = alter_magnitude(whole, generators(3), probability=1.0, deviation=1.0)
    again = alter_magnitude(part, generators(2, first=1), probability=1.0, deviation=1.0)
    assert torch.equal(noisy.x_BTD[1:], again.x_BTD[:, :50])


def test_another_seed_is_another_draw():
    x = frames([200] * 2)
    one = alter_time(x, generators(2), share=0.15, width=7)[1]
    two = alter_time(x, generators(2, first=7), share=0.15, width=7)[1]
    assert not torch.equal(one, two)
    assert not torch.equal(one[0], one[1])


def test_too_short_utterances_are_left_alone():
    x = frames([6, 23, 100])
    altered, masked_BT = alter_time(x, generators(3), share=0.15, width=7)
    assert not masked_BT[:2].any(), "0.15 x 23 / 7 is nearer to 0 than to 1"
    assert torch.equal(altered.x_BTD[:2], x.x_BTD[:2])
    assert masked_BT[2].any()
    assert not alter_frequency(frames([6]), generators(1), share=1.0, shortest=7)[1].any()
    one = alter_time(frames([7]), generators(1), share=0.9, width=7)[1]
    assert one.all(), "the only block there is"


def test_error_counts_masked_elements_of_real_frames_only():
    target = frames([5, 3])
    prediction = target.x_BTD + torch.arange(1.0, 11.0)
    masked_BTD = torch.zeros(2, 5, 10, dtype=torch.bool)
    masked_BTD[0, 1, 2] = masked_BTD[1, 2, 5] = masked_BTD[1, 4, 9] = True  # the last one is padding
    error, count = masked_error(prediction, target, masked_BTD, norm="absolute")
    assert int(count) == 2
    torch.testing.assert_close(error, torch.tensor((3.0 + 6.0) / 2))
    error, _ = masked_error(prediction, target, masked_BTD, norm="square")
    torch.testing.assert_close(error, torch.tensor((9.0 + 36.0) / 2))
    error, count = masked_error(prediction, target, masked_BTD & False, norm="absolute")
    assert (float(error), int(count)) == (0.0, 0)


def test_every_frame_is_in_a_span_with_the_same_probability():
    masked = spans(torch.tensor([40] * 4000), generators(4000), share=0.3, width=7)[..., 0].float().mean(0)
    assert masked.shape == (40,)
    torch.testing.assert_close(masked, torch.full((40,), 0.3), atol=0.04, rtol=0)


def test_spans_have_their_width_and_channels_their_own():
    masked = spans(torch.tensor([60, 20]), generators(2), share=0.05, width=5, channels=8)
    assert masked.shape == (2, 60, 8)
    assert not masked[1, 20:].any()
    assert len({tuple(channel.tolist()) for channel in masked[0].T}) > 2
    inner = [length for channel in masked[0].T for start, length in runs(channel) if 0 < start < 55 - length]
    assert inner
    assert min(inner) >= 5
    assert torch.equal(
        masked[1, :20], spans(torch.tensor([20]), generators(1, first=1), share=0.05, width=5, channels=8)[0]
    )


def test_no_utterance_goes_without_a_span():
    assert spans(torch.tensor([3] * 50), generators(50), share=1e-6, width=2).flatten(1).any(1).all()
    assert spans(torch.tensor([0, 3]), generators(2), share=0.5, width=2).shape == (2, 3, 1)
