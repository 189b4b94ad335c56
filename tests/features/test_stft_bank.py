"""Filter banks against pydrobert-speech: stored numbers, the package itself where it is installed, scpc's oracle."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.core.config import typed
from sonant.features import stft_bank
from sonant.features._computer_json import settings_of

from .conftest import harmonic, wave_frames

STORED = np.load(Path(__file__).parent / "stft_bank_oracle.npz")  # pydrobert-speech 0.3.0, float64
DESCRIPTIONS = json.loads(str(STORED["descriptions"]))


def made(description: dict, **settings) -> stft_bank.Features:
    """Our features for a JSON description, on samples as they are."""
    section, rate = settings_of(description)
    section = {**section, "scale_samples": 1.0, **settings}
    del section["name"]
    return stft_bank.Features(typed(stft_bank.Config, section, "features"), source=FrameGeometry(rate)).eval()


def computed(features, wave, dtype=torch.float64) -> np.ndarray:
    return features(wave_frames([wave], dtype=dtype)).x_BTD[0].numpy()


@pytest.mark.parametrize("number", range(len(DESCRIPTIONS)))
def test_equals_the_stored_numbers(number):
    ours = computed(made(DESCRIPTIONS[number]), STORED["wave"])
    np.testing.assert_allclose(ours, STORED[f"case_{number}"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("number", range(len(DESCRIPTIONS)))
def test_equals_pydrobert_speech(number):
    pytest.importorskip("pydrobert.speech", reason="pydrobert-speech, the reference, is not installed")
    from pydrobert.speech.alias import alias_factory_subclass_from_arg
    from pydrobert.speech.compute import FrameComputer

    computer = alias_factory_subclass_from_arg(FrameComputer, copy.deepcopy(DESCRIPTIONS[number]))
    for samples in (2000, 2081, 5033):
        wave = harmonic(1.0, seed=samples)[:samples].astype(np.float64)
        ours, theirs = computed(made(DESCRIPTIONS[number]), wave), computer.compute_full(wave)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["fbank-80", "fbank-41"])
@pytest.mark.parametrize("signal", ["noise", "speech"])
def test_equals_what_scpc_was_trained_on(oracle_dir, name, signal):
    stored = np.load(oracle_dir / "scpc" / "fbank_io.npz")
    cfg = stft_bank.Config(n_filters=80 if name == "fbank-80" else 40, energy=name == "fbank-41", scale_samples=1.0)
    features = stft_bank.Features(cfg, source=FrameGeometry(16000))
    exact = stored[f"{name}_{signal}_numpy64"]
    np.testing.assert_allclose(computed(features, stored[signal]), exact, rtol=0, atol=1e-6)
    single = computed(features, stored[signal], torch.float32)
    np.testing.assert_allclose(single, stored[f"{name}_{signal}"], rtol=0, atol=2e-4)


def test_samples_count_as_whole_numbers_of_16_bits(source):
    wave = harmonic(0.3)
    as_they_are = computed(made(DESCRIPTIONS[0]), wave)
    scaled = computed(made(DESCRIPTIONS[0], scale_samples=32768.0), wave)
    np.testing.assert_allclose(scaled - as_they_are, np.log(32768.0), atol=1e-9)
    assert stft_bank.Features(stft_bank.Config(), source=source).cfg.scale_samples == 32768.0


def test_silence_is_the_floor(source):
    features = stft_bank.Features(stft_bank.Config(energy=True), source=source)
    np.testing.assert_allclose(computed(features, np.zeros(800)), np.log(1e-5))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"high_hz": 9000.0}, "9000"),
        ({"n_filters": 500}, "hold no frequency"),
        ({"bank": "fbank", "scale": "bark"}, "take triangular"),
        ({"bank": "triangular", "scale": "octave", "low_hz": 0.0}, "raise low_hz"),
        ({"frame_length": 25.0, "frame_shift": 40.0}, "in seconds"),
        ({"postprocess": [{"name": "delta"}]}, "deltas"),
    ],
)
def test_settings_that_do_not_fit_are_told(source, settings, told):
    with pytest.raises(SonantError, match=told):
        stft_bank.Features(stft_bank.Config(**settings), source=source)


def test_audio_of_another_rate_is_refused(source):
    features = stft_bank.Features(stft_bank.Config(), source=source)
    with pytest.raises(SonantError, match="8000 Hz"):
        features(wave_frames([harmonic(0.2)], rate=8000))
