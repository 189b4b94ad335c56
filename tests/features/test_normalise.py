"""Deltas and normalisation over utterances, speakers and corpora."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features import Statistics, apply_statistics, logmel, speaker_statistics
from sonant.features._normalise import GlobalNormaliser, add_deltas, normalise_utterance

from .conftest import harmonic, wave_frames


def random_frames(*lengths: int, dim: int = 5, seed: int = 0) -> Frames:
    rng = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(len(lengths), max(lengths), dim, generator=rng)
    return Frames(x, torch.tensor(lengths), FrameGeometry(16000, hop=160, window=400)).masked()


def slow_delta(x: np.ndarray) -> np.ndarray:
    """HTK book, Sec. 5.9, frame by frame."""
    T, slope = len(x), np.zeros_like(x)
    for t in range(T):
        for j in (1, 2):
            slope[t] += j * (x[min(t + j, T - 1)] - x[max(t - j, 0)])
    return slope / 10


@pytest.mark.parametrize("order", [0, 1, 2])
def test_deltas_equal_the_slow_twin_in_a_padded_batch(order):
    frames = random_frames(9, 4, 1, 2)
    y = add_deltas(frames.x_BTD + 100 * ~frames.mask_BT[..., None], frames.lengths_B, order)  # junk in the padding
    for have, x in zip(y, frames.unpad(), strict=True):
        blocks = [x.numpy()]
        for _ in range(order):
            blocks.append(slow_delta(blocks[-1]))
        np.testing.assert_allclose(have[: len(x)].numpy(), np.hstack(blocks), atol=1e-6)


def test_delta_of_a_ramp_is_its_slope():
    x = 0.7 * torch.arange(20.0)[None, :, None]
    y = add_deltas(x, torch.tensor([20]), 2)
    torch.testing.assert_close(y[0, 2:-2, 1], torch.full((16,), 0.7))
    torch.testing.assert_close(y[0, 4:-4, 2], torch.zeros(12), atol=1e-5, rtol=0)


@pytest.mark.parametrize("variance", [True, False])
def test_utterances_have_zero_mean_and_unit_variance_within_their_lengths(variance):
    frames = random_frames(50, 7, 2)
    y = normalise_utterance(frames.x_BTD + 9.0 * ~frames.mask_BT[..., None], frames.mask_BT, variance=variance)
    for have, x, n in zip(y, frames.unpad(), [50, 7, 2], strict=True):
        want = x - x.mean(0)
        want = want / x.std(0, correction=0) if variance else want
        torch.testing.assert_close(have[:n], want, atol=1e-5, rtol=1e-5)
        assert not have[n:].any()


def test_unbiased_variance_is_divided_by_one_frame_less():
    frames = random_frames(50, 7, 1)
    junk_BTD = frames.x_BTD + 9.0 * ~frames.mask_BT[..., None]
    y = normalise_utterance(junk_BTD, frames.mask_BT, variance=True, unbiased=True)
    for have, x, n in zip(y, frames.unpad(), [50, 7, 1], strict=True):
        want = (x - x.mean(0)) / (x.std(0) if n > 1 else 1)
        torch.testing.assert_close(have[:n], want, atol=1e-5, rtol=1e-5)
        assert not have[n:].any()


def test_constant_and_single_frames_become_zero():
    frames = random_frames(1, 30)
    x = frames.x_BTD.clone()
    x[1] = -15.9424
    y = normalise_utterance(x, frames.mask_BT, variance=True)
    assert torch.isfinite(y).all() and y.abs().max() < 1e-2
    assert not y[0].any()


def test_an_utterance_without_frames_stays_zero():
    y = normalise_utterance(torch.zeros(1, 4, 2), torch.zeros(1, 4, dtype=torch.bool), variance=True)
    assert not y.any()


def test_statistics_add_up():
    a, b = random_frames(30).x_BTD[0], random_frames(11, seed=1).x_BTD[0]
    both, x = Statistics.of(a) + Statistics.of(b), torch.cat([a, b]).double()
    assert both.count == 41
    torch.testing.assert_close(both.mean_D, x.mean(0))
    torch.testing.assert_close(both.std_D, x.std(0, correction=0))


def test_each_speaker_has_zero_mean_and_unit_variance():
    first, second = random_frames(20, 8, 13), random_frames(5, 9, seed=1)
    statistics = speaker_statistics([(["a", "b", "a"], first), ("b", second)])
    assert {name: s.count for name, s in statistics.items()} == {"a": 33, "b": 22}
    one = apply_statistics(first, [statistics[s] for s in "aba"]).unpad()
    two = apply_statistics(second, [statistics["b"]] * 2).unpad()
    for x in (torch.cat([one[0], one[2]]), torch.cat([one[1], *two])):
        torch.testing.assert_close(x.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
        torch.testing.assert_close(x.std(0, correction=0), torch.ones(5), atol=1e-5, rtol=0)


def test_speaker_normalisation_keeps_padding_zero_and_can_leave_the_variance():
    frames = random_frames(6, 3)
    statistics = [Statistics.of(x) for x in frames.unpad()]
    y = apply_statistics(frames, statistics, variance=False)
    assert not y.x_BTD[1, 3:].any()
    torch.testing.assert_close(y.unpad()[1], frames.unpad()[1] - frames.unpad()[1].mean(0), atol=1e-6, rtol=0)


def test_wrong_numbers_of_speakers_are_refused():
    frames = random_frames(6, 3)
    with pytest.raises(SonantError, match="3 speakers for 2"):
        speaker_statistics([(["a", "b", "c"], frames)])
    with pytest.raises(SonantError, match="1 statistics for 2"):
        apply_statistics(frames, [Statistics.of(frames.x_BTD[0])])


def test_global_normalisation_is_fitted_saved_and_frame_by_frame():
    source = FrameGeometry(16000)
    cfg = logmel.Config(n_mels=20, deltas=1, cmvn="global")
    features = logmel.Features(cfg, source=source)
    batches = [wave_frames([harmonic(0.8), harmonic(0.3, seed=1)]), wave_frames([harmonic(0.5, seed=2)])]
    with pytest.raises(SonantError, match="fit"):
        features(batches[0])
    features.fit(batches)
    assert features.past == features.future == 2
    x = torch.cat([x for batch in batches for x in features(batch).unpad()])
    torch.testing.assert_close(x.mean(0), torch.zeros(40), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(40), atol=1e-4, rtol=0)
    loaded = logmel.Features(cfg, source=source)
    loaded.load_state_dict(features.state_dict(), strict=True)
    torch.testing.assert_close(loaded(batches[1]).x_BTD, features(batches[1]).x_BTD, atol=0, rtol=0)
    padded = features(batches[0])
    assert not padded.x_BTD[1, int(padded.lengths_B[1]) :].any()


def test_global_normalisation_needs_frames_and_its_mode():
    with pytest.raises(SonantError, match="no frames"):
        GlobalNormaliser(3).fit([])
    with pytest.raises(SonantError, match="cmvn"):
        logmel.Features(logmel.Config(), source=FrameGeometry(16000)).fit([])
