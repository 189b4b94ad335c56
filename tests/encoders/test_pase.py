from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from sonant import build
from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.pase import Config, Encoder
from sonant.importers._pase import to_our_names
from sonant.importers.pase import NAMES

RECIPE = {"dim": 100, "kernels": (251, 21, *(11,) * 6), "padding": "centred", "slopes": "one", "lowest_hz": 50.0}
SMALL = {"channels": (4, 6, 6, 8), "kernels": (31, 20, 11, 4), "strides": (1, 4, 2, 2), "dim": 10, "rnn_dim": 8}
BOTH = ["encoder_paseplus_small", "encoder_pase_small"]


def stored(oracle_dir, name, **change) -> tuple[Encoder, dict[str, torch.Tensor]]:
    """An encoder of the authors with their weights, some settings changed, and what it gave."""
    with safe_open(oracle_dir / "pase" / f"{name}.safetensors", "pt") as file:
        names = file.keys()
        weights, config = {key: file.get_tensor(key) for key in names}, json.loads(file.metadata()["config"])
    settings = build.convert("pase", weights, config).config["encoder"]
    settings = {key: value for key, value in settings.items() if key != "name"} | change
    encoder = Encoder(Config(**settings), source=FrameGeometry(16000))
    encoder.load_state_dict(to_our_names(weights, NAMES, toolkit="PASE"))
    with np.load(oracle_dir / "pase" / f"{name}.npz", allow_pickle=False) as io:
        arrays = {key: torch.from_numpy(io[key]) for key in io}
    return encoder.eval(), arrays


def frames(wave_i16: torch.Tensor) -> Frames:
    return Frames.of_wave(wave_i16.reshape(-1, wave_i16.shape[-1]).float() / 32768, None, 16000)


