import io
import struct
import wave
import zlib

import numpy as np

from sonant.reports.images import LEVELS, palette, png, wav


def unpack(content: bytes) -> dict[bytes, bytes]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack(">I", content[place + 8 + size : place + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        place += 12 + size
    return chunks


def test_png_holds_the_values_row_by_row():
    values = np.array([[0.0, 0.5, 1.0], [-9.0, 9.0, np.nan]])
    chunks = unpack(png(values, low=0.0, high=1.0))
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (3, 2)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(2, 4)
    assert rows[:, 0].tolist() == [0, 0]
    top = LEVELS - 1
    assert rows[:, 1:].tolist() == [[0, round(top / 2), top], [0, top, 0]]
    assert len(chunks[b"PLTE"]) == 3 * LEVELS


def test_palette_gets_brighter():
    light = palette().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > 0).all()


def test_wav_is_scaled_and_silence_stays_silent():
    for samples, peak in ((np.array([0.0, 0.01, -0.02]), 0.7), (np.zeros(5), 0.0)):
        with wave.open(io.BytesIO(wav(samples, 8000))) as sound:
            assert (sound.getframerate(), sound.getnframes()) == (8000, len(samples))
            found = np.frombuffer(sound.readframes(99), dtype="<i2")
        assert abs(np.abs(found).max() / 32767 - peak) < 1e-3
