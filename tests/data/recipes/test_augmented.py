from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.audio import read_audio
from sonant.data.manifest import Manifest
from sonant.data.recipes import augmented, folder


@pytest.fixture
def corpus(tmp_path):
    """Two speakers of tones, and a folder with a noise."""
    rng = np.random.default_rng(0)
    for speaker, pitch in (("anna", 200), ("bert", 90)):
        (tmp_path / "audio" / speaker).mkdir(parents=True)
        for take in range(2):
            wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(12000) / 16000)
            soundfile.write(tmp_path / "audio" / speaker / f"{speaker}{take}.wav", wave, 16000)
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hiss.wav", 0.1 * rng.normal(size=32000), 16000)
    folder.prepare(tmp_path / "audio", tmp_path / "clean")
    return tmp_path


def test_labels_stay_and_the_noise_is_as_loud_as_asked(corpus):
    made = augmented.prepare(corpus / "clean", corpus / "noisy", noise=corpus / "noise", snr_low=6.0, snr_high=6.0)
    clean = {u.id: u for u in Manifest.open(corpus / "clean")}
    for u in made:
        assert (u.speaker, u.duration) == (clean[u.id].speaker, clean[u.id].duration)
        before, after = read_audio(clean[u.id].path)[0], read_audio(u.path)[0]
        share = (before @ after) / (before @ before)  # lowered where it would clip
        ratio = 10 * np.log10(np.mean((share * before) ** 2) / np.mean((after - share * before) ** 2))
        assert ratio == pytest.approx(6.0, abs=0.5)


def test_an_utterance_gets_the_same_whatever_is_beside_it(corpus):
    options = {"noise": corpus / "noise", "seed": 3}
    first = augmented.prepare(corpus / "clean", corpus / "one", **options)
    folder.prepare(corpus / "audio" / "bert", corpus / "part")
    second = augmented.prepare(corpus / "part", corpus / "two", **options)
    waves = [{u.id.split("/")[-1]: read_audio(u.path)[0] for u in made} for made in (first, second)]
    np.testing.assert_array_equal(waves[0]["bert1"], waves[1]["bert1"])


def test_nothing_to_add(corpus):
    with pytest.raises(SonantError, match="give --noise, --rirs or both"):
        augmented.prepare(corpus / "clean", corpus / "out")
