"""Real speech without its melody, pitch, sounds or loudness, measured again; and a glide whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.alignments import Segment
from sonant.data.augment.prosody import (
    PERTURBATIONS,
    average_durations,
    flat_f0,
    flat_intensity,
    low_pass,
    mean_durations,
    shift_f0,
)
from sonant.data.augment.psola import intensity, pitch
from sonant.data.textgrid import read_textgrid

RATE = 16000


@pytest.fixture(scope="module")
def speech(data_dir):
    """Two utterances, 5 s of each."""
    folder = data_dir / "librispeech-mini" / "test-other"
    files = sorted(folder.rglob("*.flac"))
    return [soundfile.read(files[number], dtype="float32", frames=5 * RATE)[0] for number in (0, 20)]


def by_autocorrelation(wave_L: np.ndarray, frame_T: np.ndarray, lag: tuple[int, int]) -> np.ndarray:
    """Hz of frames of 40 ms: the highest peak of the autocorrelation between two lags; knows nothing of SWIPE'."""
    found = []
    for frame in frame_T:
        part = wave_L[max(frame * 160 - 320, 0) : frame * 160 + 320].astype(np.float64)
        part = (part - part.mean()) * np.hanning(len(part))
        fit = np.correlate(part, part, "full")[len(part) - 1 :] / np.correlate(*[np.hanning(len(part))] * 2, "full")[
            len(part) - 1 :
        ].clip(1e-3)
        found.append(RATE / (lag[0] + int(fit[lag[0] : lag[1]].argmax())))
    return np.array(found)


def test_flat_f0_is_flat_and_leaves_the_rest(speech):
    for wave_L in speech:
        old_T, made_L = pitch(wave_L, RATE), flat_f0(wave_L, RATE)
        new_T, mean = pitch(made_L, RATE), old_T[old_T > 0].mean()
        both_T = (old_T > 0) & (new_T > 0)
        assert made_L.shape == wave_L.shape and made_L.dtype == np.float32
        assert both_T.sum() > 0.85 * (old_T > 0).sum()
        assert old_T[old_T > 0].std() / mean > 0.1
        assert np.median(np.abs(new_T[both_T] / mean - 1)) < 0.01
        assert (np.abs(new_T[both_T] / mean - 1) < 0.03).mean() > 0.95
        lags = (round(0.7 * RATE / mean), round(1.4 * RATE / mean))
        again_T = by_autocorrelation(made_L, np.flatnonzero(both_T)[::5], lags)
        assert (np.abs(again_T / mean - 1) < 0.04).mean() > 0.85
        levels = [intensity(one, RATE)[old_T > 0] for one in (wave_L, made_L)]
        assert np.median(np.abs(levels[0] - levels[1])) < 1 and np.corrcoef(*levels)[0, 1] > 0.97


def test_silence_between_the_words_is_untouched(speech):
    wave_L = speech[0]
    far_T = np.convolve(pitch(wave_L, RATE) > 0, np.ones(7), mode="same") == 0
    same = np.repeat(far_T, 160)
    assert same.sum() > RATE / 4
    assert np.allclose(flat_f0(wave_L, RATE)[: len(same)][same], wave_L[: len(same)][same], atol=1e-6)


@pytest.mark.parametrize("factor", [0.9, 1.2])
def test_shifted_f0_is_shifted(speech, factor):
    wave_L = speech[0]
    old_T, new_T = pitch(wave_L, RATE), pitch(shift_f0(wave_L, RATE, factor=factor), RATE)
    both_T = (old_T > 0) & (new_T > 0)
    ratio_T = new_T[both_T] / old_T[both_T]
    assert abs(np.median(ratio_T) / factor - 1) < 0.01 and (np.abs(ratio_T / factor - 1) < 0.04).mean() > 0.9


def test_a_glide_becomes_a_tone():
    at_L = np.arange(RATE) / RATE
    phase_L = 2 * np.pi * np.cumsum(150 + 60 * at_L) / RATE
    wave_L = (0.1 * sum(np.sin(k * phase_L) / k for k in range(1, 20))).astype(np.float32)
    new_T = pitch(flat_f0(wave_L, RATE, hz=170.0), RATE)
    assert np.abs(new_T[10:90] / 170 - 1).max() < 0.02


def test_low_pass_keeps_what_is_below_and_the_peak(speech):
    wave_L = speech[0]
    made_L = low_pass(wave_L, RATE)
    power = [np.abs(np.fft.rfft(one)) ** 2 for one in (wave_L, made_L)]
    above = round(450 * len(wave_L) / RATE)
    assert power[1][above:].sum() < 1e-4 * power[1].sum() < power[0][above:].sum()
    assert made_L.shape == wave_L.shape and np.isclose(np.abs(made_L).max(), np.abs(wave_L).max(), rtol=1e-4)
    assert np.array_equal(low_pass(wave_L, 800), wave_L)


def test_flat_intensity_is_flat_where_there_is_speech(speech):
    for wave_L in speech:
        made_L = flat_intensity(wave_L, RATE)
        old_T, new_T = intensity(wave_L, RATE), intensity(made_L, RATE)
        low = np.percentile(old_T, 1)
        speech_T = old_T > low + 0.2 * (old_T.max() - low)
        assert new_T[speech_T].std() < 0.3 * old_T[speech_T].std()
        assert np.isclose(np.square(made_L).sum(), np.square(wave_L).sum(), rtol=1e-3)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_silence_stays_silence_and_short_waves_stay_short(name):
    for length in (0, 1, 100, 5000):
        wave_L = np.zeros(length, np.float32)
        assert np.array_equal(PERTURBATIONS[name](wave_L, RATE), wave_L)
    noise_L = np.random.default_rng(0).standard_normal(333).astype(np.float32)
    assert PERTURBATIONS[name](noise_L, RATE).shape == (333,)


def test_phones_get_their_mean_duration(data_dir):
    file = sorted((data_dir / "librispeech-mini" / "test-other").rglob("*.flac"))[0]
    grid = next((data_dir / "librispeech-mini" / "alignments").rglob(f"{file.stem}.TextGrid"))
    phones: list[Segment] = [phone for phone in read_textgrid(grid)["phones"] if phone[0] and phone[2] < 4]
    wave_L = soundfile.read(file, dtype="float32", frames=4 * RATE)[0]
    mean_s = {label: 1.2 * seconds for label, seconds in mean_durations([phones]).items()}
    made_L, moved = average_durations(wave_L, RATE, phones=phones, mean_s=mean_s)
    assert [label for label, _, _ in moved] == [label for label, _, _ in phones]
    assert all(np.isclose(off - on, mean_s[label]) for label, on, off in moved)
    assert abs(len(made_L) - len(wave_L) - 0.2 * RATE * sum(off - on for _, on, off in phones)) < 2
    (old_T, new_T), voiced = [pitch(one, RATE) for one in (wave_L, made_L)], []
    for (_, on, off), (_, begin, end) in zip(phones, moved, strict=True):
        pair = old_T[round(100 * (on + off) / 2)], new_T[round(100 * (begin + end) / 2)]
        voiced += [pair] if all(pair) else []
    old, new = np.array(voiced).T
    assert len(old) > 10 and np.median(np.abs(new / old - 1)) < 0.03


def test_phones_that_overlap_are_refused():
    with pytest.raises(SonantError, match="overlaps"):
        average_durations(np.ones(RATE), RATE, phones=[("a", 0.1, 0.3), ("b", 0.2, 0.4)], mean_s={})
