"""Encoders of sslsv against what that code computes with them."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.core import SonantError

safetensors = pytest.importorskip("safetensors.torch")

# Norms over a batch of three amplify rounding: what float32 leaves of training outputs in the reference itself.
TRAINING = {
    "resnet34_sap_base8": 1e-5,
    "resnet34_stats_base8_mel80_lastbn": 3e-3,
    "resnet34_nopool_base8": 2e-4,
    "ecapa_small": 5e-5,
    "ecapa_small_mel80_nopool": 5e-5,
    "tdnn_small": 2e-5,
}


@pytest.fixture(scope="module")
def folder(oracle_dir):
    return oracle_dir / "speaker"


@pytest.fixture(scope="module")
def given(folder):
    return safetensors.load_file(folder / "encoders_io.safetensors")


def outputs(model, wave_BL):
    """Vectors, or frames as (B, D, T)."""
    with torch.no_grad():
        return model.embed(wave_BL) if model.embedding else model.encode(wave_BL).x_BTD.transpose(1, 2)


@pytest.mark.parametrize("name", TRAINING)
def test_vectors_and_frames_are_those_of_sslsv(name, folder, given):
    model = build.convert("sslsv", folder / f"sslsv_{name}.safetensors")
    for which in "ab":
        found = outputs(model, given[f"wave_{which}"])
        torch.testing.assert_close(found, given[f"sslsv_{name}.out_{which}"], atol=1e-5, rtol=0)
    training = outputs(model.double().train(), given["wave_a"].double()).float()
    torch.testing.assert_close(training, given[f"sslsv_{name}.train_mode_out_a"], atol=TRAINING[name], rtol=0)


@pytest.mark.parametrize("name", ["simclr", "moco", "dino", "simclr_container"])
def test_methods_give_their_encoder_and_dino_its_teacher(name, folder, given):
    suffix = "pt" if name.endswith("container") else "safetensors"
    model = build.convert("sslsv", folder / f"sslsv_method_{name}.{suffix}")
    expected = given[f"sslsv_method_{name.removesuffix('_container')}.embedding_of_wave_a"]
    torch.testing.assert_close(outputs(model, given["wave_a"]), expected, atol=1e-5, rtol=0)


def test_alone_as_in_a_padded_batch(folder, given):
    model = build.convert("sslsv", folder / "sslsv_resnet34_sap_base8.safetensors").double()
    wave_BL, lengths = given["wave_a"].double(), [24000, 9001, 17777]
    together = model.embed(wave_BL, torch.tensor(lengths))
    for b, n in enumerate(lengths):
        torch.testing.assert_close(together[b], model.embed(wave_BL[b : b + 1, :n])[0], rtol=1e-9, atol=1e-9)


def test_the_student_of_dino_when_asked(folder, given):
    path = folder / "sslsv_method_dino.safetensors"
    student = build.convert("sslsv", path, {"body": "encoder"})
    teacher = build.convert("sslsv", path, {"body": "encoder_momentum"})
    expected = given["sslsv_method_dino.embedding_of_wave_a"]
    torch.testing.assert_close(outputs(teacher, given["wave_a"]), expected, atol=1e-5, rtol=0)
    own = safetensors.load_file(path)
    torch.testing.assert_close(student.encoder.local.stem.weight, own["encoder.conv.weight"])


def test_a_checkpoint_becomes_a_model_folder(folder, given, tmp_path):
    model = build.convert("sslsv", folder / "sslsv_method_simclr_container.pt")
    build.save(model, tmp_path / "model")
    loaded = build.load(tmp_path / "model")
    assert torch.equal(outputs(model, given["wave_b"]), outputs(loaded, given["wave_b"]))


def test_without_its_buffers_it_asks_for_the_filters(folder, given):
    weights = safetensors.load_file(folder / "sslsv_resnet34_stats_base8_mel80_lastbn.safetensors")
    bare = {key: value for key, value in weights.items() if not key.startswith("features_extractor")}
    with pytest.raises(SonantError, match="give n_mels"):
        build.convert("sslsv", bare)
    with pytest.raises(SonantError, match="is n_mels right"):
        build.convert("sslsv", bare, {"n_mels": 48})
    model = build.convert("sslsv", bare, {"n_mels": 80})
    expected = given["sslsv_resnet34_stats_base8_mel80_lastbn.out_a"]
    torch.testing.assert_close(outputs(model, given["wave_a"]), expected, atol=1e-5, rtol=0)


def test_a_window_of_hann_is_recognised(folder):
    weights = safetensors.load_file(folder / "sslsv_tdnn_small.safetensors")
    weights["features_extractor.0.spectrogram.window"] = torch.hann_window(400)
    assert build.convert("sslsv", weights).config["features"]["window"] == "hann"
    weights["features_extractor.0.spectrogram.window"] = torch.ones(400)
    with pytest.raises(SonantError, match="neither Hamming nor Hann"):
        build.convert("sslsv", weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block1.0.conv1.weight": None}, "no ResNet34, ECAPA-TDNN or TDNN"),
        ({"block2.1.conv1.weight": None}, "lacks encoder.local.stages.1.1.conv1.weight"),
        ({"block2.1.conv9.weight": torch.zeros(2)}, "unexpected block2.1.conv9.weight"),
        ({"fc.weight": None}, "embedding.linear.weight"),
        ({"block1.0.bn1.weight": torch.zeros(3)}, "another shape"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_damage_is_told(folder, change, message):
    weights = safetensors.load_file(folder / "sslsv_resnet34_sap_base8.safetensors") | change
    with pytest.raises(SonantError, match=message):
        build.convert("sslsv", {key: value for key, value in weights.items() if value is not None})


def test_other_bodies_are_refused(folder):
    path = folder / "sslsv_method_simclr.safetensors"
    with pytest.raises(SonantError, match="no 'encoder_momentum"):
        build.convert("sslsv", path, {"body": "encoder_momentum"})
    with pytest.raises(SonantError, match="encoder_momentum"):
        build.convert("sslsv", path, {"body": "teacher"})


def test_simple_audio_cnn_is_its_five_convolutions():
    """Without bias, batch norms under the name ln, on the waveform; 64 channels out of 12."""
    torch.manual_seed(0)
    kernels, strides, zeros, dims = (10, 8, 4, 4, 4), (5, 4, 2, 2, 2), (3, 2, 1, 1, 1), (1, 12, 12, 12, 12, 64)
    wave_BL = 0.1 * torch.randn(2, 2400)
    weights, x = {}, wave_BL[:, None]
    for i, (kernel, stride, padding) in enumerate(zip(kernels, strides, zeros, strict=True)):
        conv = torch.nn.Conv1d(dims[i], dims[i + 1], kernel, stride=stride, padding=padding, bias=False)
        norm = torch.nn.BatchNorm1d(dims[i + 1]).eval()
        norm.running_mean.normal_()
        for name, module in (("conv", conv), ("ln", norm)):
            weights |= {f"encoder.blocks.{i}.{name}.{key}": value for key, value in module.state_dict().items()}
        x = norm(conv(x)).relu()
    representation = build.convert("sslsv", {"model": weights, "epoch": 3})
    assert representation.embedding is None
    out = representation.encode(wave_BL).x_BTD
    torch.testing.assert_close(out.transpose(1, 2), x, rtol=0, atol=1e-5)
