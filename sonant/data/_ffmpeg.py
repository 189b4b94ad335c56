"""AAC, m4a and the sound of video files through the optional package PyAV.

Letters: C channels, L samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core import MissingExtra, SonantError, require


def decode(path: Path) -> tuple[np.ndarray, int]:
    """(C, L) float32 samples of the first sound track, and its rate in Hz.

    AAC pads at both ends: the count of samples may exceed what was encoded by up to 2048.
    """
    require(path.is_file(), f"no audio file '{path}': it was moved or deleted, or its path starts from another folder")
    try:
        from av import AudioResampler, FFmpegError
        from av import open as open_media
    except ImportError:
        raise MissingExtra("av", "av", f"reading '{path}'") from None
    try:
        with open_media(str(path)) as container:
            require(container.streams.audio, f"'{path}' has no sound track")
            stream = container.streams.audio[0]
            resampler = AudioResampler(format="fltp")  # planar floats, whatever the codec gives
            parts = [
                made.to_ndarray()
                for frame in [*container.decode(stream), None]  # None: what the resampler still holds
                for made in resampler.resample(frame)
            ]
            rate = stream.rate
    except FFmpegError as error:
        raise SonantError(
            f"'{path}' cannot be decoded ({error.strerror or error}): it is damaged or no audio despite its name"
        ) from None
    require(parts, f"'{path}' holds no samples: its recording failed; leave it out or record it again")
    return np.concatenate(parts, axis=1).astype(np.float32, copy=False), rate
