"""Level above the noise: where it is known, and on real speech beside the words."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.activity import activity_frames, joined
from sonant.data.textgrid import read_textgrid
from sonant.data.vad.energy import Config, detect, heights

RATE = 8000
TOLD = [(1.0, 2.2), (3.0, 3.5), (6.0, 9.0)]


def burst(told, *, seconds=12.0, noise=0.001, loud=0.1, rate=RATE, hum=0.0):
    """Noise, and louder noise of syllables where somebody speaks."""
    rng, at_L = np.random.default_rng(0), np.arange(round(seconds * rate)) / rate
    wave_L = noise * rng.standard_normal(len(at_L)) + hum * np.sin(2 * np.pi * 50 * at_L)
    for onset, offset in told:
        inside_L = (at_L >= onset) & (at_L < offset)
        syllables_L = 0.7 + 0.3 * np.sin(2 * np.pi * 4 * at_L)
        wave_L += inside_L * loud * syllables_L * rng.standard_normal(len(at_L))
    return wave_L.astype(np.float32)


def agreement(found, told, seconds):
    """Balanced accuracy at 50 Hz."""
    pred_T, true_T = (activity_frames([one], rate=50, duration=seconds)[:, 0] == 1 for one in (found, told))
    return (pred_T[true_T].mean() + (~pred_T[~true_T]).mean()) / 2


@pytest.mark.parametrize("options", [{}, {"hum": 0.2}, {"loud": 0.005}, {"rate": 44100}, {"noise": 0.0}])
def test_stretches_are_found_whatever_the_level_and_the_noise(options):
    wave_L = burst(TOLD, **options)
    found = detect(wave_L, options.get("rate", RATE))
    assert len(found) == len(TOLD)
    assert np.abs(np.array(found) - np.array(TOLD)).max() < 0.06
    assert np.allclose(detect(100 * wave_L, options.get("rate", RATE)), found, atol=0.021)


def test_the_floor_follows_noise_that_begins_later():
    wave_L = burst([(2.0, 3.0), (14.0, 15.0)], seconds=30)
    wave_L[20 * RATE :] += 0.03 * np.random.default_rng(1).standard_normal(10 * RATE)
    found = detect(wave_L, RATE)
    assert agreement(found, [(2.0, 3.0), (14.0, 15.0)], 30) > 0.9
    assert sum(off - on for on, off in found if on > 22) == 0


def test_noise_hum_and_silence_hold_no_speech():
    rng, at_L = np.random.default_rng(0), np.arange(20 * RATE) / RATE
    hissing_L, humming_L = 0.05 * rng.standard_normal(len(at_L)), 0.3 * np.sin(2 * np.pi * 60 * at_L)
    for wave_L in (hissing_L, humming_L, np.zeros(3 * RATE), np.zeros(10), np.zeros(0)):
        assert detect(wave_L.astype(np.float32), RATE) == []


def test_short_silences_are_filled_before_clicks_go():
    told = [(1.0, 1.02), (2.0, 2.05), (2.13, 2.5), (4.0, 5.0)]
    found = detect(burst(told), RATE)
    assert len(found) == 2 and found[0] == pytest.approx((2.0, 2.5), abs=0.05)
    apart = detect(burst(told), RATE, cfg=Config(fill_s=0.0, drop_s=0.0))
    assert len(apart) >= 4
    wide = detect(burst(told), RATE, cfg=Config(pad_s=0.1))
    assert wide[1] == pytest.approx((found[1][0] - 0.1, found[1][1] + 0.1), abs=0.002)


def test_frames_are_of_their_own_ten_milliseconds():
    wave_L = burst([(1.0, 2.0)], seconds=3, rate=16000)
    height_T = heights(wave_L, 16000)
    assert len(height_T) == 300 and heights(wave_L[:-1], 16000).shape == (299,)
    assert height_T[105:195].min() > 15 > 5 > height_T[10:90].max()


def test_settings_are_checked():
    with pytest.raises(SonantError, match="0 or more"):
        Config(fill_s=-1)
    with pytest.raises(SonantError, match="share"):
        Config(share=1.5)


def test_real_speech_is_found_where_the_words_are(data_dir):
    folder, scores = data_dir / "librispeech-mini", []
    for grid in sorted((folder / "alignments" / "test-other").rglob("*.TextGrid"))[::8]:
        audio = next((folder / "test-other").rglob(f"{grid.stem}.flac"))
        wave_L, rate = soundfile.read(audio, dtype="float32")
        words = joined([(on, off) for label, on, off in read_textgrid(grid)["words"] if label], 0.05)
        scores.append(agreement(detect(wave_L, rate), words, len(wave_L) / rate))
    assert len(scores) == 7 and np.mean(scores) > 0.92
