from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from sonant import build
from sonant.core import Frames, SonantError
from sonant.importers.s3prl_transformer import convert, convert_method
from sonant.nn.full_attention import sinusoids
from sonant.objectives.masking import masked_error


@pytest.fixture
def oracle(oracle_dir):
    folder = oracle_dir / "frame" / "s3prl_transformer"
    if not folder.is_dir():
        pytest.skip("the oracles hold no frame/s3prl_transformer")
    arrays = {name: torch.from_numpy(np.asarray(value)) for name, value in np.load(folder / "arrays.npz").items()}
    return folder, arrays, json.loads((folder / "config.json").read_text())["transformer"]


def method_with(source, config=None):
    sections, tensors = convert_method(source, config)
    parts = ("features", "encoder", "context", "method")
    method = build.method_of(build.resolve({name: sections[name] for name in parts}))
    method.load_state_dict(tensors)
    return method.eval()


def test_every_array_equals_the_original(oracle):
    folder, io, settings = oracle
    states = {
        "Transformer": load_file(folder / "transformer.safetensors"),
        "SpecHead": load_file(folder / "spechead.safetensors"),
    }
    method = method_with(states, settings)
    masked, target = (
        Frames(io[name], io["lengths"], method.context.geometry) for name in ("spec_masked", "spec_target")
    )
    real = masked.mask_BT
    assert torch.equal(real, io["attention_mask"].bool())
    with torch.no_grad():
        c, inner = method.context.forward_layers(masked)
        state = method.head.norm(F.gelu(method.head.hidden(c.x_BTD)))
        prediction = method.head(c.x_BTD)

    def same(ours, theirs):
        torch.testing.assert_close(ours[real], theirs[real], atol=1e-5, rtol=0)

    torch.testing.assert_close(sinusoids(24, 24), io["pos_enc"], atol=1e-6, rtol=0)
    for i, layer in enumerate([*inner.values(), c]):
        same(layer.x_BTD, io["hidden_states"][i])
    same(c.x_BTD, io["last_hidden"])
    same(state, io["pred_state"])
    same(prediction, io["pred"])
    for norm, name in (("absolute", "loss_l1"), ("square", "loss_mse")):
        error, count = masked_error(prediction, target, io["mask_label"], norm=norm)
        torch.testing.assert_close(error, io[name], atol=1e-5, rtol=0)
        assert int(count) == int(io["mask_label"].sum())


def made_up(*, dim=8, layers=2, ff=12, inputs=6, pre=False, shared=False, old=False, seed=0) -> dict[str, torch.Tensor]:
    """A Transformer with the names and shapes of the toolkit and random numbers."""
    g = torch.Generator().manual_seed(seed)
    weight, bias = ("gamma", "beta") if old else ("weight", "bias")

    def linear(name, rows, columns):
        return {f"{name}.weight": torch.rand(rows, columns, generator=g), f"{name}.bias": torch.rand(rows, generator=g)}

    def norm(name):
        return {f"{name}.{weight}": torch.rand(dim, generator=g), f"{name}.{bias}": torch.rand(dim, generator=g)}

    enter = "input_representations"
    state = linear(f"{enter}.spec_transform", dim, inputs) | norm(f"{enter}.LayerNorm")
    for i in range(layers):
        if shared and i:
            first = {key: value for key, value in state.items() if key.startswith("encoder.layer.0.")}
            state |= {key.replace("layer.0.", f"layer.{i}."): value.clone() for key, value in first.items()}
            continue
        below = f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            state |= linear(f"{below}.attention.self.{name}", dim, dim)
        state |= linear(f"{below}.attention.output.dense", dim, dim) | norm(f"{below}.attention.output.LayerNorm")
        state |= linear(f"{below}.intermediate.dense", ff, dim) | linear(f"{below}.output.dense", dim, ff)
        state |= norm(f"{below}.output.LayerNorm")
        for part in (weight, bias) if pre else ():
            state[f"{below}.attention.LayerNorm.{part}"] = state[f"{below}.attention.output.LayerNorm.{part}"].clone()
            state[f"{below}.LayerNorm.{part}"] = state[f"{below}.output.LayerNorm.{part}"].clone()
    for i in range(layers + 1 if pre else 0):
        state |= norm(f"encoder.LayerNorm.{i}")
    return state


