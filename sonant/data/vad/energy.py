"""Voice activity from how far a channel is above its own noise, built in; nothing is learnt.

    level in dB of 25 ms every 10 ms, in seven bands from 100 to 6000 Hz, mean of five frames
    noise floor of each band: the level that one frame in ten is below, within 10 s around
    height: how far the bands are above their floors in the mean; what is below a floor counts 0
    speech from max(snr_db, share of the height that one frame in fifty exceeds) on, until hysteresis_db lower
    silences of at most fill_s are filled, then stretches of at most drop_s removed (``activity.cleaned``), then each is
    extended by pad_s

A channel that hardly ever is ``least_db`` above its floors is silent. Steady hum and noise are floor. The whole channel
is heard before anything is decided; for decisions as audio comes there is a model's own activity.

Letters: L samples, T frames, W samples of a frame, K frequencies, S bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core import require, samples_of
from ..activity import Stretch, activity_stretches, cleaned, joined

RATE = 100  # Hz, frames
WINDOW_S = 0.025
EDGES = (100, 300, 600, 1000, 1600, 2500, 4000, 6000)  # Hz, of the bands
QUIET = 1e-9  # power that is added: digital silence has no level
SMOOTH = 5  # frames
BLOCK = 6000  # frames at a time
SPAN_S = 10.0  # within which the floor is looked for
FLOOR, TOP = 10, 98  # per cent of the frames below


@dataclass(frozen=True)
class Config:
    snr_db: float = 4.0  # dB of height from which a frame is speech
    share: float = 0.35  # of the height of the loudest fiftieth that it must have too
    hysteresis_db: float = 3.0  # dB by which speech may sink below that and go on
    least_db: float = 6.0  # dB, height of the loudest fiftieth; of less a channel holds no speech
    fill_s: float = 0.12  # s, longest silence inside of speech
    drop_s: float = 0.08  # s, longest stretch that is a click and no speech
    pad_s: float = 0.0  # s by which stretches are longer at both ends

    def __post_init__(self):
        require(
            min(self.snr_db, self.hysteresis_db, self.least_db, self.fill_s, self.drop_s, self.pad_s) >= 0,
            f"settings of voice activity are 0 or more, got {self}",
        )
        require(0 <= self.share < 1, f"share of voice activity is in [0, 1), got {self.share:g}")


def detect(wave_L: np.ndarray, sample_rate: int, *, cfg: Config | None = None) -> list[Stretch]:
    """Stretches of voice (onset, offset) in seconds, in order, of one channel (L,)."""
    cfg = cfg or Config()
    height_T = heights(wave_L, sample_rate)
    if not len(height_T):
        return []
    top = float(np.percentile(height_T, TOP))
    least = max(cfg.snr_db, cfg.share * top)
    speech_T = with_hysteresis(height_T >= least, height_T >= least - cfg.hysteresis_db)
    speech_T &= top >= cfg.least_db
    return finished(speech_T, rate=RATE, end_s=len(wave_L) / sample_rate, cfg=cfg)


def heights(wave_L: np.ndarray, sample_rate: int) -> np.ndarray:
    """(T,) dB above the floors at 100 Hz, T = L // hop; frame i around its own 10 ms."""
    level_TS = levels(wave_L, sample_rate)
    if not len(level_TS):
        return np.zeros(0)
    padded_TS = np.pad(level_TS, ((SMOOTH // 2, SMOOTH // 2), (0, 0)), mode="edge")
    smooth_TS = np.lib.stride_tricks.sliding_window_view(padded_TS, SMOOTH, axis=0).mean(-1)
    return np.maximum(smooth_TS - noise_floor(smooth_TS), 0).mean(1)


def levels(wave_L: np.ndarray, sample_rate: int) -> np.ndarray:
    """(T, S) dB of the bands below half the sample rate."""
    hop, window = samples_of(1 / RATE, sample_rate), samples_of(WINDOW_S, sample_rate)
    padded_L = np.pad(wave_L.astype(np.float32), ((window - hop) // 2, window))
    frames_TW = np.lib.stride_tricks.sliding_window_view(padded_L, window)[: len(wave_L) // hop * hop : hop]
    hz_K = np.fft.rfftfreq(window, 1 / sample_rate)
    edges = [edge for edge in EDGES if edge < sample_rate / 2]
    bands_KS = np.stack([(low <= hz_K) & (hz_K < high) for low, high in pairwise([*edges, sample_rate])], axis=1)
    bands_KS = bands_KS[:, : len(EDGES) - 1].astype(np.float32)
    found = []
    for first in range(0, len(frames_TW), BLOCK):
        spectrum_TK = np.fft.rfft(frames_TW[first : first + BLOCK] * np.hanning(window).astype(np.float32), axis=1)
        found.append(10 * np.log10(np.square(np.abs(spectrum_TK)) @ bands_KS + QUIET))
    return np.concatenate(found) if found else np.zeros((0, bands_KS.shape[1]))


def noise_floor(level_TS: np.ndarray) -> np.ndarray:
    """(T, S) dB: the ``FLOOR``-th percentile of what is within 10 s around, taken every second and joined by lines."""
    half, at = int(SPAN_S * RATE / 2), np.arange(0, len(level_TS), RATE)
    floor_AS = np.stack([np.percentile(level_TS[max(t - half, 0) : t + half], FLOOR, axis=0) for t in at])
    return np.stack([np.interp(np.arange(len(level_TS)), at, floor_A) for floor_A in floor_AS.T], axis=1)


def with_hysteresis(sure_T: np.ndarray, maybe_T: np.ndarray) -> np.ndarray:
    """Runs of ``maybe`` that hold a frame of ``sure``."""
    run_T = np.cumsum(np.diff(maybe_T.astype(np.int8), prepend=0) == 1)
    return maybe_T & np.isin(run_T, run_T[sure_T])


def finished(speech_T: np.ndarray, *, rate: float, end_s: float, cfg) -> list[Stretch]:
    """Stretches of frames: ``cfg.fill_s`` filled, ``cfg.drop_s`` removed, ``cfg.pad_s`` wider at both ends."""
    tidy_T1 = cleaned(speech_T[:, None].astype(np.uint8), rate=rate, fill_s=cfg.fill_s, drop_s=cfg.drop_s)
    found = activity_stretches(tidy_T1, rate=rate, join_s=0.0, decimals=None)[0]
    wide = [(max(on - cfg.pad_s, 0.0), min(off + cfg.pad_s, end_s)) for on, off in found]
    return [(round(on, 3), round(off, 3)) for on, off in joined(wide, 1e-3)]
