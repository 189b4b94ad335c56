"""How long the steps of a stream take, and how late their answers are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import seconds_of
from ._live_audio import Piece


class Clock:
    """How long the steps took."""

    def __init__(self, sample_rate: int):
        self.sample_rate, self.samples, self.frames, self.interrupted = sample_rate, 0, 0, False
        self.took: list[float] = []
        self.late: list[float] = []

    @contextmanager
    def step(self, piece: Piece) -> Iterator[None]:
        began = time.monotonic()
        yield
        now = time.monotonic()
        self.samples += piece.wave_CL.shape[1]
        self.took.append(now - began)
        self.late.append(now - piece.came)

    def facts(self) -> dict[str, Any]:
        heard = seconds_of(self.samples, self.sample_rate)
        median, worst = np.quantile(self.late, [0.5, 0.99]) * 1000 if self.late else (None, None)
        return {
            "seconds": round(heard, 3),
            "frames": self.frames,
            "compute_seconds": round(sum(self.took), 3),
            "real_time_factor": round(sum(self.took) / heard, 5) if heard else None,
            "latency_ms_median": median if median is None else round(float(median), 3),
            "latency_ms_p99": worst if worst is None else round(float(worst), 3),
            "interrupted": self.interrupted,
        }