def head(dim=8, outputs=6) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(9)
    shapes = {"dense.weight": (dim, dim), "dense.bias": (dim,), "LayerNorm.weight": (dim,), "LayerNorm.bias": (dim,)}
    shapes |= {"output.weight": (outputs, dim), "output.bias": (outputs,)}
    return {name: torch.rand(shape, generator=g) for name, shape in shapes.items()}


SETTINGS = {"num_attention_heads": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1}


def slow(state, x_TD, *, layers, pre) -> list[torch.Tensor]:
    """The toolkit's hidden states of one utterance, written out from its own names."""

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name, x):
        y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-12).sqrt()
        return y * state[f"{name}.weight"] + state[f"{name}.bias"]

    def attend(below, x):
        q, k, v = (linear(f"{below}.attention.self.{name}", x) for name in ("query", "key", "value"))
        heads = [
            torch.softmax(a @ b.T / a.shape[1] ** 0.5, -1) @ c
            for a, b, c in zip(q.chunk(2, -1), k.chunk(2, -1), v.chunk(2, -1), strict=True)
        ]
        return linear(f"{below}.attention.output.dense", torch.cat(heads, -1))

    def forward(below, x):
        hidden = linear(f"{below}.intermediate.dense", x)
        return linear(f"{below}.output.dense", hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5)))

    x = linear("input_representations.spec_transform", x_TD) + sinusoids(len(x_TD), 8).double()
    x = norm("input_representations.LayerNorm", x)
    outputs = [x]
    for i in range(layers):
        below = f"encoder.layer.{i}"
        if pre:
            x = x + attend(below, norm(f"{below}.attention.output.LayerNorm", x))
            x = x + forward(below, norm(f"{below}.output.LayerNorm", x))
        else:
            x = norm(f"{below}.attention.output.LayerNorm", x + attend(below, x))
            x = norm(f"{below}.output.LayerNorm", x + forward(below, x))
        outputs.append(x)
    return [norm(f"encoder.LayerNorm.{i}", y) for i, y in enumerate(outputs)] if pre else outputs


@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_hidden_states_equal_the_formula_written_out(pre, shared):
    state = made_up(layers=3, pre=pre, shared=shared)
    settings = {**SETTINGS, "share_layer": shared, "pre_layer_norm": pre}
    representation = build.convert("s3prl_transformer", state, settings).double()
    assert len(representation.context.stack) == (1 if shared else 3)
    x = torch.randn(11, 6, dtype=torch.float64)
    with torch.no_grad():
        c, inner = representation.context.forward_layers(Frames(x[None], torch.tensor([11]), representation.geometry))
    expected = slow({name: value.double() for name, value in state.items()}, x, layers=3, pre=pre)
    for ours, theirs in zip([*inner.values(), c], expected, strict=True):
        torch.testing.assert_close(ours.x_BTD[0], theirs)


@pytest.mark.parametrize("layout", ["Upstream_Config", "Config", "config"])
@pytest.mark.parametrize("old", [False, True])
def test_training_files_of_every_age(layout, old, tmp_path):
    config = {"transformer": SETTINGS, "task": {"mask_frequency": 0.2, "mask_consecutive_max": 5}}
    content = {
        "Transformer": made_up(old=old),
        "SpecHead": head(),
        "Config": {"runner": {"total_steps": 1}},
        "Args": argparse.Namespace(upstream="tera"),
        "Optimizer": {"state": {}, "param_groups": []},
        "Global_step": 7,
        layout: config,
    }
    torch.save(content, tmp_path / "states-7.ckpt")
    representation = build.convert("s3prl_transformer", tmp_path / "states-7.ckpt")
    plain = build.convert("s3prl_transformer", made_up(), SETTINGS)
    assert representation.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in representation.state_dict().items())
    method = method_with(tmp_path / "states-7.ckpt")
    assert (type(method).__module__, method.cfg.band, method.cfg.width) == ("sonant.methods.tera", 0.2, 5)


def test_without_frequency_masks_it_is_mockingjay():
    content = {
        "Transformer": made_up(),
        "SpecHead": head(),
        "Config": {"transformer": SETTINGS, "task": {"loss": "MSE"}},
    }
    method = method_with(content)
    assert (type(method).__module__, method.cfg.norm) == ("sonant.methods.mockingjay", "square")
    with pytest.raises(SonantError, match="no SpecHead"):
        convert_method(made_up(), SETTINGS)


