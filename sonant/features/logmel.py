"""Log-mel filter bank energies, equal to Kaldi's ``compute-fbank-feats``.

With the defaults: --num-mel-bins=80 --frame-length=25 --frame-shift=10 --low-freq=20 --high-freq=-400
--window-type=povey --preemphasis-coefficient=0.97 --remove-dc-offset=true --round-to-power-of-two=true
--snip-edges=false --use-power=true --use-log-fbank=true --use-energy=false --dither=0, on samples
times 32768. Powers are floored at 1.19e-7 before the natural logarithm: the range is -15.94 to
about 30. Frame lengths in samples are rounded to the nearest, where Kaldi truncates; the two differ
only at rates such as 11025 Hz.

Letters: B utterances, T frames, M mel filters, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import FrameGeometry

from ._mel import MelConfig, MelFeatures


@dataclass(frozen=True)
class Config(MelConfig):
    """Settings of ``MelConfig``; 40 or 80 filters are usual."""


class Features(MelFeatures):
    """Waveforms in [-1, 1] -> (B, T, n_mels) log-mel energies, with log energy before them and deltas after if asked.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__(cfg, source=source, static_dim=cfg.n_mels + cfg.use_energy)

    def _shape(self, logmel_BTM: Tensor, energy_BT1: Tensor | None, tables: dict[str, Tensor]) -> Tensor:
        return logmel_BTM if energy_BT1 is None else torch.cat([energy_BT1, logmel_BTM], dim=-1)
