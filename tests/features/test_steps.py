"""Steps before and after spectra, against loops and pydrobert-speech."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features._steps import AFTER, After, Before, add_slopes, parse, stack

GEOMETRY = FrameGeometry(16000, hop=160, window=400)


def frames(*counts: int, dim: int = 3, seed: int = 0) -> Frames:
    x_BTD = torch.randn(
        len(counts), max(counts), dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return Frames(x_BTD, torch.tensor(counts), GEOMETRY).masked()


def slow_slopes(x_TD: np.ndarray, order: int, window: int) -> np.ndarray:
    """One frame at a time, by repeated convolution of the filter."""
    taps = np.ones(1)
    base = np.arange(-window, window + 1) / np.sum(np.arange(-window, window + 1) ** 2)
    for _ in range(order):
        taps = np.convolve(taps, base)
    reach, last = len(taps) // 2, len(x_TD) - 1
    return np.array(
        [
            sum(taps[reach + j] * x_TD[min(max(t + j, 0), last)] for j in range(-reach, reach + 1))
            for t in range(last + 1)
        ]
    )


@pytest.mark.parametrize(("order", "window"), [(1, 2), (2, 2), (3, 1), (2, 3)])
def test_slopes_are_the_slow_ones_in_a_padded_batch(order, window):
    given = frames(9, 1, 5)
    out_BTD = add_slopes(given.x_BTD, given.lengths_B, num_deltas=order, context_window=window)
    for b, x_TD in enumerate(given.unpad()):
        whole = np.concatenate([slow_slopes(x_TD.numpy(), k, window) for k in range(order + 1)], axis=1)
        np.testing.assert_allclose(out_BTD[b, : len(x_TD)].numpy(), whole, atol=1e-12)


def test_steps_equal_pydrobert_speech():
    post = pytest.importorskip("pydrobert.speech.post", reason="pydrobert-speech, the reference, is not installed")
    given = frames(23, dim=5)
    x_TD = given.x_BTD[0].numpy()
    for options, theirs in (
        ({"name": "deltas", "num_deltas": 2}, post.Deltas(2).apply(x_TD, axis=0)),
        ({"name": "stack", "num_vectors": 4}, post.Stack(4).apply(x_TD)),
        ({"name": "stack", "num_vectors": 4, "pad_mode": "edge"}, post.Stack(4, pad_mode="edge").apply(x_TD)),
        ({"name": "cmvn"}, post.Standardize().apply(x_TD)),
        ({"name": "standardize", "norm_var": False}, post.Standardize(norm_var=False).apply(x_TD)),
    ):
        after = After([options], geometry=GEOMETRY, dim=5, where="here")
        np.testing.assert_allclose(after(given).x_BTD[0].numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize(("pad", "counts"), [(None, [2, 0, 1]), ("edge", [3, 1, 2]), ("constant", [3, 1, 2])])
def test_stacks(pad, counts):
    given = frames(9, 2, 5)
    out = stack(given, num_vectors=4, pad_mode=pad)
    assert out.lengths_B.tolist() == counts
    full = given.x_BTD[2, :4].reshape(-1)
    torch.testing.assert_close(out.x_BTD[2, 0], full)
    if pad is not None:
        filler = given.x_BTD[2, 4] if pad == "edge" else torch.zeros(3, dtype=torch.float64)
        torch.testing.assert_close(out.x_BTD[2, 1], torch.cat([given.x_BTD[2, 4], filler.repeat(3)]))


def test_the_order_of_steps_counts():
    deltas, scale = {"name": "deltas", "num_deltas": 1}, {"name": "standardize"}
    given = frames(12)
    one, other = (
        After(steps, geometry=GEOMETRY, dim=3, where="here")(given).x_BTD
        for steps in ([deltas, scale], [scale, deltas])
    )
    assert one.shape == other.shape
    assert not torch.allclose(one, other)


def test_preemphasis_is_a_difference_and_dither_a_seeded_noise():
    wave_BL = torch.randn(2, 50, dtype=torch.float64)
    lengths_B = torch.tensor([50, 30])
    out_BL = Before([{"name": "preemph", "coeff": 0.5}], "here")(wave_BL, lengths_B, training=False)
    torch.testing.assert_close(out_BL[0, 1:], wave_BL[0, 1:] - 0.5 * wave_BL[0, :-1])
    assert out_BL[0, 0] == wave_BL[0, 0]
    assert (out_BL[1, 30:] == 0).all()
    dither = Before([{"name": "dither", "coeff": 3.0}], "here")
    noise_BL = dither(torch.zeros(2, 50, dtype=torch.float64), lengths_B, training=False)
    torch.testing.assert_close(noise_BL[0, :30], noise_BL[1, :30])
    longer_BL = dither(torch.zeros(1, 4000, dtype=torch.float64), torch.tensor([4000]), training=False)
    torch.testing.assert_close(longer_BL[0, :50], noise_BL[0])
    assert longer_BL.min() >= -3
    assert longer_BL.max() < 3
    assert abs(longer_BL.mean()) < 0.15
    torch.manual_seed(0)
    trained = [dither(torch.zeros(2, 50), lengths_B, training=True) for _ in range(2)]
    assert not torch.equal(*trained)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"name": "dither"}, "standardize"),
        ({"name": "deltas"}, "num_deltas"),
        ({"name": "stack", "num_vectors": 0}, "num_vectors"),
        ({"name": "stack", "num_vectors": 2, "pad_mode": "wrap"}, "pad_mode"),
        ({"name": "deltas", "num_delta": 2}, "num_deltas"),
        (7, "mapping"),
    ],
)
def test_mistakes_are_told(step, told):
    with pytest.raises(SonantError, match=told):
        parse([step], AFTER, "features.postprocess")
