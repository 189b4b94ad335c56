from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonant import build
from sonant.core import Batch, FrameGeometry, FrameModule, Frames, SonantError
from sonant.importers.scpc import convert
from sonant.methods import cpc
from sonant.objectives import contrast

ENCODERS = [
    "id",
    "ff_relu",
    "ff_tanh_nobias",
    "ff_sigmoid",
    "cconv_k4_l1",
    "cconv_k3_l2",
    "sa",
    "sa_out_pos",
    "csa",
    "csa_w5",
    "csa_w1",
    "csa_w5_out_pos",
    "gru1",
    "lstm2",
    "rnn1",
    "conv_none",
    "conv_batch",
    "conv_instance",
    "conv_channel",
]
LOSSES = {
    "default": {},
    "offset3": {"offset": 3},
    "gutted2": {"skip": 2},
    "avgpen": {"averaging_penalty": 0.7},
    "spk": {"speakers": 3},
    "all": {"offset": 2, "skip": 1, "averaging_penalty": 0.3, "speakers": 3},
    "predrecur": {"predictor": "recurrent"},
    "predcsa": {"predictor": "transformer"},
}
OF_HEAD = {  # names of the original's training head, in this order
    "prediction_encoder.encoder.layers.0.": "predict.layer.",
    "prediction_encoder.encoder.norm": "predict.norm",
    "prediction_encoder.ff": "predict.map",
    "prediction_encoder.rnn": "predict.rnn",
    "self_attn.in_proj_": "attention.qkv.",
    "self_attn.out_proj": "attention.out",
    "layer.linear1": "layer.ff_in",
    "layer.linear2": "layer.ff_out",
    "layer.norm1": "layer.norm_attention",
    "layer.norm2": "layer.norm_ff",
    "embed": "speakers",
}


@pytest.fixture(scope="module")
def oracle(oracle_dir):
    folder = oracle_dir / "scpc"
    io = np.load(folder / "tiny_variants_io.npz")
    meta = json.loads((folder / "meta.json").read_text())
    return load_file(folder / "tiny_variants.safetensors"), {key: torch.from_numpy(io[key]) for key in io}, meta


def below(state, prefix):
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def checkpoint(latent, context, state, *, place):
    """What ``best.ckpt`` would hold of one encoder between identities."""
    weights = {f"encoders.{place}.{key}": value for key, value in state.items()}
    return {**weights, "json": {"name": "seq", "args": [latent, context]}}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_equals_the_original(oracle, name):
    """Alone and in a padded batch."""
    weights, io, meta = oracle
    part, state = meta["tiny_json"][name], below(weights, f"{name}.")
    if name.startswith(("conv_", "ff_")):
        content = checkpoint(part, {"name": "id", "args": [part["args"][1]] * 2}, state, place=0)
    else:
        content = checkpoint({"name": "id", "args": [16, 16]}, part, state, place=1)
    representation = build.convert("scpc", content)
    x, lengths = (io["wav"][..., 0], io["wav_lens"]) if name.startswith("conv_") else (io["x"], io["lens"])
    with torch.no_grad():
        whole, padded = representation.encode(x), representation.encode(x, lengths)
    torch.testing.assert_close(whole.x_BTD, io[f"{name}_y"], atol=1e-5, rtol=0)
    torch.testing.assert_close(padded.x_BTD, io[f"{name}_y_lens"], atol=1e-5, rtol=0)
    assert torch.equal(padded.lengths_B, io[f"{name}_lens"])


class Body(FrameModule):
    """Stands for an encoder or a context of a size."""

    def __init__(self, dim):
        super().__init__()
        self.dim, self.geometry = dim, FrameGeometry(16000)


@pytest.mark.parametrize("lengths", ["nolens", "lens"])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_equals_the_original(oracle, name, lengths, monkeypatch):
    weights, io, _ = oracle
    settings = {"horizons": 5, "negatives": 8, "negatives_from": "batch", "score": "dot", **LOSSES[name]}
    cfg = cpc.Config(repeats=True, average="utterances", **settings)
    method = cpc.Method(cfg, encoder=Body(16), context=Body(24)).eval()
    state = {}
    for key, value in below(weights, f"cpcloss_{name}.").items():
        for theirs, ours in OF_HEAD.items():
            key = key.replace(theirs, ours)
        state[key] = value
    method.load_state_dict(state)
    lengths_B = io["lens"] if lengths == "lens" else torch.tensor([40] * 3)
    index_NTM = io[f"cpcloss_{name}_{lengths}_negidx"].long().view(3, 40 - 5 - cfg.offset, 8)
    monkeypatch.setattr(contrast, "draw_negatives", lambda pool, anchors, **_: index_NTM[:, : max(anchors)])
    z, c = (Frames(io[f"loss_{x}"], lengths_B, FrameGeometry(16000)).masked() for x in "zc")
    out = method.contrast(z, c, Batch(torch.zeros(3, 40), lengths_B, 16000, speaker_B=io["loss_spk"]))
    torch.testing.assert_close(out.total, io[f"cpcloss_{name}_{lengths}"], atol=1e-5, rtol=0)


