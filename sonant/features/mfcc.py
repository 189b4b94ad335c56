"""Mel-frequency cepstra, equal to Kaldi's ``compute-mfcc-feats``, with deltas and normalisation as the usual baseline.

With the defaults: --num-ceps=13 --num-mel-bins=23 --cepstral-lifter=22 --use-energy=false (the first
coefficient is C0) --low-freq=20 --high-freq=0 (half the sample rate) --snip-edges=false --dither=0, on samples times
32768, everything else as in ``logmel``; then slopes and slopes of slopes over +-2 frames, and zero
mean and unit variance over the utterance: 39 dimensions.

Davis and Mermelstein, 1980 (IEEE TASSP 28(4)); deltas: Furui, 1986 (IEEE TASSP 34(1)).

Letters: B utterances, T frames, M mel filters, C cepstra, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sonant.core import FrameGeometry, require

from ._mel import MelConfig, MelFeatures
from ._spectral import cosine_transform


@dataclass(frozen=True)
class Config(MelConfig):
    """Settings of ``MelConfig``, with those of cepstra."""

    n_cepstra: int = 13  # C0 included; num-ceps
    lifter: float = 22.0  # 0 for none; cepstral-lifter
    n_mels: int = 23  # num-mel-bins
    high_hz: float = 0.0  # Hz; high-freq
    deltas: Literal[0, 1, 2] = 2
    cmvn: Literal["none", "utterance_mean", "utterance", "utterance_unbiased", "global"] = "utterance"


class Features(MelFeatures):
    """Waveforms in [-1, 1] -> (B, T, n_cepstra (1 + deltas)) cepstra.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        require(
            1 <= cfg.n_cepstra <= cfg.n_mels,
            f"mfcc: n_cepstra must be 1 to n_mels ({cfg.n_mels}), got {cfg.n_cepstra}",
        )
        transform_MC = cosine_transform(cfg.n_mels, n_cepstra=cfg.n_cepstra, lifter=cfg.lifter)
        super().__init__(cfg, source=source, static_dim=cfg.n_cepstra, transform=transform_MC)

    def _shape(self, logmel_BTM: Tensor, energy_BT1: Tensor | None, tables: dict[str, Tensor]) -> Tensor:
        cepstra_BTC = logmel_BTM @ tables["transform"]
        return cepstra_BTC if energy_BT1 is None else torch.cat([energy_BT1, cepstra_BTC[..., 1:]], dim=-1)
