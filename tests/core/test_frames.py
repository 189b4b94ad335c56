import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError, mask_of


def test_padding_is_zeroed_and_unpad_inverts():
    frames = Frames(torch.ones(2, 4, 3), torch.tensor([4, 2]), FrameGeometry(16000)).masked()
    assert frames.x_BTD[1, 2:].abs().sum() == 0
    assert [len(x) for x in frames.unpad()] == [4, 2]
    assert frames.mask_BT.sum() == 6


def test_a_waveform_is_frames_of_one_sample():
    frames = Frames.of_wave(torch.ones(2, 5), torch.tensor([5, 3]), 16000)
    assert frames.x_BTD.shape == (2, 5, 1)
    assert frames.x_BTD[1, 3:].sum() == 0
    assert frames.geometry.frames(5) == 5
    assert Frames.of_wave(torch.ones(1, 5), None, 16000).lengths_B.tolist() == [5]


def test_a_wrong_shape_is_told():
    with pytest.raises(SonantError, match=r"\(B, L\)"):
        Frames.of_wave(torch.ones(5), None, 16000)


def test_mask():
    assert mask_of(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]


def test_windows_lie_side_by_side_inside_each_length():
    x = torch.arange(2 * 10).float().view(2, 10, 1)
    frames = Frames(x, torch.tensor([10, 2]), FrameGeometry(16000)).masked()
    cut, owner = frames.windows(3, torch.tensor([2, 2]))
    assert owner.tolist() == [0, 0, 1]
    assert cut.x_BTD[:, :, 0].tolist() == [[2, 3, 4], [5, 6, 7], [10, 11, 0]]
    assert cut.lengths_B.tolist() == [3, 3, 2]
    late, _ = frames.windows(3, torch.tensor([9, 0]))
    assert late.x_BTD[0, :, 0].tolist() == [7, 8, 9]


def test_reversing_turns_the_real_frames_only():
    frames = Frames(torch.arange(8).float().view(2, 4, 1) + 1, torch.tensor([4, 2]), FrameGeometry(16000)).masked()
    assert frames.reversed().x_BTD[:, :, 0].tolist() == [[4, 3, 2, 1], [6, 5, 0, 0]]
    assert torch.equal(frames.reversed().reversed().x_BTD, frames.x_BTD)


def test_without_the_first_frames():
    frames = Frames(torch.arange(8.0).view(2, 4, 1), torch.tensor([4, 1]), FrameGeometry(16000, hop=10, window=20))
    cut = frames.without_first(2)
    assert cut.x_BTD[..., 0].tolist() == [[2, 3], [6, 7]]
    assert cut.lengths_B.tolist() == [2, 0]
    assert cut.geometry.time_of(0) == frames.geometry.time_of(2)
    assert cut.geometry.frames(50) == frames.geometry.frames(50) - 2


def test_averaged_frames():
    frames = Frames(torch.arange(10.0).view(2, 5, 1), torch.tensor([5, 3]), FrameGeometry(16000, hop=10, window=20))
    mean = frames.averaged(2)
    assert mean.x_BTD[..., 0].tolist() == [[0.5, 2.5], [5.5, 0.0]]
    assert mean.lengths_B.tolist() == [2, 1]
    assert (mean.geometry.hop, mean.geometry.frames(60)) == (20, frames.geometry.frames(60) // 2)
