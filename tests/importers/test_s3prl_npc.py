from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sonant import build
from sonant.core import Frames, SonantError
from sonant.importers.s3prl_npc import convert, convert_method
from sonant.objectives.ahead import absolute_error


@pytest.fixture
def oracle(oracle_dir):
    folder = oracle_dir / "frame" / "s3prl_npc"
    if not folder.is_dir():
        pytest.skip("the oracles hold no frame/s3prl_npc")
    arrays = {name: torch.from_numpy(np.asarray(value)) for name, value in np.load(folder / "arrays.npz").items()}
    return folder, arrays, json.loads((folder / "config.json").read_text())["paras"]


def method_with(source, config):
    sections, tensors = convert_method(source, config)
    parts = ("features", "encoder", "context", "method")
    method = build.method_of(build.resolve({name: sections[name] for name in parts}))
    method.load_state_dict(tensors)
    return method.eval()


def test_every_array_equals_the_original(oracle):
    """The original takes zeros past an utterance for frames, so all 40 are given as real."""
    folder, io, paras = oracle
    method = method_with(folder / "model.safetensors", paras)
    with torch.no_grad():
        h, inner = method.context.forward_layers(Frames(io["x"], torch.tensor([40] * 3), method.context.geometry))
        prediction = method.predict(method.quantise(h)[0])
    torch.testing.assert_close(h.x_BTD, io["feature"], atol=1e-5, rtol=0)
    torch.testing.assert_close(prediction, io["pred"], atol=1e-5, rtol=0)
    for i in range(3):
        torch.testing.assert_close(inner[f"block_{i + 1}"].x_BTD, io["blocks"][i], atol=1e-5, rtol=0)
        torch.testing.assert_close(inner[f"masked_{i + 1}"].x_BTD, io["masked_convs"][i], atol=1e-5, rtol=0)
    loss = absolute_error(prediction, Frames(io["x"], io["lengths"], h.geometry)).total
    torch.testing.assert_close(loss, io["loss"], atol=1e-5, rtol=0)


def test_equals_the_original_where_padding_does_not_reach(oracle):
    folder, io, paras = oracle
    representation = build.convert("s3prl_npc", folder / "model.safetensors", paras)
    with torch.no_grad():
        h = representation.context(Frames(io["x"], io["lengths"], representation.geometry))
    for b, n in enumerate(io["lengths"].tolist()):
        kept = n if n == 40 else n - representation.context.future
        torch.testing.assert_close(h.x_BTD[b, :kept], io["feature"][b, :kept], atol=1e-5, rtol=0)


def test_training_files_say_all_that_the_weights_do_not(oracle, tmp_path):
    folder, io, paras = oracle
    paras = {
        **paras,
        "residual": False,
        "activate": "tanh",
        "dropout": 0.3,
        "vq": {**paras["vq"], "gumbel_temperature": 0.25},
    }
    config = {"model": {"paras": paras}, "data": {"audio": {"feat_type": "fbank", "frame_shift": 20, "cmvn": False}}}
    content = {
        "model": load_file(folder / "model.safetensors"),
        "config": config,
        "Config": {"runner": {"n_epochs": 100}},
        "Args": argparse.Namespace(upstream="npc", seed=1337),
        "Step": 2499,
    }
    torch.save(content, tmp_path / "states-2500.ckpt")
    sections, tensors = convert_method(tmp_path / "states-2500.ckpt")
    assert sections["context"] == {
        "name": "npc",
        "dim": 16,
        "blocks": 3,
        "kernel": 15,
        "mask": 5,
        "residual": False,
        "norm": "batch",
        "activation": "tanh",
        "dropout": 0.3,
        "every_block": True,
    }
    assert sections["method"] == {"name": "npc", "codes": [8, 8], "code_dims": [8, 8], "temperature": 0.25}
    features = sections["features"]
    assert (features["n_mels"], features["frame_shift"], features["window"], features["cmvn"]) == (
        20,
        0.02,
        "hamming",
        "none",
    )
    only, weights = convert(tmp_path / "states-2500.ckpt")
    assert "method" not in only
    assert set(weights) == {name for name in tensors if name.startswith("context.")}
    assert convert(tmp_path / "states-2500.ckpt", {"residual": True})[0]["context"]["residual"]


