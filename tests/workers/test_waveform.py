"""The decoder: PASE's and the recipe's numbers, its size, and padding."""

from __future__ import annotations

import pytest
import torch
from worker_parts import FrameGeometry, Oracle, frames, seen, waves, worker

from sonant.core import SonantError

SMALL = {"dims": (16, 12, 8), "hidden": 8}


def test_prediction_loss_and_gradient_are_those_of_pase(oracle_dir):
    oracle = Oracle(oracle_dir / "pase" / "losses.npz")
    (chunk,) = oracle.embeddings("emb_chunk")
    made = worker("waveform", in_dim=12, **SMALL)
    made.head.load_state_dict(oracle.head("decoder"))
    for i, (deconv, slope) in enumerate(zip(made.deconvs, made.acts, strict=True)):
        deconv.load_state_dict({k: oracle[f"decoder/w.blocks.{i}.deconv.{k}"] for k in ("weight", "bias")})
        slope.load_state_dict({"weight": oracle[f"decoder/w.blocks.{i}.act.weight"]})
    wave_L = oracle["decoder/target_i16"].float() / 32768
    torch.testing.assert_close(made.decode(frames(chunk)), oracle["decoder/pred"][:, 0], atol=1e-6, rtol=1e-5)
    out = made.loss(seen(frames(chunk), waves(wave_L.expand(3, -1))))
    torch.testing.assert_close(out.total, oracle["decoder/loss"], atol=1e-6, rtol=1e-6)
    (grad,) = torch.autograd.grad(out.total, chunk)
    torch.testing.assert_close(grad.transpose(1, 2), oracle["decoder/grad_emb_chunk"], atol=1e-8, rtol=1e-4)


def test_prediction_and_loss_are_those_of_the_recipe(oracle_dir):
    oracle = Oracle(oracle_dir / "pase" / "seed_recipe.npz")
    made = worker("waveform", in_dim=20, norm="batch", **SMALL).eval()
    for i in range(3):
        act = made.acts[i]
        parts = [("conv", made.deconvs[i], 3 * i), ("norm", act.norm, 3 * i + 1)]
        torch.nn.init.zeros_(act.slope).data += oracle[f"decoder/w.blocks.{3 * i + 2}.weight"]
        for inner, module, number in parts:
            prefix = f"decoder/w.blocks.{number}.{inner}."
            names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
            module.load_state_dict({k: oracle[prefix + k] for k in names if prefix + k in oracle.arrays})
    last = {"blocks.0.0": "9.conv", "blocks.0.1": "10", "out": "11.conv"}
    state = {}
    for ours, theirs in last.items():
        for part in ("weight", "bias") if "." in theirs else ("weight",):
            value = oracle[f"decoder/w.blocks.{theirs}.{part}"]
            state[f"{ours}.{part}"] = value[..., 0] if value.dim() == 3 else value
    made.head.load_state_dict(state)
    anchor = frames(oracle["emb_6xTxD"][:2])
    torch.testing.assert_close(made.decode(anchor), oracle["decoder/pred"][..., 0], atol=1e-5, rtol=1e-5)
    out = made.loss(seen(anchor, waves(oracle["sig"])))
    torch.testing.assert_close(out.total, oracle["decoder/loss"], atol=1e-6, rtol=1e-5)


def test_has_the_size_of_pase():
    assert sum(p.numel() for p in worker("waveform", in_dim=256).parameters()) == 8_857_537  # 8.86 million


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_padding_counts_nothing(norm):
    made, x, wave = worker("waveform", in_dim=6, norm=norm, **SMALL).eval(), torch.randn(2, 12, 6), torch.randn(2, 1950)
    torch.nn.init.normal_(made.deconvs[0].bias)
    whole = made.loss(seen(frames(x, [12, 7]), waves(wave, [1950, 1125]))).total
    alone = [
        made.loss(seen(frames(x[:1]), waves(wave[:1]))).total,
        made.loss(seen(frames(x[1:, :7]), waves(wave[1:, :1125]))).total,
    ]
    torch.testing.assert_close(whole, torch.stack(alone).mean())


def test_strides_that_do_not_fit_are_told():
    for settings in ({"strides": (4, 4)}, {"kernel": 31}, {"kernel": 8}):
        with pytest.raises(SonantError, match="waveform"):
            worker("waveform", in_dim=4, **settings)
    with pytest.raises(SonantError, match="hop of 320 samples"):
        worker("waveform", in_dim=4, strides=(4, 8, 10))
    assert FrameGeometry(16000, hop=320).rate == 50
