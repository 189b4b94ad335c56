"""The network for sequences, beside the package's own way through it."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sonant.core import MissingExtra, SonantError
from sonant.data.vad import silero
from sonant.data.vad.detect import detect


@pytest.fixture(scope="module")
def speech(data_dir):
    pytest.importorskip("onnxruntime", reason="the extra 'vad' is not installed")
    pytest.importorskip("silero_vad", reason="the extra 'vad' is not installed")
    file = sorted((data_dir / "librispeech-mini" / "test-other").rglob("*.flac"))[0]
    return soundfile.read(file, dtype="float32")[0]


def test_probabilities_are_those_of_the_package(speech):
    from silero_vad import load_silero_vad

    theirs = load_silero_vad(onnx=True).audio_forward(torch.from_numpy(speech)[None], 16000)[0].numpy()
    torch.set_num_threads(1)
    ours = silero.probabilities(speech, 16000)
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() < 1e-3


def test_blocks_change_nothing_and_other_rates_are_resampled(speech, monkeypatch):
    whole = silero.probabilities(speech, 16000)
    monkeypatch.setattr(silero, "BLOCK", 17)
    assert np.abs(silero.probabilities(speech, 16000) - whole).max() < 1e-5
    low = silero.probabilities(speech[::2], 8000)
    assert len(low) == len(whole) and np.mean((low > 0.5) == (whole > 0.5)) > 0.9


def test_speech_is_between_silences(speech):
    wave_L = np.concatenate([np.zeros(16000, np.float32), speech[: 4 * 16000], np.zeros(32000, np.float32)])
    found = detect(np.stack([wave_L, np.zeros_like(wave_L)]), 16000, vad="silero")
    assert found[1] == [] and found[0] and found[0][0][0] > 0.9 and found[0][-1][1] < 5.5
    assert sum(off - on for on, off in found[0]) > 2.5
    assert silero.detect(np.zeros(0, np.float32), 16000) == []


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    silero._session.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"sonant\[vad\]"):
        silero.detect(np.zeros(16000, np.float32), 16000)
    silero._session.cache_clear()


def test_an_unknown_detector_is_named():
    with pytest.raises(SonantError, match="Did you mean 'energy'"):
        detect(np.zeros(100), 16000, vad="energi")
    with pytest.raises(SonantError, match="threshold"):
        silero.Config(threshold=2)
