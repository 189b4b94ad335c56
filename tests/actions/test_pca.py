"""Principal components as a layer of a model folder."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

import sonant
from sonant import build
from sonant.actions.info import describe
from sonant.actions.pca import add_pca
from sonant.core import SonantError


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    for number in range(3):
        soundfile.write(folder / f"u{number}.wav", 0.1 * rng.standard_normal(6000 + 999 * number), 16000)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder with untrained weights."""
    run = build.resolve(
        {"encoder": {"name": "cpc_conv", "dim": 12}, "context": {"name": "gru", "dim": 8, "layers": 2}, "method": "cpc"}
    )
    torch.manual_seed(0)
    representation = build.method_of(run).representation()
    representation.config = build.architecture(run)
    folder = tmp_path_factory.mktemp("models") / "model"
    build.save(representation, folder, training={"method": {"name": "cpc"}, "seed": 4})
    return folder


def test_the_layer_is_the_fitted_projection_of_another(model, audio, tmp_path):
    facts = add_pca(model, audio, tmp_path / "projected", dim=3, layer="z")
    assert (facts["layer"], facts["dim"]) == ("z", 3)
    assert 0 < facts["share"] <= 1
    projected = sonant.load(tmp_path / "projected")
    assert (projected.default_layer, projected.dim, projected.layers[-1]) == ("pca", 3, "pca")
    wave_BL, lengths_B = torch.randn(2, 4000), torch.tensor([4000, 2500])
    with torch.no_grad():
        z = sonant.load(model).encode(wave_BL, lengths_B, layer="z")
        out = projected.encode(wave_BL, lengths_B)
    torch.testing.assert_close(out.x_BTD, z.x_BTD @ projected.projection.basis_DK)
    assert (out.x_BTD[1, out.lengths_B[1] :] == 0).all()
    facts = describe(tmp_path / "projected")
    assert facts["layers"]["pca"] == 3
    assert facts["training"]["seed"] == 4
    assert facts["training"]["pca"]["layer"] == "z"


def test_fits_again_to_the_same_bytes(model, audio, tmp_path):
    for name in "ab":
        add_pca(model, audio, tmp_path / name, dim=2)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()


def test_a_basis_that_was_fitted_elsewhere(model, tmp_path):
    basis_DK = torch.randn(8, 5)
    torch.save(basis_DK, tmp_path / "pca_5.pt")
    facts = add_pca(model, None, tmp_path / "given", basis=tmp_path / "pca_5.pt")
    assert (facts["dim"], facts["share"]) == (5, None)
    assert torch.equal(sonant.load(tmp_path / "given").projection.basis_DK, basis_DK)
    with pytest.raises(SonantError, match=r"\(8, 5\), expected \(12,"):
        add_pca(model, None, tmp_path / "other", basis=tmp_path / "pca_5.pt", layer="z")


def test_mistakes_are_told(model, audio, tmp_path):
    with pytest.raises(SonantError, match="has 8 dimensions, and dim is 9"):
        add_pca(model, audio, tmp_path / "out", dim=9)
    with pytest.raises(SonantError, match="unknown layer"):
        add_pca(model, audio, tmp_path / "out", dim=2, layer="y")
    add_pca(model, audio, tmp_path / "out", dim=2)
    with pytest.raises(SonantError, match="already"):
        add_pca(tmp_path / "out", audio, tmp_path / "twice", dim=2)