def test_kaldi_features_are_ours_and_others_come_as_arrays():
    kaldi = {"kaldi": {"feat_type": "fbank", "fbank": {"num_mel_bins": 2, "frame_length": 25.0}}, "delta": {"order": 2}}
    features = convert(made_up(), {"transformer": SETTINGS, "audio": kaldi})[0]["features"]
    assert (features["name"], features["n_mels"], features["deltas"], features["window"]) == ("logmel", 2, 2, "povey")
    online = {"target_level": -25, "hop_ms": 20, "input": {"feat_type": "mel"}}
    features = convert(made_up(), {"transformer": SETTINGS, "audio": online})[0]["features"]
    assert features == {"name": "arrays", "dim": 6, "rate": 50.0}
    with pytest.raises(SonantError, match="3 orders|deltas do not fit"):
        convert(made_up(), {"transformer": SETTINGS, "audio": {**kaldi, "delta": {"order": 3}}})


def test_the_log_mel_of_the_toolkit_is_ours():
    audio = {"target_level": -25, "win_ms": 25, "hop_ms": 10, "n_freq": 201, "n_mels": 2}
    audio["input"] = {"feat_type": "mel", "channel": 0, "log": True, "delta": 2, "cmvn": True}
    features = convert(made_up(), {"transformer": SETTINGS, "audio": audio})[0]["features"]
    assert features == {
        "name": "stft_mel",
        "n_mels": 2,
        "frame_length": 0.025,
        "frame_shift": 0.01,
        "n_fft": 400,
        "level_db": -25.0,
        "deltas": 2,
        "cmvn": "utterance_unbiased",
    }
    representation = build.convert("s3prl_transformer", made_up(), {"transformer": SETTINGS, "audio": audio})
    assert representation.encode(torch.randn(16000)).x_BTD.shape == (1, 101, 8)
    with pytest.raises(SonantError, match="3 mel filters and 2 orders"):
        convert(made_up(), {"transformer": SETTINGS, "audio": {**audio, "n_mels": 3}})


def test_saved_and_loaded_as_a_model_folder(tmp_path):
    representation = build.convert("s3prl_transformer", made_up(pre=True), SETTINGS)
    build.save(representation, tmp_path / "model")
    x = torch.randn(2, 9, 6)
    with torch.no_grad():
        assert torch.equal(build.load(tmp_path / "model").encode(x).x_BTD, representation.encode(x).x_BTD)
    assert representation.layers == ("z", "layer_0", "layer_1", "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("encoder.layer.1.attention.self.key.bias"), "lacks encoder.layer.1.attention.self.key.bias"),
        (lambda s: s.pop("encoder.layer.1.output.LayerNorm.bias"), "lacks encoder.layer.1.output.LayerNorm.bias"),
        (lambda s: s.pop("encoder.layer.0.intermediate.dense.weight"), "lacks input_representations"),
        (lambda s: s.update({"extra": torch.zeros(1)}), "unexpected extra"),
        (lambda s: s.update({"note": "hello"}), "note hold something else"),
        (lambda s: s.update({"encoder.layer.0.LayerNorm.weight": torch.zeros(8)}), "no equal under its first name"),
        (
            lambda s: s.update({"encoder.layer.1.output.dense.weight": torch.zeros(8, 9)}),
            "another shape for context.stack.1",
        ),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    state = made_up()
    change(state)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("s3prl_transformer", state, SETTINGS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "number of attention heads"),
        ({**SETTINGS, "hidden_act": "swish"}, "swish"),
        ({**SETTINGS, "downsample_rate": 3}, "3 stacked frames"),
        ({**SETTINGS, "share_layer": True}, "layers 0 and 1 differ"),
    ],
)
def test_settings_without_counterpart_are_told(config, message):
    with pytest.raises(SonantError, match=message):
        convert(made_up(), config)


def test_other_checkpoints_are_told_apart():
    with pytest.raises(SonantError, match="neither 'Transformer' nor"):
        convert({"encoder.layers.0": torch.zeros(1)})
