"""Arrays as small images and sounds inside the page: indexed PNG and WAV in data addresses.

Letters: H rows, W columns, L samples.
"""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib

import numpy as np

# Dark to bright through red: dark stays dark enough for white lines, equal steps look about equal.
COLOURS = ((10, 8, 26), (58, 18, 92), (122, 30, 110), (184, 48, 92), (232, 92, 62), (249, 158, 66), (252, 246, 196))
LEVELS = 64


def palette() -> np.ndarray:
    """(LEVELS, 3) colours of 8 bits, by straight lines between ``COLOURS``."""
    place = np.linspace(0, len(COLOURS) - 1, LEVELS)
    anchors = np.array(COLOURS, dtype=float)
    return (
        np.stack([np.interp(place, np.arange(len(COLOURS)), anchors[:, k]) for k in range(3)], axis=1)
        .round()
        .astype(np.uint8)
    )


def png(values_HW: np.ndarray, *, low: float, high: float) -> bytes:
    """(H, W) values as an indexed PNG; ``low`` and below is dark, ``high`` and above bright."""
    scaled = (np.nan_to_num(values_HW, nan=low) - low) / max(high - low, 1e-12)
    index_HW = (np.clip(scaled, 0, 1) * (LEVELS - 1)).round().astype(np.uint8)
    height, width = index_HW.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), index_HW], axis=1)  # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"PLTE", palette().tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def wav(wave_L: np.ndarray, sample_rate: int) -> bytes:
    """(L,) samples as 16-bit WAV, scaled to a peak of 0.7 so that quiet speech is heard."""
    peak = float(np.abs(wave_L).max(initial=0.0)) or 1.0
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes((np.nan_to_num(wave_L) / peak * 0.7 * 32767).astype("<i2").tobytes())
    return stream.getvalue()


def data_address(content: bytes, kind: str) -> str:
    """``data:`` address that holds the content itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
