from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from sonant.objectives import infonce as module
from sonant.objectives.infonce import cpc_audio_places, infonce, score_all, score_drawn, without_repeats


def random_case(G=2, S=5, K=3, P=11, D=7, M=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    pred = torch.randn(G, S, K, D, generator=g, dtype=torch.float64, requires_grad=True)
    pool = torch.randn(G, P, D, generator=g, dtype=torch.float64, requires_grad=True)
    positive = torch.randint(P, (G, S, K), generator=g)
    negative = torch.randint(P, (G, S, M), generator=g)
    return pred, pool, positive, negative


def slow_scores(pred, pool, positive, negative) -> Tensor:
    """The definition, one vector product at a time."""
    G, S, K, _ = pred.shape
    rows = [
        torch.stack([pred[g, s, k] @ pool[g, j] for j in (positive[g, s, k], *negative[g, s])])
        for g in range(G)
        for s in range(S)
        for k in range(K)
    ]
    return torch.stack(rows).view(G, S, K, -1)


@pytest.mark.parametrize("block", [1, 200, 2**26])
def test_scores_and_gradients_equal_the_gathering_definition(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    case = random_case()
    fast, slow = score_drawn(*case), slow_scores(*case)
    torch.testing.assert_close(fast, slow)
    weights = torch.randn(fast.shape, dtype=fast.dtype)
    for a, b in zip(
        torch.autograd.grad((fast * weights).sum(), case[:2]),
        torch.autograd.grad((slow * weights).sum(), case[:2]),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_score_all_is_every_dot_product():
    pred, pool, *_ = random_case()
    torch.testing.assert_close(score_all(pred, pool), torch.einsum("gskd,gpd->gskp", pred, pool))


def test_loss_is_the_cross_entropy_of_the_first():
    scores = torch.randn(6, 4, 9)
    loss, hit = infonce(scores[..., 0], scores)
    expected = F.cross_entropy(scores.reshape(-1, 9), torch.zeros(24, dtype=torch.long), reduction="none")
    torch.testing.assert_close(loss.flatten(), expected)
    assert torch.equal(hit, scores.argmax(-1) == 0)


def test_equal_scores_are_chance_and_no_success():
    scores = torch.zeros(3, 129)
    loss, hit = infonce(scores[:, 0], scores)
    torch.testing.assert_close(loss, torch.full((3,), math.log(129)))
    assert not hit.any()


def test_half_precision_scores_are_reduced_in_float32():
    scores = torch.randn(5, 9).bfloat16()
    assert infonce(scores[:, 0], scores)[0].dtype == torch.float32


def test_a_distractor_that_is_the_right_frame_takes_no_part():
    pred, pool, positive, negative = random_case()
    negative[0, 2, 1] = positive[0, 2, 0]
    scores = without_repeats(score_drawn(pred, pool, positive, negative), positive, negative)
    expected = (negative[:, :, None] == positive[..., None]).double()
    assert scores[0, 2, 0, 2] == float("-inf")
    assert torch.equal(torch.isinf(scores[..., 1:]).double(), expected)
    assert torch.isfinite(scores[..., 0]).all()


def cpc_audio_loss(c, z, weights, draws, speaker=None):
    """(K,) losses and accuracies as CPC_audio defines them, out of the functions under test."""
    B, T, D = z.shape
    K = len(weights)
    S = T - K
    c = c if speaker is None else torch.cat([c, speaker[:, None].expand(-1, T, -1)], -1)
    pred = torch.stack([c[:, :S] @ w.T for w in weights], 2).view(1, B * S, K, D) / D
    t = torch.arange(S)[:, None] + torch.arange(1, K + 1)
    positive = (torch.arange(B)[:, None, None] * T + t).view(1, B * S, K)
    negative = cpc_audio_places(*draws, batch=B, frames=T, anchors=S)
    scores = score_drawn(pred, z.reshape(1, B * T, D), positive, negative)
    loss, _ = infonce(scores[..., 0], scores)
    _, hit = infonce(scores[..., 0], without_repeats(scores, positive, negative))  # its argmax counts such ties as hits
    return loss[0].mean(0), hit[0].float().mean(0)


def test_equals_cpc_audio_in_its_default_architecture(oracle_dir):
    folder = oracle_dir / "cpc_audio"
    io = np.load(folder / "cpc_default_linear_io.npz")
    state = load_file(folder / "cpc_default_linear.safetensors")
    weights = [state[f"cpcCriterion.wPrediction.predictors.{k}.weight"] for k in range(12)]
    draws = (torch.from_numpy(io["batch_idx"]), torch.from_numpy(io["seq_idx_raw"]))
    loss, accuracy = cpc_audio_loss(torch.from_numpy(io["c"]), torch.from_numpy(io["z"]), weights, draws)
    np.testing.assert_allclose(loss, io["loss"][0], atol=1e-5)
    np.testing.assert_allclose(accuracy, io["acc"][0], atol=1e-5)
    stored = json.loads((folder / "meta.json").read_text())
    np.testing.assert_allclose(loss, stored["default_loss"][0], atol=1e-5)


@pytest.mark.parametrize("variant", ["pred_linear", "spkemb_linear"])
def test_equals_cpc_audio_small_variants(oracle_dir, variant):
    folder = oracle_dir / "cpc_audio"
    io = {name: torch.from_numpy(value) for name, value in np.load(folder / "cpc_small_variants_io.npz").items()}
    state = load_file(folder / "cpc_small_variants.safetensors")
    weights = [state[f"{variant}.wPrediction.predictors.{k}.weight"] for k in range(4)]
    table = state.get(f"{variant}.speakerEmb.weight")
    speaker = None if table is None else table[io["label"]]
    loss, accuracy = cpc_audio_loss(io["c"], io["z"], weights, (io["batch_idx"], io["seq_idx_raw"]), speaker)
    torch.testing.assert_close(loss, io[f"{variant}_loss"][0], atol=1e-5, rtol=0)
    if f"{variant}_acc" in io:
        torch.testing.assert_close(accuracy, io[f"{variant}_acc"][0].float(), atol=1e-5, rtol=0)


def test_equals_cpc_audio_against_time(oracle_dir):
    """Its mode "reverse" predicts the past: contexts and latents flipped in time."""
    folder = oracle_dir / "cpc_audio"
    io = {name: torch.from_numpy(value) for name, value in np.load(folder / "cpc_small_variants_io.npz").items()}
    state = load_file(folder / "cpc_small_variants.safetensors")
    weights = [state[f"pred_linear.wPrediction.predictors.{k}.weight"] for k in range(4)]
    loss, _ = cpc_audio_loss(io["c"].flip(1), io["z"].flip(1), weights, (io["batch_idx"], io["seq_idx_raw"]))
    torch.testing.assert_close(loss, io["pred_linear_reverse_loss"][0], atol=1e-5, rtol=0)
