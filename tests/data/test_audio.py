from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile

from sonant.core import MissingExtra, SonantError
from sonant.data.audio import audio_info, find_audio, names_of, read_audio, read_headers, resampled_count

RATE = 16_000
LOSSLESS = {"wav": {}, "flac": {}, "sph": {"format": "NIST"}, "aiff": {}, "au": {}, "w64": {}}
LOSSY = {"mp3": {}, "ogg": {}, "opus": {"format": "OGG", "subtype": "OPUS"}}


def speechlike(seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    """Harmonics of a moving pitch, well below half the rate."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * t)) / rate
    return sum(np.sin(k * phase) / k for k in range(1, 9)).astype(np.float32) * 0.15


@pytest.mark.parametrize("suffix", [*LOSSLESS, *LOSSY])
def test_formats_round_trip(tmp_path, suffix):
    wave = speechlike()
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, wave, RATE, **{**LOSSLESS, **LOSSY}[suffix])
    read, rate = read_audio(path)
    assert (rate, read.dtype, read.shape) == (RATE, np.float32, wave.shape)
    assert audio_info(path).samples == len(wave)
    if suffix in LOSSLESS:
        np.testing.assert_allclose(read, wave, atol=2**-15)
    else:
        assert np.corrcoef(read, wave)[0, 1] > 0.99


def test_sphere_written_by_hand(tmp_path):
    samples = (speechlike(0.2) * 32767).astype("<i2")
    fields = [
        "channel_count -i 1",
        f"sample_count -i {len(samples)}",
        "sample_rate -i 16000",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_sig_bits -i 16",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    header = "NIST_1A\n   1024\n" + "\n".join(fields) + "\n"
    path = tmp_path / "a.sph"
    path.write_bytes(header.encode().ljust(1024) + samples.tobytes())
    wave, rate = read_audio(path)
    assert rate == RATE
    np.testing.assert_array_equal(wave, samples / np.float32(32768))


def test_shorten_sphere_names_the_remedy(tmp_path):
    path = tmp_path / "a.sph"
    path.write_bytes(
        b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n".ljust(1024) + b"ajkg" * 9
    )
    with pytest.raises(SonantError, match="sph2pipe"):
        read_audio(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_window_is_a_slice(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, speechlike(), RATE)
    whole, _ = read_audio(path)
    window, _ = read_audio(path, start_s=0.4, duration_s=0.25)
    np.testing.assert_allclose(window, whole[6400:10400], atol=1e-6)
    tail, _ = read_audio(path, start_s=1.4, duration_s=9.0)
    assert len(tail) == len(whole) - 22400


def test_channels(tmp_path):
    left, right = speechlike(), speechlike()[::-1].copy()
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([left, right], axis=1), RATE)
    both, _ = read_audio(path)
    assert both.shape == (2, len(left))
    one, _ = read_audio(path, channel=1, sample_rate=8000)
    np.testing.assert_allclose(one, read_audio(path, sample_rate=8000)[0][1], atol=1e-6)
    with pytest.raises(SonantError, match=r"2 channel\(s\).*channel 2"):
        read_audio(path, channel=2)


@pytest.mark.parametrize("source", [8000, 11025, 22050, 44100, 48000, 44101])
def test_resampling_keeps_what_both_rates_hold(tmp_path, source):
    target, tone = 16_000, 1000.0
    path = tmp_path / "a.wav"
    t = np.arange(2 * source) / source
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * tone * t), source, subtype="FLOAT")
    wave, rate = read_audio(path, sample_rate=target)
    assert rate == target
    assert len(wave) == resampled_count(len(t), source, target)
    expected = 0.5 * np.sin(2 * np.pi * tone * np.arange(len(wave)) / target)
    inside = slice(400, -400)  # away from where the signal is switched on and off
    assert np.abs(wave[inside] - expected[inside]).max() < 1e-4


def test_resampling_removes_what_the_lower_rate_cannot_hold(tmp_path):
    path = tmp_path / "a.wav"
    t = np.arange(48_000) / 48_000
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 11_000 * t), 48_000, subtype="FLOAT")
    wave, _ = read_audio(path, sample_rate=16_000)
    assert np.abs(wave[400:-400]).max() < 1e-4


@pytest.mark.parametrize("source", [8000, 22050, 44100, 44101])
def test_a_resampled_window_is_a_slice_of_the_resampled_file(tmp_path, source):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).standard_normal(3 * source) * 0.1, source, subtype="FLOAT")
    whole, _ = read_audio(path, sample_rate=RATE)
    window, _ = read_audio(path, start_s=1.23, duration_s=0.5, sample_rate=RATE)
    np.testing.assert_allclose(window, whole[19680 : 19680 + 8000], atol=2e-6)


def truncated_flac(folder):
    path = folder / "cut.flac"
    soundfile.write(path, speechlike(), RATE)
    path.write_bytes(path.read_bytes()[:9000])
    return path


def empty(folder):
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def text(folder):
    (folder / "text.wav").write_text("this is no audio " * 50)
    return folder / "text.wav"


def not_finite(folder):
    wave = speechlike()
    wave[700] = np.nan
    soundfile.write(folder / "nan.wav", wave, RATE, subtype="FLOAT")
    return folder / "nan.wav"


def no_samples(folder):
    soundfile.write(folder / "none.wav", np.zeros(0), RATE)
    return folder / "none.wav"


def slow(folder):
    soundfile.write(folder / "slow.wav", np.zeros(9), 3)
    return folder / "slow.wav"


BAD = {
    truncated_flac: "breaks off or is damaged.*truncated",
    empty: r"is empty \(0 bytes\)",
    text: "is damaged or is no audio despite its name",
    not_finite: "NaN or infinite",
    no_samples: "holds no samples",
    slow: "says 3 Hz",
    lambda folder: folder / "gone.flac": "no audio file.*moved or deleted",
    lambda folder: folder: "is a folder",
}


@pytest.mark.parametrize(("make", "message"), BAD.items(), ids=[make.__name__ for make in BAD])
def test_bad_files_are_answered_in_one_line(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(SonantError, match=message) as error:
        read_audio(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_windows_outside_the_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", speechlike(), RATE)
    with pytest.raises(SonantError, match=r"lies past its end: it lasts 1\.500 s"):
        read_audio(tmp_path / "a.wav", start_s=2.0, duration_s=1.0)
    with pytest.raises(SonantError, match="cannot start at -1"):
        read_audio(tmp_path / "a.wav", start_s=-1.0)


def test_m4a_without_av_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(b"x")
    with pytest.raises(MissingExtra, match=r"sonant\[av\]"):
        read_audio(tmp_path / "a.m4a")


def test_m4a_with_av(tmp_path):
    av = pytest.importorskip("av", reason="the optional package av is not installed")
    wave = speechlike()[: 23 * 1024]
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    read, rate = read_audio(tmp_path / "a.m4a")
    assert rate == RATE
    assert abs(len(read) - len(wave)) <= 2048
    assert np.corrcoef(read[: len(wave)], wave[: len(read)])[0, 1] > 0.99


def test_find_audio_and_names(tmp_path):
    for name in ("b/x.wav", "a/x.FLAC", "a/.hidden.wav", ".git/y.wav", "a/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    files = find_audio(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["a/x.FLAC", "b/x.wav"]
    assert names_of(files, tmp_path) == ["a/x", "b/x"]
    assert names_of(files[:1], tmp_path) == ["x"]
    (tmp_path / "a/x.wav").touch()
    assert names_of(find_audio(tmp_path), tmp_path) == ["a/x.FLAC", "a/x.wav", "b/x.wav"]


def test_headers_come_in_order_with_their_errors(tmp_path):
    soundfile.write(tmp_path / "a.wav", speechlike(), RATE)
    soundfile.write(tmp_path / "c.wav", speechlike(0.5), RATE)
    found = [info for _, info in read_headers([tmp_path / "a.wav", empty(tmp_path), tmp_path / "c.wav"])]
    assert isinstance(found[1], SonantError)
    assert [found[0].samples, found[2].samples] == [24000, 8000]
    cut = truncated_flac(tmp_path)
    assert not isinstance(next(read_headers([cut]))[1], SonantError)
    assert isinstance(next(read_headers([cut], check=True))[1], SonantError)


def test_real_eight_channel_file(data_dir):
    path = data_dir / "noise-rir" / "rir" / "lhotse-real-8ch.flac"
    wave, _ = read_audio(path)
    assert wave.shape[0] == 8
