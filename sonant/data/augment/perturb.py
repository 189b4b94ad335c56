"""One of the changes of prosody.py and spectral.py by its name, with what is left to chance drawn by a generator.

Letters: L samples.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .prosody import PERTURBATIONS
from .spectral import SEMITONES, draw_mask, mask_frequencies, pitch_shift, white_noise

Perturbation = Literal[
    "flat_f0", "shift_f0", "low_pass", "flat_intensity", "pitch_shift", "white_noise", "mask_frequencies", "all_three"
]
STEREO: tuple[Perturbation, ...] = ("pitch_shift", "white_noise", "mask_frequencies", "all_three")  # models of 2023


def perturbed(
    wave_L: np.ndarray, name: Perturbation, generator: np.random.Generator, *, sample_rate: int
) -> np.ndarray:
    """(L,) float32 of (L,). ``all_three``: another pitch, noise and missing frequencies."""
    if name in PERTURBATIONS:
        return PERTURBATIONS[name](wave_L, sample_rate)
    three = name == "all_three"
    if three or name == "pitch_shift":
        semitones = SEMITONES[int(generator.integers(len(SEMITONES)))]
        wave_L = pitch_shift(wave_L, sample_rate, semitones=semitones)
    if three or name == "white_noise":
        wave_L = white_noise(wave_L, generator)
    if three or name == "mask_frequencies":
        wave_L = mask_frequencies(wave_L, sample_rate, **draw_mask(generator, sample_rate))
    return wave_L
