"""The waveform itself as features, scaled and with steps before and after: what reads samples stands on it.

For models that were trained on samples of another scale than [-1, 1] (scpc reads 16-bit integers as they are), or on
waveforms that were pre-emphasised or standardised utterance by utterance.

Letters: B utterances, L samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sonant.core import FrameGeometry, FrameModule, Frames, require

from ._spectral import exact_dtype
from ._steps import After, Before


@dataclass(frozen=True)
class Config:
    """Settings; without any the waveform passes unchanged."""

    scale: float = 1.0  # factor on samples in [-1, 1]; 32768: the numbers that 16-bit files hold
    preprocess: tuple[dict[str, Any], ...] = ()  # such as {name: dither, coeff: 1.0}, {name: preemphasize, coeff: 0.97}
    postprocess: tuple[dict[str, Any], ...] = ()  # {name: standardize}: zero mean and unit variance over the utterance;
    # deltas and stack as in stft_bank


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, L, 1) samples, or what the steps after make of them.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        self.cfg = cfg
        self.before = Before(cfg.preprocess, "features.preprocess")
        geometry = self.before.geometry(source)
        self.after = After(cfg.postprocess, geometry=geometry, dim=1, where="features.postprocess")
        self.geometry, self.dim = self.after.geometry, self.after.dim
        self.past = self.future = self.after.reach
        self.repeats = self.before.repeats

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, L, 1)."""
        require(frames.dim == 1, f"features: need waveforms (B, L, 1), got {tuple(frames.x_BTD.shape)}")
        exact_BL = frames.x_BTD[..., 0].to(exact_dtype(frames.device)) * self.cfg.scale
        wave_BL = self.before(exact_BL, frames.lengths_B, training=self.training)
        return self.after(frames.with_x(wave_BL[..., None].to(frames.x_BTD.dtype)))
