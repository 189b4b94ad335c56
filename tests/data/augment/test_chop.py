"""Spans of zeros, and the detector that says where speech is."""

from __future__ import annotations

import numpy as np

from sonant.data.augment.chop import chop, chop_spans, speech_frames

RATE = 16_000


def bursts(*regions: tuple[float, float], seconds: float = 2.0, floor: float = 1e-4) -> np.ndarray:
    """Loud noise in the regions (s), faint noise elsewhere."""
    rng = np.random.default_rng(0)
    wave = floor * rng.standard_normal(int(seconds * RATE))
    for start, end in regions:
        wave[int(start * RATE) : int(end * RATE)] += 0.1 * rng.standard_normal(int((end - start) * RATE))
    return wave.astype(np.float32)


def test_speech_is_what_is_within_thirty_decibels_of_the_loudest():
    found = speech_frames(bursts((0.2, 0.5), (1.0, 1.1)), sample_rate=RATE)
    expected = np.zeros(200, bool)
    expected[20:50] = expected[100:110] = True
    assert np.array_equal(found, expected)
    quiet, loud = (speech_frames(level * bursts((0.2, 0.5)), sample_rate=RATE) for level in (np.float32(1e-3), 50))
    assert np.array_equal(quiet, loud)
    assert not speech_frames(np.zeros(RATE, np.float32), sample_rate=RATE).any()
    assert len(speech_frames(np.zeros(100, np.float32), sample_rate=RATE)) == 0
    assert len(speech_frames(np.ones(RATE + 159, np.float32), sample_rate=RATE)) == 100


def test_spans_lie_in_all_regions_and_have_the_lengths_that_were_asked_for():
    speech = speech_frames(bursts((0.2, 0.5), (1.0, 1.3), (1.9, 2.0)), sample_rate=RATE)
    rng = np.random.default_rng(1)
    spans = chop_spans(speech, rng, count=4000, seconds=(0.1,), sample_rate=RATE)
    centres = np.array([(first + end) / 2 / RATE for first, end in spans])
    lengths = np.array([end - first for first, end in spans]) / RATE
    assert speech[(centres * 100).astype(int)].all()
    shares = [np.mean((centres > a) & (centres < b)) for a, b in ((0.2, 0.5), (1.0, 1.3), (1.9, 2.0))]
    np.testing.assert_allclose(shares, [3 / 7, 3 / 7, 1 / 7], atol=0.03)
    assert abs(lengths.mean() - 0.1) < 0.004 and abs(lengths.std() - 0.05) < 0.004 and lengths.min() >= 0.01
    both = [end - first for first, end in chop_spans(speech, rng, count=4000, seconds=(0.05, 0.1), sample_rate=RATE)]
    assert abs(np.mean(both) / RATE - 0.075) < 0.004
    assert chop_spans(np.zeros(200, bool), rng, count=3, seconds=(0.1,), sample_rate=RATE) == []


def test_zeros_stand_in_the_spans_and_nothing_else_changes():
    wave = bursts((0.0, 2.0))
    heard = chop(wave, [(-50, 100), (5000, 6000), (31_990, 33_000), (-20, -10)])
    gone = np.zeros(len(wave), bool)
    gone[:100] = gone[5000:6000] = gone[31_990:] = True
    assert not heard[gone].any() and np.array_equal(heard[~gone], wave[~gone]) and wave[50] != 0