def test_a_genuine_checkpoint_becomes_a_model_folder(oracle_dir, tmp_path):
    folder = oracle_dir / "scpc"
    build.save(build.convert("scpc", folder / "tiny_best.ckpt"), tmp_path / "model")
    representation = build.load(tmp_path / "model")
    io = np.load(folder / "tiny_best_io.npz")
    with torch.no_grad():
        y = representation.encode(torch.from_numpy(io["wav"][..., 0])).x_BTD
    np.testing.assert_allclose(y, io["y"], atol=1e-5)
    assert representation.reach == (4, 0)


@pytest.mark.parametrize("name", ["cpc_small", "cpc_csa8", "bestrq_csa16_codebook512"])
def test_published_sizes_fit(oracle_dir, name):
    told = json.loads((oracle_dir / "scpc" / "meta.json").read_text())[name]
    weights = {key: torch.zeros(shape) for key, shape in told["encoder_keys"].items()}
    representation = build.convert("scpc", {**weights, "json": json.dumps(told["json"])})
    assert sum(p.numel() for p in representation.parameters()) == told["num_params"]
    assert representation.geometry.hop == (told["downsampling_factor"] if "bestrq" not in name else 160)


def tiny(**changes):
    latent, context = {"name": "ff", "args": [3, 4, "none", True, 0.0]}, {"name": "ra", "args": [4, 4, 1, "gru", 0.0]}
    shapes = {"weight_ih_l0": (12, 4), "weight_hh_l0": (12, 4), "bias_ih_l0": (12,), "bias_hh_l0": (12,)}
    state = {f"encoders.1.rnn.{key}": torch.zeros(shape) for key, shape in shapes.items()}
    state |= {"encoders.0.ff.weight": torch.zeros(4, 3), "encoders.0.ff.bias": torch.zeros(4)}
    content = {**state, "json": {"name": "seq", "args": [latent, context]}, **changes}
    return {key: value for key, value in content.items() if value is not None}


def test_features_are_those_that_are_given():
    assert convert(tiny())[0]["features"] == {"name": "arrays", "dim": 3, "rate": 100.0}
    features = {"name": "logmel", "n_mels": 3, "low_hz": 300.0}
    assert build.convert("scpc", tiny(), {"features": features}).encode(torch.randn(1, 1600)).x_BTD.shape == (1, 10, 4)


def test_samples_of_another_scale(oracle_dir):
    path = oracle_dir / "scpc" / "tiny_best.ckpt"
    plain = build.convert("scpc", path)
    scaled = build.convert("scpc", path, {"features": {"name": "waveform", "scale": 32768.0}})
    wave = torch.randn(1, 1600) / 32768
    with torch.no_grad():
        torch.testing.assert_close(scaled.encode(wave).x_BTD, plain.encode(wave * 32768).x_BTD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"json": None}, "no entry 'json'"),
        ({"json": {"name": "conv", "args": []}}, "seq of latent and context"),
        ({"json": "{"}, "no JSON"),
        ({"json": {"name": "seq", "args": [{"name": "id", "args": [3, 3]}] * 2}}, "unexpected rnn.weight_ih_l0"),
        ({"json": {"name": "seq", "args": [{"name": "csa", "args": []}] * 2}}, "unknown scpc encoder.*csa"),
        ({"json": {"name": "seq", "args": [{"name": "id", "args": [3]}] * 2}}, "2 arguments"),
        ({"encoders.0.ff.bias": None}, "lacks encoder.local.linears.0.bias"),
        ({"encoders.0.ff.more": torch.zeros(1)}, "unexpected ff.more"),
        ({"encoders.2.ff.bias": torch.zeros(1)}, "unexpected encoders.2"),
        ({"encoders.0.ff.weight": torch.zeros(5, 3)}, "another shape"),
    ],
)
def test_what_does_not_fit_is_told(changes, message):
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("scpc", tiny(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [(0, None, "not what it should be"), (1, "many", "'dim' must be"), (2, "layerx", "'norm' must be one of")],
)
def test_arguments_of_another_kind_are_one_line(place, value, told):
    arguments = [1, 8, "none", 0.0]
    arguments[place] = value
    parts = [{"name": "conv", "args": arguments}, {"name": "id", "args": [8, 8]}]
    with pytest.raises(SonantError, match=told):
        build.convert("scpc", {"json": {"name": "seq", "args": parts}})


def test_misspelt_settings_are_refused():
    with pytest.raises(SonantError, match="Did you mean 'features'"):
        build.convert("scpc", {"json": {}}, {"feature": {"name": "waveform"}})
