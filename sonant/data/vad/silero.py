"""Voice activity by Silero VAD (MIT licence): its network for whole sequences at 16 kHz, run by onnxruntime.

Every 32 ms have a probability; the state of the network goes on through the channel. Speech begins where it is at least
``threshold`` and goes on until it is below ``threshold - 0.15``, as in the package, which is asked for nothing but the
file of the network: importing it would change PyTorch's number of threads.

Letters: L samples, F frames of 32 ms, W = 576 samples, of which 64 belong to the frame before.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ...core import MissingExtra, SonantError, require
from ..activity import Stretch
from ..audio import resample
from .energy import finished, with_hysteresis

RATE, FRAME, BEFORE = 16_000, 512, 64  # Hz; samples
BLOCK = 512  # frames at a time
HYSTERESIS = 0.15
FILE = "silero_vad_16k_sequence.onnx"


@dataclass(frozen=True)
class Config:
    threshold: float = 0.5  # probability from which a frame is speech
    fill_s: float = 0.1  # s, longest silence inside of speech
    drop_s: float = 0.06  # s, longest stretch that is removed
    pad_s: float = 0.0  # s by which stretches are longer at both ends

    def __post_init__(self):
        require(0 < self.threshold < 1, f"a threshold of voice activity is in (0, 1), got {self.threshold:g}")
        require(min(self.fill_s, self.drop_s, self.pad_s) >= 0, f"times of voice activity are 0 or more, got {self}")


def detect(wave_L: np.ndarray, sample_rate: int, *, cfg: Config | None = None) -> list[Stretch]:
    """Stretches of voice (onset, offset) in seconds, in order, of one channel (L,).

    Raises MissingExtra without the extra ``vad``.
    """
    cfg = cfg or Config()
    prob_F = probabilities(wave_L, sample_rate)
    speech_F = with_hysteresis(prob_F >= cfg.threshold, prob_F >= cfg.threshold - HYSTERESIS)
    return finished(speech_F, rate=RATE / FRAME, end_s=len(wave_L) / sample_rate, cfg=cfg)


def probabilities(wave_L: np.ndarray, sample_rate: int) -> np.ndarray:
    """(F,) float32 probability of speech in every 32 ms of one channel (L,); the last is filled up with zeros."""
    session = _session()
    wave_L = resample(wave_L[None].astype(np.float32), sample_rate, RATE)[0]
    frames = -(-len(wave_L) // FRAME)
    padded_L = np.pad(wave_L, (BEFORE, frames * FRAME - len(wave_L)))
    if not frames:
        return np.zeros(0, np.float32)
    windows_FW = np.lib.stride_tricks.sliding_window_view(padded_L, BEFORE + FRAME)[::FRAME]
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    found = []
    for first in range(0, frames, BLOCK):
        block_FW = np.ascontiguousarray(windows_FW[first : first + BLOCK])
        told = {"input": block_FW, "h": hidden, "c": cell}
        prob_F, hidden, cell = session.run(["speech_probs", "hn", "cn"], told)
        found.append(prob_F.reshape(-1))
    return np.concatenate(found)


@cache
def _session():
    """The network, loaded once, on one core."""
    purpose = "voice activity by silero"
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("onnxruntime", "vad", purpose) from None
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise MissingExtra("silero-vad", "vad", purpose)
    path = Path(package.origin).parent / "data" / FILE
    if not path.is_file():
        raise SonantError(f"the package silero-vad has no {FILE}: {purpose} needs version 6.2.3 or later, update it")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
