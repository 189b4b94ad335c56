"""Made-up checkpoints with the names and shapes of the SpidR and DinoSR codes, against a slow reference.

No published file was at hand: names and shapes are those of the public code.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from fine_tuning import fine_tuned

from sonant import build
from sonant.core import SonantError
from sonant.importers.spidr import convert

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
DIM, CHANNELS, HEADS, FF, LAYERS, GROUPS, POSITIONS = 12, 6, 3, 20, 2, 4, 3
GIVEN = {"num_heads": HEADS}


def made_up(*, qkv_bias=False, seed=0) -> dict[str, torch.Tensor]:
    """A state dict of the SpidR code: the student, and a little of what is of training only."""
    g = torch.Generator().manual_seed(seed)
    state = {}

    def add(name, *shape, bias=True):
        state[f"{name}.weight"] = torch.randn(shape, generator=g) / math.sqrt(max(np.prod(shape[1:]), 4))
        if bias:
            state[f"{name}.bias"] = 0.3 * torch.randn(shape[0], generator=g)

    for i, kernel in enumerate(KERNELS):
        add(f"feature_extractor.conv_layers.{i}.conv", CHANNELS, CHANNELS if i else 1, kernel, bias=False)
        add(f"feature_extractor.conv_layers.{i}.layer_norm", CHANNELS)
    add("feature_projection.layer_norm", CHANNELS)
    add("feature_projection.projection", DIM, CHANNELS)
    for j in range(POSITIONS):
        add(f"student.pos_conv_embed.convs.{j}", DIM, DIM // GROUPS, 5)
    add("student.layer_norm", DIM)
    for l in range(LAYERS):  # noqa: E741
        at = f"student.layers.{l}"
        add(f"{at}.attention.qkv", 3 * DIM, DIM, bias=qkv_bias)
        add(f"{at}.attention.proj", DIM, DIM)
        add(f"{at}.layer_norm", DIM)
        add(f"{at}.feed_forward.intermediate_dense", FF, DIM)
        add(f"{at}.feed_forward.output_dense", DIM, FF)
        add(f"{at}.final_layer_norm", DIM)
    state |= {key.replace("student.", "teacher."): value + 1 for key, value in state.items() if "student." in key}
    add("heads.0.0", 8, DIM)
    state |= {"codebooks.0.codebook": torch.ones(8, DIM), "codebooks.0.counts": torch.ones(8)}
    return {**state, "mask_embedding": torch.ones(DIM), "current_step": torch.tensor([3])}


def fairseq(state) -> dict:
    """The same student as the original DinoSR code stores it."""
    table = {
        "feature_projection.layer_norm": "layer_norm",
        "feature_projection.projection": "post_extract_proj",
        "student.pos_conv_embed.convs.": "encoder.pos_conv.",
        ".attention.proj": ".self_attn.out_proj",
        ".feed_forward.intermediate_dense": ".fc1",
        ".feed_forward.output_dense": ".fc2",
        "student.": "encoder.",
    }
    out = {}
    for key, value in state.items():
        if key.startswith(("teacher.", "heads.", "codebooks.", "mask_", "current_")):
            continue
        if "feature_extractor" in key:
            key = key.replace(".conv.", ".0.").replace(".layer_norm.", ".2.1.")
        elif key.startswith("student.layers.") and ".layer_norm." in key:
            key = key.replace(".layer_norm.", ".self_attn_layer_norm.")
        for theirs, other in table.items():
            key = key.replace(theirs, other)
        if "pos_conv." in key:
            key = key.replace(".weight", ".0.weight").replace(".bias", ".0.bias")
        if ".attention.qkv." in key:
            for name, part in zip("qkv", value.chunk(3), strict=True):
                out[key.replace(".attention.qkv.", f".self_attn.{name}_proj.")] = part.clone()
        else:
            out[key] = value
    layers = {key.removeprefix("encoder."): value for key, value in out.items() if key.startswith("encoder.")}
    training = {"_ema": layers, "mask_emb": torch.ones(DIM), "_codebook0": torch.ones(8, DIM)}
    return {"args": None, "cfg": {"model": {"layers": 12}}, "model": {**out, **training, "heads.0.bias": torch.ones(8)}}


def slow(state, wave_L) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """(convolutions, blocks, what feed-forward nets add) of one waveform in plain numpy, loop by loop."""
    w = {key: value.double().numpy() for key, value in state.items()}
    erf = np.vectorize(math.erf)

    def gelu(x):
        return 0.5 * x * (1 + erf(x / math.sqrt(2)))

    def norm(x, name=None):
        y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return y if name is None else y * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    x = wave_L.double().numpy()
    x = ((x - x.mean()) / np.sqrt(x.var() + 1e-5))[:, None]
    for i, stride in enumerate(STRIDES):
        name = f"feature_extractor.conv_layers.{i}"
        kernel = w[f"{name}.conv.weight"]  # (out, in, time)
        starts = range(0, len(x) - kernel.shape[2] + 1, stride)
        x = np.stack([np.einsum("ti,oit->o", x[s : s + kernel.shape[2]], kernel) for s in starts])
        x = gelu(norm(x, f"{name}.layer_norm"))
    z = x
    x = linear(norm(x, "feature_projection.layer_norm"), "feature_projection.projection")
    y = x
    for j in range(POSITIONS):
        name, size = f"student.pos_conv_embed.convs.{j}", DIM // GROUPS
        padded = np.pad(y, ((2, 2), (0, 0)))
        out = np.zeros_like(y)
        for t in range(len(y)):
            for d in range(DIM):
                group = slice(d // size * size, d // size * size + size)
                out[t, d] = (padded[t : t + 5, group] * w[f"{name}.weight"][d].T).sum() + w[f"{name}.bias"][d]
        y = gelu(norm(out))
    x = norm(x + y, "student.layer_norm")
    blocks, added = [x], []
    for l in range(LAYERS):  # noqa: E741
        at, E = f"student.layers.{l}", DIM // HEADS
        q, k, v = np.split(linear(x, f"{at}.attention.qkv"), 3, axis=1)
        heads = []
        for h in range(HEADS):
            one = slice(h * E, h * E + E)
            logits = q[:, one] @ k[:, one].T / math.sqrt(E)
            weights = np.exp(logits - logits.max(1, keepdims=True))
            heads.append(weights / weights.sum(1, keepdims=True) @ v[:, one])
        x = norm(x + linear(np.concatenate(heads, 1), f"{at}.attention.proj"), f"{at}.layer_norm")
        hidden = gelu(linear(x, f"{at}.feed_forward.intermediate_dense"))
        added.append(linear(hidden, f"{at}.feed_forward.output_dense"))
        x = norm(x + added[-1], f"{at}.final_layer_norm")
        blocks.append(x)
    return z, blocks, added


def wave(n=2400) -> torch.Tensor:
    return 0.1 * torch.randn(n, generator=torch.Generator().manual_seed(1)) + 0.05


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_features_equal_the_formula_written_out(qkv_bias):
    state = made_up(qkv_bias=qkv_bias)
    representation = build.convert("spidr", state, GIVEN)
    z, blocks, added = slow(state, wave())
    with torch.no_grad():
        out = representation.double().encode_all(wave().double())
        shown = build.convert("spidr", state, {**GIVEN, "shown": "block"}).double().encode_all(wave().double())
    expected = {"z": z, "layer_0": blocks[0], "layer_1": added[0], "layer_2": added[1], "c": blocks[2]}
    assert tuple(out) == tuple(expected)
    for layer, theirs in expected.items():
        np.testing.assert_allclose(out[layer].x_BTD[0], theirs, atol=1e-10, err_msg=layer)
    for i, theirs in enumerate(blocks):
        np.testing.assert_allclose(shown[f"layer_{i}"].x_BTD[0], theirs, atol=1e-10)


def test_the_student_is_taken_from_every_layout(tmp_path):
    state = made_up(qkv_bias=True)
    plain = convert(state, GIVEN)[1]
    whole = {"model": {f"module.{key}": value for key, value in state.items()}, "optimizer": {"state": {}}, "step": 3}
    torch.save({**whole, "scaler": {}, "scheduler": {}, "epoch": torch.zeros(1)}, tmp_path / "step_3.pt")
    torch.save(fairseq(state), tmp_path / "dinosr.ckpt")
    for name in ("step_3.pt", "dinosr.ckpt"):
        found = convert(tmp_path / name, GIVEN)[1]
        assert found.keys() == plain.keys(), name
        assert all(torch.equal(value, plain[key]) for key, value in found.items()), name


def test_a_configuration_beside_the_file_is_read(tmp_path):
    torch.save({"model": made_up()}, tmp_path / "final.pt")
    layers = [[CHANNELS, kernel, stride] for kernel, stride in zip(KERNELS, (4, *STRIDES[1:]), strict=True)]
    model = {"encoder_num_heads": 4, "encoder_dropout": 0.3, "extractor_conv_layer_config": layers}
    (tmp_path / "config.json").write_text(json.dumps({"model": model}))
    sections, _ = convert(tmp_path / "final.pt")
    assert (sections["context"]["heads"], sections["context"]["dropout"]) == (4, 0.3)
    assert sections["encoder"]["strides"] == (4, *STRIDES[1:])


def test_the_default_layer_is_the_papers():
    assert convert(made_up(), GIVEN)[0]["layer"] == "c"  # two layers only
    state = made_up()
    for layer in range(2, 12):
        state |= {key.replace("student.layers.1.", f"student.layers.{layer}."): value for key, value in state.items()}
    sections, _ = convert(state)
    assert (sections["layer"], sections["context"]["layers"], sections["context"]["heads"]) == ("layer_6", 12, 12)
    assert convert(state, {"layer": "layer_5"})[0]["layer"] == "layer_5"


def test_alone_equals_inside_a_padded_batch():
    representation = build.convert("spidr", made_up(), GIVEN).double()
    one, two = wave(4000).double(), wave(2400).double()
    padded_BL = torch.nn.utils.rnn.pad_sequence([one, two], batch_first=True, padding_value=9.0)
    with torch.no_grad():
        together = representation.encode_all(padded_BL, torch.tensor([4000, 2400]))
        alone = representation.encode_all(two)
    for layer, frames in together.items():
        torch.testing.assert_close(frames.unpad()[1], alone[layer].x_BTD[0])


def test_it_can_be_fine_tuned(tmp_path):
    loss, dead = fine_tuned(build.convert("spidr", made_up(), GIVEN), tmp_path / "model")
    assert np.isfinite(loss)
    assert not dead


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("student.layers.1.attention.proj.bias"), "lacks student.layers.1.attention.proj.bias"),
        (lambda s: s.pop("feature_projection.projection.weight"), "lacks feature_projection.projection.weight"),
        (lambda s: s.pop("feature_extractor.conv_layers.6.conv.weight"), "6 convolutions and 7 strides"),
        (lambda s: s.update({"student.extra": torch.zeros(1)}), "unexpected student.extra"),
        (lambda s: s.update({"student.note": "hello"}), "note hold something else"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    state = made_up()
    change(state)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("spidr", state, GIVEN)
    assert "\n" not in str(caught.value)


def test_other_checkpoints_and_settings_are_told_apart():
    with pytest.raises(SonantError, match="neither 'student.layers"):
        convert({"encoder.layers.0": torch.zeros(1)})
    with pytest.raises(SonantError, match="Did you mean 'num_heads'"):
        convert(made_up(), {"num_head": 3})
    with pytest.raises(SonantError, match="must divide"):
        build.convert("spidr", made_up(), {"num_heads": 5})
