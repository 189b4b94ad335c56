"""Prosody, the target ``prosody`` of PASE and PASE+ (Ravanelli et al. 2020) and of SpeechBrain's recipe.

    0  ln F0 (F0 in Hz by SWIPE', see ``_swipe.py``), on a line over unvoiced gaps, constant before the first and after
       the last voiced frame; ln ``low_hz`` throughout an utterance without any
    1  1 where voiced, else 0
    2  root mean square of the frame, zeros beyond both ends of the signal
    3  changes of sign between neighbouring samples of the frame, divided by its samples

Frame i is centred on sample i times the hop; n samples give n // hop frames. The originals take an F0 for voiced only
where nothing was interpolated, and their interpolation begins at the last voiced frame before a gap, which they
therefore call unvoiced: ``voiced: interpolated``. No gradient reaches the waveform.

Letters: B utterances, L samples, P padded samples, T frames, W samples of a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, mask_of, require, samples_of

from ._stft import checked_wave
from ._swipe import Swipe, SwipeConfig


@dataclass(frozen=True)
class Config(SwipeConfig):
    """Settings of ``SwipeConfig``, with those of energy and zero crossings."""

    frame_length: float = 20.0  # ms of energy and zero crossings, nearest whole sample
    voiced: Literal["found", "interpolated"] = "found"  # where F0 was found; as the originals, see above


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, 4): ln F0 (Hz), voiced (0 or 1), RMS (0 to 1), zero crossings per sample (0 to 1).

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    dim = 4
    past = future = None  # interpolation looks for the nearest voiced frame

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        self.cfg, self.swipe, self.width = cfg, Swipe(cfg, rate=rate), samples_of(cfg.frame_length / 1000, rate)
        require(
            self.width >= 2, f"prosody: frame_length of {cfg.frame_length} ms is less than two samples at {rate} Hz"
        )
        hop, offset = self.swipe.hop, -(self.width // 2)
        self.geometry = FrameGeometry(rate, hop=hop, window=self.width, offset=offset, tail=self.width + offset - hop)

    @torch.no_grad()
    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, 4), zero past each length."""
        wave_BL = checked_wave("prosody", frames, self.geometry.sample_rate)
        count, lengths_B = self.geometry.frames(wave_BL.shape[1]), self.geometry.frames(frames.lengths_B)
        f0_BT, _ = self.swipe(wave_BL, frames=count)
        found_BT = (f0_BT > 0) & mask_of(lengths_B, count)
        pitch_BT = over_gaps(f0_BT.log(), found_BT, empty=math.log(self.cfg.low_hz))
        voiced_BT = found_BT if self.cfg.voiced == "found" else before_voiced(found_BT, lengths_B)
        energy_BT = self._means(wave_BL.square(), count).sqrt()
        crossing_BT = self._crossings(wave_BL, frames.lengths_B, count)
        columns = (pitch_BT, voiced_BT, energy_BT, crossing_BT)
        x_BTD = torch.stack([column_BT.to(frames.x_BTD.dtype) for column_BT in columns], dim=-1)
        return Frames(x_BTD, lengths_B, self.geometry).masked()

    def _means(self, x_BL: Tensor, count: int) -> Tensor:
        """(B, L) -> (B, T) mean over the samples of each frame, zeros beyond both ends."""
        last = (count - 1) * self.geometry.hop + self.width
        left = -self.geometry.offset
        x_BP = functional.pad(x_BL, (left, max(last - left - x_BL.shape[1], 0)))
        return x_BP[:, :last].unfold(1, self.width, self.geometry.hop).mean(-1) if count else x_BL[:, :0]

    def _crossings(self, wave_BL: Tensor, lengths_B: Tensor, count: int) -> Tensor:
        """(B, L) -> (B, T): crossings from one sample of a frame to the next; no sign changes beyond the ends."""
        sign_BL = wave_BL.signbit()
        change_BL = functional.pad(sign_BL[:, 1:] != sign_BL[:, :-1], (1, 0)) & mask_of(lengths_B, wave_BL.shape[1])
        change_BL = change_BL.to(wave_BL.dtype)
        hop, left = self.geometry.hop, -self.geometry.offset
        first_BT = functional.pad(change_BL, (left, self.width))[:, : count * hop : hop][
            :, :count
        ]  # from the one before
        return self._means(change_BL, count) - first_BT / self.width


def over_gaps(x_BT: Tensor, known_BT: Tensor, *, empty: float) -> Tensor:
    """(B, T) values with those that are not known on a line between the two nearest that are.

    Before the first and after the last known value: that value. ``empty`` where a row has none.
    """
    T = x_BT.shape[1]
    if T == 0:
        return x_BT
    place_T = torch.arange(T, device=x_BT.device)
    before_BT = torch.where(known_BT, place_T, -1).cummax(dim=1).values
    after_BT = torch.where(known_BT, place_T, T).flip(1).cummin(dim=1).values.flip(1)
    left_BT = torch.where(before_BT < 0, after_BT, before_BT).clamp(max=T - 1)
    right_BT = torch.where(after_BT == T, before_BT, after_BT).clamp(min=0)
    share_BT = (place_T - left_BT).to(x_BT.dtype) / (right_BT - left_BT).clamp(min=1)
    line_BT = x_BT.gather(1, left_BT).lerp(x_BT.gather(1, right_BT), share_BT.clamp(0, 1))
    return torch.where(known_BT.any(1, keepdim=True), line_BT, empty)


def before_voiced(voiced_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, T): voiced frames without the last before every gap; the last frame of an utterance stays."""
    next_BT = functional.pad(voiced_BT[:, 1:], (0, 1))
    last_BT = torch.arange(voiced_BT.shape[1], device=voiced_BT.device) == lengths_B[:, None] - 1
    return voiced_BT & (next_BT | last_BT)
