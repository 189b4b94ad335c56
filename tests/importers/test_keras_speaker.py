from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from sonant import build
from sonant.core import SonantError
from sonant.importers.keras_speaker import convert


def same(x_BTC, kernel, stride=1, bias=None):
    """Keras's convolution with padding SAME, kernel (k, in, out)."""
    size, length = kernel.shape[0], x_BTC.shape[1]
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    x_BCT = F.pad(x_BTC.transpose(1, 2), (total // 2, total - total // 2))
    return F.conv1d(x_BCT, kernel.permute(2, 1, 0), bias, stride=stride).transpose(1, 2)


def layer_norm(x_BTC, gamma, beta):
    return F.layer_norm(x_BTC, gamma.shape, gamma, beta, 1e-3)


def named(arrays: list[tuple[str, torch.Tensor]]) -> dict:
    return {f"{i:03d}|{name}:0": value for i, (name, value) in enumerate(arrays)}


def norm_layer(name: str, dim: int, *, running: bool) -> list:
    arrays = [(f"{name}/gamma", torch.rand(dim) + 0.5), (f"{name}/beta", torch.randn(dim))]
    if running:
        arrays += [(f"{name}/moving_mean", torch.randn(dim)), (f"{name}/moving_variance", 1e-3 * torch.rand(dim))]
    return arrays


def convolutions(*, hidden=6, dim=4, sinc=False) -> list:
    """The CPC encoder, or the part of the SincNet encoder above its filters."""
    arrays, before = [], 1
    for i, size in enumerate((10, 8, 4, 4, 4)):
        last = dim if i == 4 and not sinc else hidden
        if not (sinc and i == 0):
            kernel = torch.randn(size, before, last) / (size * before) ** 0.5
            arrays += [(f"conv1d_{i}/kernel", kernel), (f"conv1d_{i}/bias", torch.randn(last))]
        arrays += norm_layer(f"layer_normalization_{i}", last, running=False)
        before = last
    return arrays


def time_delays(dims=(6, 6, 6, 6, 4), size=40) -> list:
    arrays = []
    for i, (kernel, before, dim) in enumerate(zip((5, 5, 7, 1, 1), (size, *dims[:-1]), dims, strict=True)):
        arrays.append((f"tdnn_{i}/kernel", torch.randn(kernel, before, dim) / 3))
        arrays += norm_layer(f"tdnn_{i}/batch_normalization_{i}", dim, running=True)
    return arrays


def test_thin_resnet_equals_the_original(oracle_dir):
    """From energies, as Keras takes them; the logarithm is part of the features here."""
    representation = build.convert("keras_speaker", oracle_dir / "speaker" / "seed_thinresnet34_scale0.25.safetensors")
    io = load_file(oracle_dir / "speaker" / "seed_tf_io.safetensors")
    name = "seed_thinresnet34_scale0.25"
    with torch.no_grad():
        out = representation.embed((io[f"{name}.in"] + 1e-6).log())
        assert representation.embed(torch.randn(2, 8000)).shape == (2, 64)
    torch.testing.assert_close(out, io[f"{name}.out"], rtol=0, atol=1e-5)


def test_cpc_encoder_computes_what_keras_does(oracle_dir, tmp_path):
    """On the input of the stored case, whose weights are not stored: its 25 frames. From a file of half precision."""
    torch.manual_seed(0)
    arrays = named(convolutions())
    np.savez(tmp_path / "encoder.npz", **{key: value.half().numpy() for key, value in arrays.items()})
    io = load_file(oracle_dir / "speaker" / "seed_tf_io.safetensors")
    x, values = io["seed_cpc_encoder_fp16weights.in"], [value.half().float() for value in arrays.values()]
    wave, stored = x[:, :, 0], io["seed_cpc_encoder_fp16weights.out"]
    for i, stride in enumerate((5, 4, 2, 2, 2)):
        kernel, bias, gamma, beta = values[4 * i : 4 * i + 4]
        x = layer_norm(same(x, kernel, stride, bias), gamma, beta).relu()
    representation = build.convert("keras_speaker", tmp_path / "encoder.npz")
    out = representation.encode(wave).x_BTD
    assert out.shape[:2] == stored.shape[:2]
    torch.testing.assert_close(out, x, rtol=0, atol=1e-5)


def test_xvector_keeps_the_mask_it_was_trained_with(oracle_dir):
    """Above the first layer nothing but input channel 0 of the outer taps, which is a defect of the original."""
    torch.manual_seed(0)
    arrays = named(time_delays())
    io = load_file(oracle_dir / "speaker" / "seed_tf_io.safetensors")
    x, values = io["seed_xvector_fp16weights.in"], list(arrays.values())
    energies = x
    for i in range(5):
        kernel, gamma, beta, mean, var = values[5 * i : 5 * i + 5]
        mask = torch.zeros_like(kernel)
        mask[0, 0] = mask[-1, 0] = 1
        x = same(x, kernel if i == 0 else kernel * mask).relu()
        x = F.batch_norm(x.transpose(1, 2), mean, var, gamma, beta, eps=1e-3).transpose(1, 2)
    want = torch.cat([x.mean(1), x.std(1, unbiased=False)], dim=1)
    representation = build.convert("keras_speaker", arrays)
    torch.testing.assert_close(representation.embed(energies), want, rtol=1e-5, atol=1e-5)
    assert representation.config["features"]["log"] is False
    assert representation.embed(torch.randn(2, 8000)).shape == (2, 8)


def test_sinc_encoder_computes_what_keras_does():
    torch.manual_seed(0)
    filters = [("sinc_conv/low_hz", 1000 * torch.rand(6)), ("sinc_conv/band_hz", 1000 * torch.rand(6))]
    last = [("conv1d_9/kernel", torch.randn(1, 6, 3)), ("conv1d_9/bias", torch.randn(3))]
    arrays = named([*filters, *convolutions(sinc=True), *last, *norm_layer("layer_normalization_9", 3, running=False)])
    representation = build.convert("keras_speaker", arrays)
    wave = torch.randn(2, 3200)
    values, encoder = list(arrays.values())[2:], representation.encoder
    x = same(wave[:, :, None], encoder.sinc.filters().detach().T[:, None], 5)
    x, values = layer_norm(x, *values[:2]).relu(), values[2:]
    for stride in (4, 2, 2, 2):
        x, values = layer_norm(same(x, values[0], stride, values[1]), *values[2:4]).relu(), values[4:]
    x = layer_norm(same(x, values[0], 1, values[1]), *values[2:4])
    torch.testing.assert_close(representation.encode(wave).x_BTD, x, rtol=0, atol=1e-5)
    assert torch.equal(encoder.sinc.low_hz.detach(), filters[0][1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"conv1d/kernel": torch.zeros(1)}, "help\\(sonant.importers.keras_speaker\\)"),
        (named([("gate/tg_biases", torch.zeros(128))]), "Wav2Spk"),
        (named([("dense/kernel", torch.zeros(2, 3))]), "none of the encoders"),
        (named(convolutions()[:-2]), "should have gamma, beta"),
        (named([*convolutions(), ("dense/kernel", torch.zeros(2, 2, 2))]), "too many: kernel"),
        (named([time_delays()[0], *time_delays()[2:]]), "should have gamma, beta, moving_mean"),
    ],
)
def test_what_does_not_fit_is_told(arrays, message):
    with pytest.raises(SonantError, match=message) as caught:
        convert(arrays)
    assert "\n" not in str(caught.value)


def test_features_and_rate_can_be_told():
    sections, _ = convert(named(time_delays()), {"features": {"name": "arrays", "dim": 40}, "sample_rate": 8000})
    assert sections["features"] == {"name": "arrays", "dim": 40}
    assert sections["sample_rate"] == 8000
    with pytest.raises(SonantError, match="unknown key 'rate'"):
        convert(named(time_delays()), {"rate": 8000})
