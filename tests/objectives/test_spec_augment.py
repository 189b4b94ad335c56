"""SpecAugment: what it may hide, padding, seeds."""

from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError, generator
from sonant.objectives.spec_augment import SpecAugment, spec_augment

GEOMETRY = FrameGeometry(16000, 160, 400)
NOTHING = SpecAugment(time_warp=0, time_masks=0, channel_masks=0)


def frames(*lengths: int, D: int = 40) -> Frames:
    x = [1 + torch.rand(n, D, generator=generator("x", n)) for n in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)
    return Frames(padded, torch.tensor(lengths), GEOMETRY)


def draws(count: int, seed: int = 0) -> list[torch.Generator]:
    return [generator(seed, "place", place) for place in range(count)]


def test_time_masks_are_as_many_and_as_wide_as_the_length_allows():
    how = SpecAugment(time_warp=0, channel_masks=0)
    widths = []
    for seed in range(50):
        hidden = (spec_augment(frames(200), draws(1, seed), how).x_BTD[0] == 0).all(1)
        widths.append(int(hidden.sum()))
    assert max(widths) <= 8 * 8  # 4 % of 200 frames, as number and as width
    assert 10 < sum(widths) / len(widths) < 40  # 8 masks of 4 frames in the mean, less what overlaps
    assert not (spec_augment(frames(24), draws(1), how).x_BTD == 0).any()  # 4 % of 24 frames is less than a frame


def test_channel_masks_hide_bands_throughout():
    how = SpecAugment(time_warp=0, time_masks=0, channel_masks=2, channel_width=5)
    found = spec_augment(frames(30), draws(1, 3), how).x_BTD[0] == 0
    assert torch.equal(found.all(0), found.any(0))
    assert 0 < int(found.all(0).sum()) <= 10


def test_the_warp_moves_a_place_and_keeps_the_ends():
    ramp = torch.arange(300.0)[:, None].expand(300, 4) / 300
    source = Frames(ramp[None], torch.tensor([300]), GEOMETRY)
    how = SpecAugment(time_warp=80, time_masks=0, channel_masks=0)
    moved = []
    for seed in range(20):
        found = spec_augment(source, draws(1, seed), how).x_BTD[0, :, 0]
        assert found[0] == 0 and found[-1] == pytest.approx(299 / 300)
        assert (found.diff() > 0).all()
        moved.append(float((300 * found - torch.arange(300)).abs().max()))
    assert 40 < max(moved) <= 81
    short = spec_augment(frames(160), draws(1), how)
    torch.testing.assert_close(short.x_BTD, frames(160).x_BTD)  # not longer than 2 W


def test_alone_and_in_a_batch_are_the_same_and_padding_stays():
    together = spec_augment(frames(300, 170, 90, 0), draws(4), SpecAugment())
    for place, n in enumerate((300, 170, 90)):
        alone = spec_augment(frames(n), draws(4)[place : place + 1], SpecAugment())
        torch.testing.assert_close(together.x_BTD[place, :n], alone.x_BTD[0])
        assert not together.x_BTD[place, n:].any()
    assert together.lengths_B.tolist() == [300, 170, 90, 0]


def test_the_input_is_left_alone_and_seeds_count():
    source = frames(300)
    before = source.x_BTD.clone()
    one, again, other = (spec_augment(source, draws(1, seed), SpecAugment()) for seed in (0, 0, 1))
    assert torch.equal(source.x_BTD, before)
    assert torch.equal(one.x_BTD, again.x_BTD)
    assert not torch.equal(one.x_BTD, other.x_BTD)
    assert torch.equal(spec_augment(source, draws(1), NOTHING).x_BTD, before)


def test_settings_are_checked():
    with pytest.raises(SonantError, match="must not be negative"):
        SpecAugment(time_masks=-1)
    with pytest.raises(SonantError, match=r"time_share .* must be in \[0, 1\]"):
        SpecAugment(time_share=2)
