from __future__ import annotations

import json
import shutil
from fnmatch import fnmatch

import numpy as np
import pytest
import torch
from fine_tuning import fine_tuned
from safetensors.torch import load_file, save_file
from transformers_models import KEPT, MODELS, ORACLES, SMALL, hidden_states, save, tiny, waves

from sonant import build
from sonant.core import MissingExtra, SonantError
from sonant.importers.transformers import convert

LAYERS = ("layer_0", "layer_1", "layer_2", "c")


@pytest.fixture
def library():
    return pytest.importorskip("transformers", reason="transformers is not installed")


def all_layers(representation, wave_BL, lengths_B=None) -> dict[str, list[np.ndarray]]:
    with torch.no_grad():
        out = representation.encode_all(wave_BL, lengths_B)
    return {name: [x_TD.numpy() for x_TD in frames.unpad()] for name, frames in out.items()}


def copied(name: str, folder):
    return shutil.copytree(ORACLES / name, folder / name)


# --- against the library ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEPT)
def test_every_layer_equals_what_the_library_gave(name):
    oracle = np.load(ORACLES / name / "states.npz")
    representation = build.convert("transformers", ORACLES / name)
    ours = all_layers(representation, torch.from_numpy(oracle["wave"])[None])
    for layer, theirs in zip(LAYERS, oracle["states"], strict=True):
        np.testing.assert_allclose(ours[layer][0], theirs, atol=1e-5, err_msg=layer)


@pytest.mark.parametrize("do_normalize", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_equals_the_library(name, do_normalize, library, tmp_path):
    model = save(name, tmp_path, do_normalize=do_normalize)
    representation = build.convert("transformers", str(tmp_path))
    assert representation.layers == ("z", *LAYERS)
    (wave_L,) = waves(9000)
    ours = all_layers(representation, wave_L)
    theirs = hidden_states(model, wave_L, do_normalize=do_normalize)
    for layer, expected in zip(LAYERS, theirs, strict=True):
        np.testing.assert_allclose(ours[layer][0], expected, atol=1e-5, err_msg=layer)
    if not do_normalize:  # in float64 only the folded weight norm is rounded
        ours = all_layers(representation.double(), wave_L.double())
        for layer, expected in zip(LAYERS, hidden_states(model.double(), wave_L, do_normalize=False), strict=True):
            np.testing.assert_allclose(ours[layer][0], expected, atol=1e-6, err_msg=layer)


@pytest.mark.parametrize("name", MODELS)
def test_a_padded_batch_equals_the_library_alone(name, library, tmp_path):
    model = save(name, tmp_path)
    representation = build.convert("transformers", tmp_path)
    several = waves(9000, 5000, 7211)
    padded_BL = torch.nn.utils.rnn.pad_sequence(several, batch_first=True, padding_value=3.0)
    together = all_layers(representation, padded_BL, torch.tensor([len(wave) for wave in several]))
    for b, wave_L in enumerate(several):
        for layer, expected in zip(LAYERS, hidden_states(model, wave_L), strict=True):
            assert len(together[layer][b]) == representation.geometry.frames(len(wave_L))
            np.testing.assert_allclose(together[layer][b], expected, atol=1e-5, err_msg=layer)


def test_padded_batches_of_the_library_are_what_we_differ_from(library, tmp_path):
    """The norm over an utterance sees its padding there: the reason why ours is defined by the utterance alone."""
    model = save("hubert", tmp_path)
    one, two = waves(9000, 4000)
    padded_BL = torch.nn.utils.rnn.pad_sequence([one, two], batch_first=True)
    mask_BL = torch.arange(9000) < torch.tensor([[9000], [4000]])
    with torch.no_grad():
        inside = model(padded_BL, attention_mask=mask_BL.long()).last_hidden_state[1, :12]
        alone = model(two[None]).last_hidden_state[0]
    assert (inside - alone).abs().max() > 1e-2


def test_a_base_model_has_as_many_parameters(library):
    """HuBERT BASE: 94.4 M, less the mask embedding and the 128 lengths of the weight norm."""
    config = library.HubertConfig()
    with torch.device("meta"):
        theirs = sum(p.numel() for p in library.HubertModel(config).parameters())
        ours = build.representation_of(
            {"sample_rate": 16000, "encoder": {"name": "wav2vec_conv"}, "context": {"name": "wav2vec_transformer"}}
        )
    assert sum(p.numel() for p in ours.parameters()) == theirs - 768 - 128 == 94_370_816


@pytest.mark.parametrize(("name", "head"), [("hubert", "ForCTC"), ("wav2vec2", "ForPreTraining")])
def test_a_head_on_the_model_is_left_out(name, head, library, tmp_path):
    model = save(name, tmp_path, head=head)
    body = getattr(model, model.base_model_prefix)
    (wave_L,) = waves(4000)
    ours = all_layers(build.convert("transformers", tmp_path), wave_L)
    np.testing.assert_allclose(ours["c"][0], hidden_states(body, wave_L)[-1], atol=1e-5)


# --- files ------------------------------------------------------------------------------------------


def test_files_of_every_age_are_one_model(tmp_path):
    """A torch file, the older names of the weight norm, and weights in several files with an index."""
    plain = build.convert("transformers", ORACLES / "hubert").state_dict()
    weights = load_file(ORACLES / "hubert" / "model.safetensors")
    at = "encoder.pos_conv_embed.conv"
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        weights[f"{at}.{old}"] = weights.pop(f"{at}.parametrizations.weight.{new}")
    for layout in ("torch", "parts"):
        folder = tmp_path / layout
        shutil.copytree(ORACLES / "hubert", folder)
        (folder / "model.safetensors").unlink()
        if layout == "torch":
            torch.save(weights, folder / "pytorch_model.bin")
        else:
            names = {key: f"model-{i % 2}.safetensors" for i, key in enumerate(sorted(weights))}
            for file in set(names.values()):
                save_file({key: weights[key] for key in names if names[key] == file}, folder / file)
            (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
        found = build.convert("transformers", folder).state_dict()
        assert found.keys() == plain.keys()
        for key, value in found.items():
            torch.testing.assert_close(value, plain[key])


def test_half_precision_becomes_single(tmp_path):
    folder = copied("hubert", tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file({key: value.half() for key, value in weights.items()}, folder / "model.safetensors")
    assert {value.dtype for value in build.convert("transformers", folder).state_dict().values()} == {torch.float32}


def test_a_state_dict_with_its_configuration(tmp_path):
    weights = load_file(ORACLES / "data2vec" / "model.safetensors")
    settings = json.loads((ORACLES / "data2vec" / "config.json").read_text())
    sections, tensors = convert(weights, {**settings, "do_normalize": False, "layer": "layer_1"})
    assert (sections["layer"], sections["encoder"]["standardise"]) == ("layer_1", False)
    from_folder = convert(ORACLES / "data2vec")[1]
    assert all(torch.equal(value, from_folder[key]) for key, value in tensors.items())


def test_the_folder_that_we_write_needs_nothing_else(tmp_path):
    representation = build.convert("transformers", ORACLES / "wavlm_large", {"layer": "layer_1"})
    build.save(representation, tmp_path / "model")
    again = build.load(tmp_path / "model")
    (wave_L,) = waves(3000)
    with torch.no_grad():
        assert torch.equal(again.encode(wave_L).x_BTD, representation.encode(wave_L, layer="layer_1").x_BTD)
    assert (again.geometry.rate, again.geometry.window, again.geometry.frames(16000)) == (50.0, 400, 49)


@pytest.mark.parametrize("name", KEPT)
def test_it_can_be_fine_tuned(name, tmp_path):
    loss, dead = fine_tuned(build.convert("transformers", ORACLES / name), tmp_path / "model")
    assert np.isfinite(loss)
    assert not dead


# --- what is refused --------------------------------------------------------------------------------


def change_config(folder, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "hubret"}, "Did you mean 'hubert'"),
        ({"hidden_act": "gelu_new"}, "activations gelu, gelu_new"),
        ({"conv_pos_batch_norm": True}, "conv_pos_batch_norm"),
        ({"num_hidden_layers": 3}, "lacks encoder.layers.2.attention.q_proj"),
        ({"num_hidden_layers": 1}, "has unexpected encoder.layers.1"),
        ({"num_attention_heads": 3}, "must divide"),
        ({"intermediate_size": 25}, "another shape for context.stack.0.ff_in"),
    ],
)
def test_what_has_no_counterpart_is_told(changes, message, tmp_path):
    folder = copied("hubert", tmp_path)
    change_config(folder, **changes)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("transformers", folder)
    assert "\n" not in str(caught.value)


