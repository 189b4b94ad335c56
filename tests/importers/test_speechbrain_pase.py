from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonant import build
from sonant.core import SonantError


def stored(oracle_dir) -> dict:
    return load_file(oracle_dir / "pase" / "seed_encoder_small.safetensors")


def waves_and(oracle_dir, name) -> list[torch.Tensor]:
    with np.load(oracle_dir / "pase" / "seed_recipe.npz", allow_pickle=False) as io:
        waves = torch.cat([torch.from_numpy(io[part]) for part in ("sig", "sig_pos", "sig_neg")])
        want = torch.from_numpy(io[name])
        return [waves[: len(want)], want]


def test_equals_the_recipe(oracle_dir):
    """With its own kind of average, as a file, a folder and a state dict, and back from a model folder."""
    waves, want = waves_and(oracle_dir, "emb_6xTxD")
    with torch.no_grad():
        out = build.convert("speechbrain_pase", stored(oracle_dir)).encode(waves).x_BTD
    torch.testing.assert_close(out, want, rtol=0, atol=1e-4)


def test_equals_the_recipe_without_skips(oracle_dir):
    weights = {key: value for key, value in stored(oracle_dir).items() if not key.startswith("skip")}
    waves, want = waves_and(oracle_dir, "emb_without_skips")
    with torch.no_grad():
        out = build.convert("speechbrain_pase", weights).encode(waves).x_BTD
    torch.testing.assert_close(out, want, rtol=0, atol=1e-5)


def test_files_and_folders(oracle_dir, tmp_path):
    torch.save(stored(oracle_dir), tmp_path / "encoder.ckpt")
    wave = 0.1 * torch.randn(1, 8000)
    outs = [
        build.convert("speechbrain_pase", source).encode(wave).x_BTD
        for source in (tmp_path, tmp_path / "encoder.ckpt", stored(oracle_dir))
    ]
    representation = build.convert("speechbrain_pase", tmp_path)
    build.save(representation, tmp_path / "model")
    assert all(torch.equal(out, outs[0]) for out in [*outs, build.load(tmp_path / "model").encode(wave).x_BTD])


def test_real_averages_are_an_option(oracle_dir):
    config = {"skip_average": "mean", "blocks_strides": [1, 10, 2, 1, 2, 1, 2, 2, 1], "blocks_kernel_sizes": [251, 21]}
    encoder = build.convert("speechbrain_pase", stored(oracle_dir), config).config["encoder"]
    assert encoder["skip_average"] == "mean"
    assert encoder["strides"] == (1, 10, 2, 1, 2, 1, 2, 2)
    assert encoder["kernels"][0] == 251
    with pytest.raises(SonantError, match="one of 'mean', 'stretch', 'legacy'"):
        build.convert("speechbrain_pase", stored(oracle_dir), {"skip_average": "median"})


def test_what_does_not_fit_is_told(oracle_dir):
    with pytest.raises(SonantError, match="not the file of a worker"):
        build.convert("speechbrain_pase", {"blocks.0.weight": torch.zeros(1)})
    with pytest.raises(SonantError, match="unexpected more.weight"):
        build.convert("speechbrain_pase", stored(oracle_dir) | {"more.weight": torch.zeros(1)})
    with pytest.raises(SonantError, match="block_strides"):
        build.convert("speechbrain_pase", stored(oracle_dir), {"block_strides": [1]})
