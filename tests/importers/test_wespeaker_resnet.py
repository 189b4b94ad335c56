"""ResNet34 of wespeaker against what that code computes with it."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.core import SonantError

safetensors = pytest.importorskip("safetensors.torch")
NAMES = ["wespeaker_resnet34_m8_emb64", "wespeaker_resnet34_m8_two_emb"]


@pytest.fixture(scope="module")
def folder(oracle_dir):
    return oracle_dir / "speaker"


@pytest.fixture(scope="module")
def given(folder):
    return safetensors.load_file(folder / "encoders_io.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_those_of_wespeaker(name, folder, given):
    model = build.convert("wespeaker_resnet", folder / f"{name}.safetensors")
    with torch.no_grad():
        for which in "ab":
            torch.testing.assert_close(
                model.embed(given[f"fbank_{which}"]), given[f"{name}.out_{which}"], atol=1e-5, rtol=0
            )
        training = model.double().train().embed(given["fbank_a"].double()).float()
    torch.testing.assert_close(training, given[f"{name}.train_mode_out_a"], atol=2e-5, rtol=0)


def test_alone_as_in_a_padded_batch(folder, given):
    model = build.convert("wespeaker_resnet", folder / f"{NAMES[0]}.safetensors").double()
    fbank_BTD, lengths = given["fbank_a"].double(), [180, 91, 64]
    together = model.embed(fbank_BTD, torch.tensor(lengths))
    for b, n in enumerate(lengths):
        torch.testing.assert_close(together[b], model.embed(fbank_BTD[b : b + 1, :n])[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("wrap", ["module", "state_dict", "simclr", "moco", "dino"])
def test_what_training_puts_around_it_comes_off(wrap, folder, given):
    weights = safetensors.load_file(folder / f"{NAMES[0]}.safetensors")
    other = {key: torch.zeros_like(value) for key, value in weights.items()}
    head = {"projection.weight": torch.zeros(7, 64)}
    wrapped = {
        "module": {f"module.{key}": value for key, value in (weights | head).items()},
        "state_dict": {"state_dict": weights | head},
        "simclr": {f"encoder.{key}": value for key, value in (weights | {"mlp.0.weight": torch.zeros(2)}).items()},
        "moco": {
            **{f"encoder_q.{key}": value for key, value in weights.items()},
            **{f"encoder_k.{key}": value for key, value in other.items()},
            "queue": torch.zeros(64, 5),
            "queue_ptr": torch.tensor(0),
        },
        "dino": {
            "model": {
                **{f"s_model.{key}": value for key, value in other.items()},
                **{f"t_model.{key}": value for key, value in weights.items()},
                "t_model.projection_head.last.weight": torch.zeros(2, 2),
                "dino_loss_calculator.center": torch.zeros(1, 9),
            },
            "optimizer": {"state": {}},
        },
    }[wrap]
    with torch.no_grad():
        found = build.convert("wespeaker_resnet", wrapped).embed(given["fbank_a"])
    torch.testing.assert_close(found, given[f"{NAMES[0]}.out_a"], atol=1e-5, rtol=0)


def test_the_filter_bank_is_kaldis(folder):
    """Hamming window, samples times 32768, mean taken off, as torchaudio's ``kaldi.fbank`` and Kaldi have it."""
    kaldi = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not installed")
    model = build.convert("wespeaker_resnet", folder / f"{NAMES[0]}.safetensors")
    wave_L = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    options = kaldi.FbankOptions()
    options.frame_opts.dither, options.frame_opts.window_type = 0.0, "hamming"
    options.mel_opts.num_bins = 80
    online = kaldi.OnlineFbank(options)
    online.accept_waveform(16000, (wave_L * 32768).tolist())
    online.input_finished()
    expected_TD = torch.stack([torch.tensor(online.get_frame(t)) for t in range(online.num_frames_ready)])
    found_TD = model.encoder.features(model._frames(wave_L, None)).x_BTD[0]
    torch.testing.assert_close(found_TD, expected_TD - expected_TD.mean(0), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seg_1.weight": None}, "no 'layer1.0.conv1.weight'"),
        ({"layer1.0.conv3.weight": torch.zeros(1)}, "bottleneck"),
        ({"layer2.1.bn1.bias": None}, "lacks encoder.local.stages.1.1.norm1.bias"),
        ({"pool.linear1.weight": torch.zeros(1)}, "unexpected pool.linear1.weight"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_damage_is_told(folder, change, message):
    weights = safetensors.load_file(folder / f"{NAMES[0]}.safetensors") | change
    with pytest.raises(SonantError, match=message):
        build.convert("wespeaker_resnet", {key: value for key, value in weights.items() if value is not None})
