from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.sinc import SincConv


def loaded(conv: SincConv, low_hz, band_hz) -> SincConv:
    with torch.no_grad():
        conv.low_hz.copy_(torch.as_tensor(low_hz).flatten())
        conv.band_hz.copy_(torch.as_tensor(band_hz).flatten())
    return conv


@pytest.mark.parametrize(
    ("case", "filters", "kernel", "stride"),
    [("default64x251", 64, 251, 1), ("stride4", 10, 251, 4), ("even250", 6, 250, 1)],
)
def test_equals_pase(oracle_dir, case, filters, kernel, stride):
    """With reflection at the ends; negative parameters and a band beyond half the rate among them."""
    conv = SincConv(filters, kernel=kernel, stride=stride, sample_rate=16000, padding="reflect")
    with np.load(oracle_dir / "pase" / "sincconv.npz", allow_pickle=False) as arrays:
        wave = torch.from_numpy(arrays["wav_i16"].astype(np.float32) / 32768)[None]
        low_hz, band_hz, taps, want = (arrays[f"{case}_{name}"] for name in ("low_hz", "band_hz", "filters", "out"))
    if case == "default64x251":
        torch.testing.assert_close(conv.low_hz.detach(), torch.from_numpy(low_hz[:, 0]), rtol=0, atol=0)
        torch.testing.assert_close(conv.band_hz.detach(), torch.from_numpy(band_hz[:, 0]), rtol=0, atol=0)
    loaded(conv, low_hz, band_hz)
    with torch.no_grad():
        torch.testing.assert_close(conv.filters(), torch.from_numpy(taps[:, 0]), rtol=0, atol=1e-5)
        out = conv(Frames.of_wave(wave, None, 16000)).x_BTD.transpose(1, 2)
    torch.testing.assert_close(out[:, : want.shape[1]], torch.from_numpy(want), rtol=0, atol=1e-6)


def test_equals_the_layer_of_ssl_for_slr(oracle_dir):
    """Zeros at the ends, as Keras pads what the stride divides; its first parameters too."""
    io = load_file(oracle_dir / "speaker" / "seed_tf_io.safetensors")
    conv = SincConv(16, kernel=33, stride=5, sample_rate=16000)
    assert torch.equal(conv.low_hz.detach(), io["seed_sincconv.low_hz"])
    assert torch.equal(conv.band_hz.detach(), io["seed_sincconv.band_hz"])
    with torch.no_grad():
        out = conv(Frames.of_wave(io["seed_sincconv.in"][:, :, 0], None, 16000))
    torch.testing.assert_close(out.x_BTD, io["seed_sincconv.out"], rtol=0, atol=1e-5)


def test_passes_what_lies_between_its_edges():
    """At 251 taps a filter is at least 20 dB louder in the middle of its band than 500 Hz outside."""
    conv = loaded(SincConv(1, kernel=251, sample_rate=16000), [950.0], [950.0])
    low, high = (edge.item() for edge in conv.edges())
    assert (low, high) == (1000.0, 2000.0)
    spectrum = torch.fft.rfft(conv.filters().detach()[0], n=16000).abs()
    assert spectrum[1500] > 10 * max(spectrum[500], spectrum[2500])


def test_edges_stay_in_range_wherever_training_leads():
    conv = loaded(SincConv(3, kernel=31, sample_rate=16000), [-8000.0, 7990.0, 0.0], [0.0, -1e6, 0.0])
    low, high = conv.edges()
    assert low.tolist() == [7950.0, 7950.0, 50.0]
    assert high.tolist() == [8000.0, 8000.0, 100.0]
    conv.filters().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in conv.parameters())


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("stride", [1, 4])
def test_alone_equals_inside_a_batch(padding, stride):
    conv = SincConv(4, kernel=11, stride=stride, sample_rate=16000, padding=padding).double()
    lengths = [50, 31, 12, 3]
    wave = torch.randn(4, 50, dtype=torch.float64)
    out = conv(Frames.of_wave(wave, torch.tensor(lengths), 16000))
    assert out.geometry == conv.stack(FrameGeometry(16000))
    for b, n in enumerate(lengths):
        alone = conv(Frames.of_wave(wave[b : b + 1, :n], None, 16000)).x_BTD[0]
        torch.testing.assert_close(out.unpad()[b], alone, rtol=0, atol=1e-12)
        assert padding == "reflect" or len(alone) == n // stride


def test_impossible_settings_are_refused():
    with pytest.raises(SonantError, match="kernel of at least 3"):
        SincConv(4, kernel=5, stride=8, sample_rate=16000)
    with pytest.raises(SonantError, match="lowest_hz"):
        SincConv(4, kernel=5, sample_rate=16000, lowest_hz=7950)
    with pytest.raises(SonantError, match="one channel"):
        SincConv(4, kernel=5, sample_rate=16000)(Frames(torch.zeros(1, 9, 2), torch.tensor([9]), FrameGeometry(16000)))