def test_audio_goes_in(oracle):
    folder, _, paras = oracle
    representation = build.convert("s3prl_npc", folder / "model.safetensors", paras)
    out = representation.encode_all(0.1 * torch.randn(2, 8000), torch.tensor([8000, 5000]))
    assert out["c"].x_BTD.shape == (2, 48, 16)
    assert representation.layers == ("z", "block_1", "block_2", "block_3", "masked_1", "masked_2", "masked_3", "c")


def made_up(
    *, blocks=2, dim=4, kernel=9, mask=3, norm=True, last_only=False, bottleneck=None
) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    state = {}
    for i in range(blocks):
        shapes = {"conv.weight": (dim, dim if i else 6, 3), "conv.bias": (dim,), "linear.weight": (dim, dim, 1)}
        shapes |= {"linear.bias": (dim,)}
        for bn in ("bn1", "bn2") if norm else ():
            shapes |= {f"{bn}.{part}": (dim,) for part in ("weight", "bias", "running_mean", "running_var")}
            state[f"blocks.{i}.{bn}.num_batches_tracked"] = torch.tensor(3)
        state |= {f"blocks.{i}.{name}": torch.rand(shape, generator=g) for name, shape in shapes.items()}
        if not last_only or i == blocks - 1:
            zeros = torch.ones(dim, dim, kernel)
            side = (kernel - mask - 2 * (i + 1)) // 2
            zeros[..., side:-side] = 0
            state[f"masked_convs.{i}.conv_mask"] = zeros
            state[f"masked_convs.{i}.conv.weight"] = torch.rand(dim, dim, kernel, generator=g)
            state[f"masked_convs.{i}.conv.bias"] = torch.rand(dim, generator=g)
    width = bottleneck or dim
    if bottleneck:
        state["ae_bottleneck.weight"] = torch.rand(bottleneck, dim, generator=g)
    return state | {"postnet.weight": torch.rand(6, width, generator=g), "postnet.bias": torch.rand(6, generator=g)}


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("bottleneck", [None, 3])
def test_architecture_is_read_from_the_shapes(norm, last_only, bottleneck, tmp_path):
    save_file(made_up(norm=norm, last_only=last_only, bottleneck=bottleneck), tmp_path / "model.safetensors")
    method = method_with(tmp_path / "model.safetensors", None)
    cfg = method.context.cfg
    assert (cfg.blocks, cfg.dim, cfg.kernel, cfg.mask) == (2, 4, 9, 3)
    assert (cfg.norm, cfg.every_block) == ("batch" if norm else "none", not last_only)
    assert (method.quantise, method.cfg.bottleneck) == (None, bottleneck)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("blocks.1.conv.bias"), "lacks blocks.1.conv.bias"),
        (lambda s: s.pop("postnet.weight"), "postnet.weight"),
        (lambda s: s.pop("masked_convs.1.conv.weight"), "masked_convs"),
        (lambda s: s.update({"extra": torch.zeros(1)}), "unexpected extra"),
        (lambda s: s.update({"note": "hello"}), "note hold something else"),
        (
            lambda s: s.update({"blocks.0.linear.weight": torch.zeros(4, 5, 1)}),
            "another shape for context.blocks.0.linear",
        ),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    state = made_up()
    change(state)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("s3prl_npc", state)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"activate": "gelu"}, "activate 'gelu'"),
        ({"data": {"audio": {"feat_type": "mfcc"}}}, "on 'mfcc'"),
    ],
)
def test_settings_without_counterpart_are_told(config, message):
    with pytest.raises(SonantError, match=message):
        convert(made_up(), config)


def test_a_mask_that_leaves_no_tap_is_told():
    state = {name: value for name, value in made_up().items() if not name.endswith("conv_mask")}
    assert convert(state, {"mask_size": 3})[0]["context"]["mask"] == 3
    with pytest.raises(SonantError, match="mask_size 5 leave block 1 no tap"):
        convert(state)


def test_other_checkpoints_are_told_apart():
    with pytest.raises(SonantError, match="neither 'model' nor 'blocks.\\*'.*encoder.layers.0"):
        convert({"encoder.layers.0": torch.zeros(1)})
