"""Tables and edges of the spectral front end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry
from sonant.features._spectral import cosine_transform, fft_size, kaldi_geometry, mel_filters, reflect_edges


@pytest.mark.parametrize("lengths", [[700, 333, 80, 1], [161, 160, 159]])
def test_each_signal_is_reflected_at_its_own_ends(lengths):
    geometry = FrameGeometry(16000, hop=160, window=400, offset=-120, tail=200)
    wave = torch.arange(1.0, max(lengths) + 1).repeat(len(lengths), 1)
    for b, n in enumerate(lengths):
        wave[b, n:] = 0
    padded = reflect_edges(wave, torch.tensor(lengths), geometry)
    for b, n in enumerate(lengths):
        want = np.pad(np.arange(1.0, n + 1), (120, 200), mode="symmetric")
        np.testing.assert_array_equal(padded[b, : n + 320].numpy(), want)


@pytest.mark.parametrize(("hop", "window"), [(160, 400), (80, 200), (220, 551), (5, 4), (7, 3), (1, 2)])
def test_geometry_counts_as_kaldi_does(hop, window):
    geometry = kaldi_geometry(16000, hop=hop, window=window, snip_edges=False)
    for n in range(1, 6 * hop + 2 * window):
        assert geometry.frames(n) == (n + hop // 2) // hop
    snipped = kaldi_geometry(16000, hop=hop, window=window, snip_edges=True)
    for n in range(1, 6 * hop + 2 * window):
        assert snipped.frames(n) == (0 if n < window else 1 + (n - window) // hop)


def test_triangles_sum_to_one_between_the_first_and_last_centre():
    filters = mel_filters(16000, size=4096, n_mels=23, low_hz=20, high_hz=0)
    hz = torch.arange(2049) * 16000 / 4096
    peaks = hz[filters.argmax(0)]
    inside = (hz > peaks[0] + 4) & (hz < peaks[-1] - 4)
    torch.testing.assert_close(filters.sum(1)[inside], torch.ones(int(inside.sum()), dtype=torch.float64))
    assert filters[-1].sum() == 0 and (filters >= 0).all()


def test_cosine_transform_is_orthonormal_without_lifter():
    table = cosine_transform(23, n_cepstra=23, lifter=0.0)
    torch.testing.assert_close(table.T @ table, torch.eye(23, dtype=torch.float64))


def test_fft_size_is_the_next_power_of_two():
    assert [fft_size(n) for n in (2, 3, 400, 512, 513)] == [2, 4, 512, 512, 1024]
