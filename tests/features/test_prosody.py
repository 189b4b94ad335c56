"""Prosody is that of PASE and of SpeechBrain's recipe."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.features import prosody
from sonant.features._savgol import savgol_deltas

from .conftest import wave_frames

TOLERANCE = (1e-6, 0, 1e-6, 1e-6)  # ln F0, voiced, RMS, zero crossings


def compute(source, waves, dtype=torch.float32, **settings):
    """Frames of ``waves``."""
    return prosody.Features(prosody.Config(**settings), source=source)(wave_frames(waves, dtype=dtype))


def assert_columns_near(found_TD, wanted_TD):
    apart_D = np.abs(np.asarray(found_TD) - np.asarray(wanted_TD)).max(0)
    assert (apart_D <= np.array(TOLERANCE)).all(), apart_D


def test_equals_pase(source, oracle_dir):
    """All twelve rows with the flag of the originals, slopes included."""
    oracle = np.load(oracle_dir / "pase" / "labels.npz")
    frames = compute(source, [oracle["wav_i16"] / 32768], voiced="interpolated", variant="sptk")
    found_TD = savgol_deltas(frames.x_BTD, frames.lengths_B)[0]
    assert_columns_near(found_TD[:, :4], oracle["prosody"][:4].T)
    assert_columns_near(found_TD[:, :4], oracle["v1_prosody"].T)
    np.testing.assert_allclose(found_TD[:, 4:].T, oracle["prosody"][4:], atol=2e-6)


def test_equals_the_recipe(source, oracle_dir):
    oracle = np.load(oracle_dir / "pase" / "seed_recipe.npz")
    frames = compute(source, list(oracle["sig"]), voiced="interpolated", variant="sptk")
    for found_TD, wanted_TD in zip(frames.unpad(), oracle["label_prosody"], strict=True):
        assert_columns_near(found_TD, wanted_TD)


@pytest.mark.parametrize("voiced", ["found", "interpolated"])
@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_nothing_voiced(source, oracle_dir, kind, voiced):
    oracle = np.load(oracle_dir / "pase" / "labels_edge.npz")
    found_TD = compute(source, [oracle[f"{kind}_wav"]], voiced=voiced, variant="sptk").x_BTD[0]
    assert_columns_near(found_TD, oracle[f"{kind}_prosody"][:4].T)
    np.testing.assert_allclose(found_TD[:, 0], math.log(60), atol=1e-6)


def test_flag_is_where_a_pitch_was_found_and_by_option_as_in_the_originals(source, oracle_dir):
    oracle = np.load(oracle_dir / "pase" / "labels.npz")
    found_T = compute(source, [oracle["wav_i16"] / 32768], variant="sptk").x_BTD[0, :, 1]
    np.testing.assert_array_equal(found_T, oracle["swipe_f0"] > 0)
    voiced_BT, lengths_B = torch.from_numpy(oracle["swipe_f0"] > 0)[None], torch.tensor([200])
    np.testing.assert_array_equal(prosody.before_voiced(voiced_BT, lengths_B)[0], oracle["interp_uv"])


def test_last_voiced_frame_stays_at_the_end_of_an_utterance():
    voiced_BT = torch.tensor([[1, 1, 0, 1, 1], [0, 1, 1, 0, 0]]).bool()
    found_BT = prosody.before_voiced(voiced_BT, torch.tensor([5, 3]))
    assert found_BT.int().tolist() == [[1, 0, 0, 1, 1], [0, 1, 1, 0, 0]]


def test_gaps_are_filled_as_by_numpy():
    generator = np.random.default_rng(0)
    for share in (0.02, 0.3, 0.9, 1.0):
        x_BT, known_BT = generator.standard_normal((20, 50)), generator.random((20, 50)) < share
        found_BT = prosody.over_gaps(torch.from_numpy(x_BT), torch.from_numpy(known_BT), empty=7.0)
        for x_T, known_T, found_T in zip(x_BT, known_BT, found_BT.numpy(), strict=True):
            line_T = (
                np.interp(np.arange(50), np.flatnonzero(known_T), x_T[known_T]) if known_T.any() else np.full(50, 7)
            )
            np.testing.assert_allclose(found_T, line_T, atol=1e-12)


@pytest.mark.parametrize("length_ms", [20.0, 5.0, 60.0])
def test_energy_and_crossings_frame_by_frame(source, length_ms):
    """Frames shorter and longer than two shifts, against a loop."""
    wave = np.random.default_rng(2).standard_normal(3333) * 0.1
    found_TD = compute(source, [wave], dtype=torch.float64, frame_length=length_ms).x_BTD[0].numpy()
    width = round(16 * length_ms)
    for i, row_D in enumerate(found_TD):
        begin = 160 * i - width // 2
        own = wave[max(begin, 0) : begin + width]
        assert row_D[2] == pytest.approx(math.sqrt((own**2).sum() / width), abs=1e-9)
        assert row_D[3] == pytest.approx((np.signbit(own[1:]) != np.signbit(own[:-1])).sum() / width, abs=1e-9)


def test_refuses_frames_of_one_sample(source):
    with pytest.raises(SonantError, match="frame_length"):
        prosody.Features(prosody.Config(frame_length=0.02), source=source)
