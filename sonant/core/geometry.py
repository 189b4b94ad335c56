"""The one place where seconds, samples and frames convert."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .errors import require


@dataclass(frozen=True)
class FrameGeometry:
    """Where the frames of a module lie on the samples of its input.

    Frame ``i`` sees the ``window`` samples that begin at ``offset + i * hop``; samples before 0
    and up to ``tail`` samples past the end are padding. All lengths are in samples.

    Args:
        sample_rate: samples per second of the audio, in Hz.
        hop: samples from one frame to the next.
        window: samples that one frame sees (its local receptive field).
        offset: first sample that frame 0 sees; negative when the module pads on the left.
        tail: samples of padding that the last frame may reach into on the right.
    """

    sample_rate: int
    hop: int = 1
    window: int = 1
    offset: int = 0
    tail: int = 0

    def __post_init__(self):
        require(
            self.sample_rate > 0 and self.hop > 0 and self.window > 0,
            f"a frame geometry needs positive sample_rate, hop and window, got {self}",
        )

    @property
    def rate(self) -> float:
        """Frames per second (Hz)."""
        return self.sample_rate / self.hop

    def frames(self, n_samples):
        """Exact number of frames for ``n_samples`` samples (int or integer tensor), at least 0."""
        count = (n_samples - self.offset + self.tail - self.window) // self.hop + 1
        return count.clamp(min=0) if isinstance(count, torch.Tensor) else max(int(count), 0)

    def samples(self, n_frames: int) -> int:
        """Fewest samples that give ``n_frames`` frames (at least 1 frame); inverse of ``frames``."""
        return max((n_frames - 1) * self.hop + self.window + self.offset - self.tail, 1)

    def time_of(self, frame: float) -> float:
        """Centre of a frame, in seconds."""
        return (self.offset + frame * self.hop + self.window / 2) / self.sample_rate

    def frame_at(self, seconds: float) -> int:
        """The frame whose centre is nearest to a time in seconds (ties go to the later), at least 0."""
        position = (seconds * self.sample_rate - self.offset - self.window / 2) / self.hop
        return max(math.floor(position + 0.5), 0)

    def stack(self, *, kernel: int, stride: int = 1, left: int = 0, right: int | None = None) -> FrameGeometry:
        """Geometry after a layer that sees ``kernel`` frames of this one every ``stride`` frames.

        ``left`` and ``right`` are the frames of padding on each side (``right=None``: as ``left``).
        """
        right = left if right is None else right
        return FrameGeometry(
            sample_rate=self.sample_rate,
            hop=self.hop * stride,
            window=self.window + (kernel - 1) * self.hop,
            offset=self.offset - left * self.hop,
            tail=self.tail + right * self.hop,
        )


def samples_of(seconds: float, sample_rate: int) -> int:
    """Seconds to the nearest whole number of samples."""
    return int(round(seconds * sample_rate))


def seconds_of(samples: int, sample_rate: int) -> float:
    """Samples to seconds."""
    return samples / sample_rate