@pytest.mark.parametrize("name", BOTH)
def test_equals_the_original_block_by_block(oracle_dir, name):
    encoder, io = stored(oracle_dir, name)
    wave = frames(io["wav_i16"])
    with torch.no_grad():
        blocks = [kept.x_BCT for kept in encoder.outputs_of(wave.x_BTD[:, :, 0])]
        for i, x_BCT in enumerate(blocks):
            want = io[f"act_block{i}"]
            torch.testing.assert_close(x_BCT[:, :, : want.shape[2]], want, rtol=0, atol=1e-4)
        memory = encoder._recur(blocks[-1].transpose(1, 2), None)
        if "act_rnn_out_TBC" in io:
            torch.testing.assert_close(memory.transpose(0, 1), io["act_rnn_out_TBC"], rtol=0, atol=1e-4)
        torch.testing.assert_close(encoder.linear(memory).mT, io["act_W_out"], rtol=0, atol=1e-4)
        torch.testing.assert_close(encoder(wave).x_BTD.mT, io["emb"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("length", [31999, 32001, 12345, 1600, 4801])
def test_equals_the_original_at_any_length(oracle_dir, name, length):
    encoder, io = stored(oracle_dir, name)
    wave = torch.cat([io["wav_i16"], io["wav_i16"][:1000]])[:length]
    with torch.no_grad():
        out = encoder(frames(wave)).x_BTD
    assert out.shape[1] == encoder.geometry.frames(length)
    torch.testing.assert_close(out.mT, io[f"emb_len{length}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("output", ["avg_norm", "avg_concat", "avg_norm_concat"])
def test_means_equal_the_original(oracle_dir, name, output):
    encoder, io = stored(oracle_dir, name, output=output)
    with torch.no_grad():
        out = encoder(frames(io["wav_i16"])).x_BTD
    assert out.shape[2] == encoder.dim
    torch.testing.assert_close(out[:, :50].mT, io[f"emb_{output}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", BOTH)
def test_training_equals_the_original(oracle_dir, name):
    """Embeddings with the statistics of the batch, gradients, running statistics after one step."""
    encoder, io = stored(oracle_dir, name)
    out_BDT = encoder.train()(frames(io["train_wav_i16"])).x_BTD.mT
    torch.testing.assert_close(out_BDT, io["train_emb"], rtol=0, atol=1e-4)
    (out_BDT * io["train_probe"]).mean().backward()
    named = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
    checked = 0
    for key, want in io.items():
        kind, _, theirs = key.partition(".")
        if kind not in ("grad", "after_train_step"):
            continue
        ((ours, _),) = to_our_names({theirs: want}, NAMES, toolkit="PASE").items()
        value = named[ours].grad if kind == "grad" else named[ours]
        scale = want.abs().max().item()
        torch.testing.assert_close(value, want.reshape(value.shape), rtol=0, atol=1e-3 * scale + 1e-7, msg=key)
        checked += 1
    assert checked >= 40


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 7_832_896),
        ({"rnn": "none", "skips": "none", "dim": 100}, 5_818_020),
        ({"skips": "all", **RECIPE}, 7_586_604),
        ({"rnn": "none", "skips": "none", **RECIPE}, 5_820_204),
    ],
    ids=["PASE+", "PASE", "recipe", "recipe without QRNN and skips"],
)
def test_has_as_many_parameters_as_published(settings, count):
    encoder = Encoder(Config(**settings), source=FrameGeometry(16000))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count


def test_frames_are_ten_milliseconds():
    encoder = Encoder(Config(), source=FrameGeometry(16000))
    lengths = {16000: 100, 32000: 200, 100000: 625, 32001: 200, 15999: 100, 1600: 10, 15990: 99}
    assert {n: encoder.geometry.frames(n) for n in lengths} == lengths
    assert encoder.geometry.hop == 160
    assert Encoder(Config(**RECIPE), source=FrameGeometry(16000)).geometry.frames(15841) == 100


def test_slopes_start_as_published():
    source = FrameGeometry(16000)
    assert [p.tolist() for p in Encoder(Config(**SMALL), source=source).blocks[0].act.parameters()][-1] == [0.0] * 4
    one = Encoder(Config(**SMALL, slopes="one"), source=source)
    assert one.blocks[0].act.slope.tolist() == [0.25]


@pytest.mark.parametrize("rnn", ["qrnn", "gru", "none"])
def test_padding_changes_nothing_in_training(rnn):
    """Statistics are of real frames only, whatever the padding holds."""
    lengths = torch.tensor([900, 411, 700])
    wave = torch.randn(3, 900, dtype=torch.float64)
    outs = []
    for size in (900, 1200):
        torch.manual_seed(0)
        encoder = Encoder(Config(**SMALL, rnn=rnn), source=FrameGeometry(16000)).double().train()
        x = torch.full((3, size), 7.0, dtype=torch.float64)
        x[:, :900] = wave
        out = encoder(Frames.of_wave(x, lengths, 16000))
        out.x_BTD.square().sum().backward()
        outs.append((torch.cat(out.unpad()), encoder))
    torch.testing.assert_close(outs[0][0], outs[1][0])
    assert torch.isfinite(outs[0][0]).all()
    for (name, one), other in zip(outs[0][1].named_parameters(), outs[1][1].parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_every_weight_learns():
    torch.manual_seed(0)
    encoder = Encoder(Config(**SMALL), source=FrameGeometry(16000)).train()
    out = encoder(Frames.of_wave(torch.randn(2, 2000), None, 16000)).x_BTD
    (out * torch.randn_like(out)).sum().backward()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernels": (251,)}, "same length"),
        ({"strides": (300, *(1,) * 7)}, "skip samples"),
        ({"dim": 0}, "at least 1"),
        ({"rnn": "lstm", "rnn_dim": 5}, "even"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(SonantError, match=message):
        Config(**settings)
    with pytest.raises(SonantError, match="leave out 'features'"):
        Encoder(Config(**SMALL), source=FrameGeometry(16000, hop=160, window=400), in_dim=40)
