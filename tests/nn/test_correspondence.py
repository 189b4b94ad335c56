from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.correspondence import path_of, paths_of, stretch

GEOMETRY = FrameGeometry(16000, hop=160, window=400)


def frames(*lengths: int, size: int, seed: int = 0) -> Frames:
    generator = torch.Generator().manual_seed(seed)
    return Frames(torch.randn(len(lengths), size, 3, generator=generator), torch.tensor(lengths), GEOMETRY)


def test_a_slower_copy_is_followed_frame_by_frame():
    x_ND = frames(5, size=5).x_BTD[0]
    times = torch.tensor([1, 3, 1, 2, 1])
    path = path_of(x_ND, x_ND.repeat_interleave(times, 0))
    assert path[:, 0].tolist() == [0, 1, 1, 1, 2, 3, 3, 4]
    assert path[:, 1].tolist() == list(range(8))


def test_the_distance_is_the_angle_alone():
    """Scaling a frame changes nothing, and bfloat16 arithmetic around it neither."""
    x_ND, y_MD = frames(7, 7, size=7).x_BTD
    path = path_of(x_ND, y_MD)
    assert np.array_equal(path, path_of(100 * x_ND, y_MD / 50))
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(path, path_of(x_ND, y_MD))


def test_paths_go_from_end_to_end_by_single_steps():
    first, second = frames(6, 3, 4, size=6), frames(2, 5, 4, size=9, seed=1)
    for path, n, m in zip(paths_of(first, second, "dtw"), (6, 3, 4), (2, 5, 4), strict=True):
        assert path[0].tolist() == [0, 0]
        assert path[-1].tolist() == [n - 1, m - 1]
        steps = np.diff(path, axis=0)
        assert set(map(tuple, steps.tolist())) <= {(1, 0), (0, 1), (1, 1)}


def test_empty_sides_have_no_path():
    paths = paths_of(frames(0, 3, size=4), frames(2, 3, size=4), "dtw")
    assert paths[0].shape == (0, 2)
    out = stretch(frames(0, 3, size=4), paths, side=0)
    assert out.lengths_B.tolist() == [0, len(paths[1])]
    assert (out.x_BTD[0] == 0).all()
    nothing = stretch(frames(0, size=0), [paths[0]], side=1)
    assert nothing.x_BTD.shape == (1, 0, 3)


def test_stretch_repeats_frames_and_keeps_gradients():
    x = frames(3, 2, size=3)
    x = x.with_x(x.x_BTD.requires_grad_())
    out = stretch(x, [np.array([[0, 0], [0, 1], [2, 2]]), np.array([[1, 0]])], side=0)
    torch.testing.assert_close(out.x_BTD[0], x.x_BTD[0, [0, 0, 2]])
    torch.testing.assert_close(out.x_BTD[1, :1], x.x_BTD[1, 1:2])
    assert (out.x_BTD[1, 1:] == 0).all()
    out.x_BTD.sum().backward()
    assert x.x_BTD.grad[0, :, 0].tolist() == [2, 0, 1]
    assert x.x_BTD.grad[1, :, 0].tolist() == [0, 1, 0]


def test_given_alignments_need_equal_lengths():
    paths = paths_of(frames(3, 0, size=3), frames(3, 0, size=5, seed=1), "given")
    assert [path.tolist() for path in paths] == [[[0, 0], [1, 1], [2, 2]], []]
    with pytest.raises(SonantError, match="equal numbers of frames"):
        paths_of(frames(3, size=3), frames(4, size=4), "given")
