from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.stft_mel import Config, Features, triangles

from .conftest import harmonic, wave_frames

SOURCE = FrameGeometry(16000)


def slow(wave, *, mels=80, level=-25.0, deltas=0, cmvn=True) -> np.ndarray:
    """s3prl's preprocessor on one utterance, from its definition, with NumPy's own padding and transform."""
    x = np.asarray(wave, dtype=np.float64)
    if level is not None:
        x = x * 10 ** (level / 20) / (np.sqrt((x**2).mean()) + 1e-10)
    padded = np.pad(x, 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[i * 160 : i * 160 + 400] for i in range(1 + len(x) // 160)])
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    corners = [700 * (10 ** (i / (mels + 1) * math.log10(1 + 8000 / 700)) - 1) for i in range(mels + 2)]
    bank = np.zeros((201, mels))
    for k in range(201):
        for m in range(mels):
            a, b, c = corners[m : m + 3]
            f = 40.0 * k
            bank[k, m] = (f - a) / (b - a) if a < f <= b else (c - f) / (c - b) if b < f < c else 0.0
    blocks = [np.log(power @ bank + 1e-10)]
    for _ in range(deltas):
        p = np.pad(blocks[-1], ((2, 2), (0, 0)), mode="edge")
        T = len(blocks[-1])
        blocks.append(sum(n * (p[2 + n : 2 + n + T] - p[2 - n : 2 - n + T]) for n in (1, 2)) / 10)
    y = np.concatenate(blocks, axis=1)
    return (y - y.mean(0)) / (y.std(0, ddof=1) + 1e-10) if cmvn else y


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({}, {}),
        ({"n_mels": 40, "deltas": 2}, {"mels": 40, "deltas": 2}),
        ({"level_db": None, "cmvn": "none"}, {"level": None, "cmvn": False}),
    ],
)
def test_equals_the_definition(settings, reference):
    features = Features(Config(**settings), source=SOURCE)
    wave = harmonic(0.61)
    expected = slow(wave, **reference)
    ours = features(wave_frames([wave])).x_BTD[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    exact = features(wave_frames([wave], dtype=torch.float64)).x_BTD[0].numpy()
    np.testing.assert_allclose(exact, expected, atol=1e-9)
    assert features.dim == expected.shape[1]


def test_equals_torchs_own_transform():
    wave = torch.from_numpy(harmonic(0.4)).double()[None]
    spectrum = torch.stft(
        wave, 512, 160, 400, torch.hann_window(400, dtype=torch.float64), pad_mode="reflect", return_complex=True
    )
    mel = spectrum.abs().square().transpose(1, 2) @ triangles(16000, size=512, n_mels=30)
    features = Features(Config(n_mels=30, n_fft=512, level_db=None, cmvn="none"), source=SOURCE)
    torch.testing.assert_close(features(Frames.of_wave(wave, None, 16000)).x_BTD, (mel + 1e-10).log())


SSLSV = {"n_mels": 40, "n_fft": 512, "window": "hamming", "level_db": None, "log_offset": 1e-6, "cmvn": "instance"}


def test_the_features_of_sslsv_are_torchs_own_transform_and_instance_norm():
    wave = torch.from_numpy(harmonic(0.4)).double()[None]
    window = torch.hamming_window(400, dtype=torch.float64)
    spectrum = torch.stft(wave, 512, 160, 400, window, pad_mode="reflect", return_complex=True)
    logmel = (spectrum.abs().square().transpose(1, 2) @ triangles(16000, size=512, n_mels=40) + 1e-6).log()
    expected = torch.nn.functional.instance_norm(logmel.transpose(1, 2), eps=1e-5).transpose(1, 2)
    found = Features(Config(**SSLSV), source=SOURCE)(Frames.of_wave(wave, None, 16000)).x_BTD
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_equals_sslsv(oracle_dir):
    load_file = pytest.importorskip("safetensors.torch").load_file
    given = load_file(oracle_dir / "speaker/encoders_io.safetensors")
    for which in "ab":
        wave = Frames.of_wave(given[f"wave_{which}"], None, 16000)
        found = Features(Config(**SSLSV), source=SOURCE)(wave).x_BTD
        expected = given[f"mel40.lognorm_{which}"].transpose(1, 2)
        torch.testing.assert_close(found, expected, atol=5e-5, rtol=0)  # the reference is computed in float32


def test_equals_the_features_of_ssl_for_slr():
    """Energies by torch's transform of the pre-emphasised signal, whose first sample has the second before it."""
    torch.manual_seed(0)
    wave, settings = torch.randn(1, 4000, dtype=torch.float64), {**SSLSV, "cmvn": "none"}
    before = torch.cat([wave[:, 1:2], wave[:, :-1]], dim=1)
    plain = Features(Config(**settings, log=False), source=SOURCE)(Frames.of_wave(wave - 0.97 * before, None, 16000))
    settings |= {"preemphasis": 0.97, "last_frame": False}
    features = Features(Config(**settings, log=False), source=SOURCE)
    own = features(Frames.of_wave(wave, None, 16000))
    assert own.x_BTD.shape == (1, 25, 40)
    torch.testing.assert_close(own.x_BTD, plain.x_BTD[:, :25])
    logs = Features(Config(**settings), source=SOURCE)(Frames.of_wave(wave, None, 16000))
    torch.testing.assert_close(logs.x_BTD, (own.x_BTD + 1e-6).log())
    short = Frames.of_wave(wave[:, :161], torch.tensor([1]), 16000)
    alone = Frames.of_wave(wave[:, :1], None, 16000)
    settings["last_frame"] = True
    both = (Features(Config(**settings), source=SOURCE)(frames).x_BTD[:, 0] for frames in (short, alone))
    torch.testing.assert_close(*both)


def test_frames_are_counted_and_centred_as_there():
    geometry = Features(Config(), source=SOURCE).geometry
    assert [geometry.frames(n) for n in (159, 160, 16000)] == [1, 2, 101]
    assert geometry.time_of(7) == pytest.approx(0.07)


@pytest.mark.parametrize("n", [1, 2, 150, 201])
def test_waveforms_shorter_than_a_window_are_mirrored_to_and_fro(n):
    wave = harmonic(0.1)[:n]
    features = Features(Config(cmvn="none"), source=SOURCE)
    np.testing.assert_allclose(features(wave_frames([wave])).x_BTD[0], slow(wave, cmvn=False), atol=2e-5)


def test_loudness_does_not_matter():
    features, wave = Features(Config(cmvn="none"), source=SOURCE), harmonic(0.3)
    loud, quiet = (features(wave_frames([wave * gain])).x_BTD for gain in (1.0, 0.01))
    torch.testing.assert_close(loud, quiet, atol=1e-4, rtol=0)


def test_a_silent_waveform_stays_finite():
    assert torch.isfinite(Features(Config(), source=SOURCE)(wave_frames([np.zeros(900)])).x_BTD).all()


@pytest.mark.parametrize(
    "settings", [{"n_mels": 0}, {"n_fft": 200}, {"frame_shift": 0.0}, {"log_offset": 0.0}, {"preemphasis": 2.0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Features(Config(**settings), source=SOURCE)
    with pytest.raises(SonantError, match="at 16000 Hz"):
        Features(Config(), source=SOURCE)(wave_frames([np.zeros(900)], rate=8000))
