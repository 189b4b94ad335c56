from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.objectives.projection import (
    Window,
    active_speakers,
    bins_of_class,
    bins_of_count,
    class_of_bins,
    codebook,
    first_speaker_of_class,
    flipped_class,
    future_activity,
    horizon_mask,
    projection_bins,
    projection_shares,
)


def conversations(oracle_dir):
    files = sorted((oracle_dir / "conversation").glob("[0-9]*.npz"))
    assert len(files) == 12
    return [np.load(file) for file in files]


def random_activity(*shape, seed=0):
    """Runs of random length."""
    steps = torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed)) < 0.1
    return steps.int().cumsum(-2) % 2


@pytest.mark.parametrize("rate", [50, 20, 100])
def test_classes_of_real_conversations(oracle_dir, rate):
    window = Window(rate=rate)
    for known in conversations(oracle_dir):
        activity = torch.from_numpy(known[f"vad_{rate}hz"])
        future = future_activity(activity, frames=len(activity), window=window)
        bins = projection_bins(future, window)
        np.testing.assert_array_equal(class_of_bins(bins), known[f"labels_{rate}hz"])
        if rate == 50:
            np.testing.assert_array_equal(bins, known["projection_bins_50hz"])
            np.testing.assert_array_equal(projection_shares(future, window), known["comparative_50hz"])
            np.testing.assert_array_equal(active_speakers(bins), known["labels_n_active_speakers_50hz"])


def test_codebook_of_the_reference(oracle_dir):
    known = np.load(oracle_dir / "conversation" / "aggregation.npz")["codebook"]
    np.testing.assert_array_equal(codebook(4).flatten(1), known)
    known = np.load(oracle_dir / "conversation" / "ulm_two_tier.npz")["next_speaker_of_class"]
    np.testing.assert_array_equal(first_speaker_of_class(4), known)


@pytest.mark.parametrize("bins_s", [(0.2, 0.4, 0.6, 0.8), (0.4,), (0.2, 0.2, 1.0)])
def test_bins_by_definition(bins_s):
    window = Window(rate=10, bins_s=bins_s, threshold=0.7)
    activity = random_activity(40)
    found = projection_bins(activity, window)
    assert found.shape == (40 - window.horizon, 2, len(bins_s))
    for n in range(len(found)):
        first = n + 1
        for number, size in enumerate(window.bin_frames):
            share = activity[first : first + size].float().mean(0)
            assert (found[n, :, number] == (share >= 0.7 - 1e-6)).all()
            first += size


@pytest.mark.parametrize(
    ("rate", "frames"), [(50, (10, 20, 30, 40)), (20, (4, 8, 12, 16)), (10, (2, 4, 6, 8)), (5, (1, 2, 3, 4))]
)
def test_bins_have_the_frames_of_the_reference_at_every_rate(rate, frames):
    assert Window(rate=rate).bin_frames == frames


def test_classes_and_bins_are_inverse_and_flip():
    index = torch.arange(256)
    bins = bins_of_class(index, 4)
    assert (class_of_bins(bins) == index).all()
    assert (flipped_class(index, 4) == class_of_bins(bins.flip(-2))).all()
    assert class_of_bins(torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0]])) == 15
    assert bins_of_count(256) == 4
    assert first_speaker_of_class(4).bincount().tolist() == [85, 85, 86]


def test_shares_of_speakers_add_up_where_anybody_speaks():
    window = Window(rate=10)
    activity = random_activity(2, 60)
    shares, flipped = projection_shares(activity, window), projection_shares(activity.flip(-1), window)
    spoken = shares + flipped > 0.5
    assert torch.allclose((shares + flipped)[spoken], torch.tensor(1.0))
    assert ((shares == 0) & (flipped == 0))[~spoken].all()


def test_padding_of_a_batch_changes_no_target():
    window = Window(rate=5)
    long, short = random_activity(50), random_activity(33, seed=1)
    batch = torch.stack([long, torch.nn.functional.pad(short, (0, 0, 0, 17), value=1)])
    mask = horizon_mask(torch.tensor([50, 33]), frames=50, window=window)
    bins = projection_bins(future_activity(batch, frames=50, window=window), window)
    assert mask.sum(1).tolist() == [40, 23]
    assert (bins[1][mask[1]] == projection_bins(short, window)).all()


def test_less_than_a_horizon_has_no_frames():
    assert projection_bins(torch.ones(5, 2), Window(rate=50)).shape == (0, 2, 4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate": 2}, "needs a frame"),
        ({"rate": 0}, "positive frame rate"),
        ({"threshold": 0}, "share in"),
        ({"bins_s": ()}, "needs a frame"),
    ],
)
def test_windows_that_cannot_be(settings, said):
    with pytest.raises(SonantError, match=said):
        Window(**settings)


def test_too_many_bins_have_no_classes():
    window = Window(rate=50, bins_s=(0.05,) * 40)
    assert projection_bins(random_activity(110), window).shape == (30, 2, 40)
    with pytest.raises(SonantError, match="independent targets"):
        class_of_bins(projection_bins(random_activity(110), window))
    with pytest.raises(SonantError, match="shape"):
        projection_bins(torch.ones(5, 3), Window())
