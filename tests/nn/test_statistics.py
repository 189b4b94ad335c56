"""Mean and deviation of targets: pooled over frames, and PASE's other figure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames
from sonant.features import librosa_mfcc, prosody, psf_fbank
from sonant.features._savgol import regression_targets
from sonant.nn.statistics import PooledStatistics, upstream_statistics

WAVE = FrameGeometry(16000)


def frames(x_BTD, lengths):
    return Frames(x_BTD, torch.tensor(lengths), WAVE).masked()


def test_any_split_into_batches_gives_the_moments_of_all_frames():
    x, lengths = (
        100 + torch.randn(6, 30, 4, dtype=torch.float64) * torch.tensor([1.0, 1e-3, 10.0, 0.0]),
        [30, 7, 30, 1, 19, 30],
    )
    pooled = torch.cat([row[:n] for row, n in zip(x, lengths, strict=True)])
    for parts in ([6], [1, 5], [2, 2, 2]):
        found, begin = PooledStatistics(4), 0
        for count in parts:
            found.add(frames(x[begin : begin + count], lengths[begin : begin + count]))
            begin += count
        torch.testing.assert_close(found.mean_D, pooled.mean(0))
        torch.testing.assert_close(found.std_D, pooled.std(0, unbiased=False))
        assert found.count == len(pooled)


def test_normalises_and_leaves_padding_zero():
    found, x = PooledStatistics(2), frames(torch.randn(2, 9, 2) * 5 + 3, [9, 4])
    torch.testing.assert_close(found.normalised(x).x_BTD, x.x_BTD)
    found.add(x)
    y = found.normalised(x)
    real = torch.cat(y.unpad())
    torch.testing.assert_close(real.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(real.std(0, unbiased=False), torch.ones(2))
    assert (y.x_BTD[1, 4:] == 0).all()
    found.set(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    torch.testing.assert_close(
        found.normalised(x).x_BTD[0], (x.x_BTD[0] - torch.tensor([1.0, 2.0])) / torch.tensor([2.0, 4.0])
    )


def test_a_channel_that_never_changes_is_only_centred():
    found, x = PooledStatistics(1), frames(torch.full((1, 5, 1), 7.0), [5])
    found.add(x)
    assert (found.normalised(x).x_BTD == 0).all()


@pytest.mark.parametrize("name", ["mfcc", "fbank", "prosody"])
def test_equals_the_figures_of_pase(oracle_dir, name):
    """Both deviations, the pooled one and the one of ``stats.pkl``, and what the latter makes of a chunk."""
    with np.load(oracle_dir / "pase" / "stats.npz") as stored:
        oracle = {key: torch.from_numpy(np.asarray(stored[key])) for key in stored.files}
    kinds = {
        "mfcc": (librosa_mfcc, {}),
        "fbank": (psf_fbank, {}),
        "prosody": (prosody, {"voiced": "interpolated", "variant": "sptk"}),
    }
    found, settings = kinds[name]
    features = found.Features(found.Config(**settings), source=WAVE)
    wave_L = oracle["wav_i16"].float() / 32768
    chunks = torch.stack([wave_L[s : s + 16000] for s in oracle["chunk_starts"].tolist()])
    wave, counts = Frames.of_wave(chunks, None, 16000), torch.full((4,), 100)
    target = regression_targets(features, wave, lengths_B=counts, size=100, deltas=2)
    pooled = PooledStatistics(target.dim)
    pooled.add(target)
    mean_D, std_D = upstream_statistics(target.unpad())
    close = {"rtol": 2e-3, "atol": 2e-3}
    torch.testing.assert_close(pooled.mean_D.float(), oracle[f"{name}_mean"], **close)
    torch.testing.assert_close(pooled.std_D.float(), oracle[f"{name}_std_proper"], **close)
    torch.testing.assert_close(mean_D, oracle[f"{name}_mean"], **close)
    torch.testing.assert_close(std_D, oracle[f"{name}_std_upstream"], rtol=0.02, atol=1e-3)
    pooled.set(oracle[f"{name}_mean"], oracle[f"{name}_std_upstream"])
    normed = pooled.normalised(target).x_BTD[0].T
    torch.testing.assert_close(normed, oracle[f"{name}_znormed_chunk0"], rtol=1e-2, atol=2e-2)