def test_missing_files_are_told(tmp_path):
    with pytest.raises(SonantError, match="no such folder"):
        build.convert("transformers", tmp_path / "nowhere")
    with pytest.raises(SonantError, match="no config.json"):
        build.convert("transformers", tmp_path)
    folder = copied("hubert", tmp_path)
    with pytest.raises(SonantError, match="give the folder"):
        build.convert("transformers", folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SonantError, match="no model.safetensors or pytorch_model.bin"):
        build.convert("transformers", folder)
    outside = {"weight_map": {"x": "../hubert/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(outside))
    with pytest.raises(SonantError, match="not beside it"):
        build.convert("transformers", folder)


def test_adapters_are_told():
    weights = load_file(ORACLES / "hubert" / "model.safetensors")
    weights["encoder.layers.0.adapter_layer.norm.weight"] = torch.ones(16)
    with pytest.raises(SonantError, match="adapters inside the layers"):
        convert(weights, {"model_type": "hubert", **SMALL})


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_hub_name_is_what_the_hub_library_gives(file, monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface-hub is not installed")
    folder = copied("hubert", tmp_path)
    if file == "pytorch_model.bin":
        torch.save(load_file(folder / "model.safetensors"), folder / file)
        (folder / "model.safetensors").unlink()
    asked = []

    def snapshot_download(name, *, allow_patterns):
        asked.append((name, allow_patterns))
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    build.convert("transformers", "owner/name")
    assert [name for name, _ in asked] == ["owner/name"] * (1 if file == "model.safetensors" else 2)
    assert any(fnmatch(file, pattern) for pattern in asked[-1][1])

    def unreachable(name, *, allow_patterns):
        raise OSError("no route\nto host")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(SonantError, match="the hub did not give it: OSError"):
        build.convert("transformers", "owner/name")


def test_a_hub_name_needs_the_hub_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"sonant\[hub\]"):
        build.convert("transformers", "owner/name")


def test_the_made_up_models_are_random_throughout(library):
    assert all(parameter.std() > 0 for parameter in tiny("wavlm_large").parameters() if parameter.numel() > 1)
