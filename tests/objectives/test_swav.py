from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from sonant.objectives.swav import sinkhorn, swapped_prediction


def test_codes_loss_and_gradients_are_sslsv_s(oracle_dir):
    folder = oracle_dir / "speaker"
    tensors = load_file(folder / "losses.safetensors")
    value = json.loads((folder / "losses.json").read_text())["values"]["sslsv.swav.T0.1"]
    scores = [tensors[f"swav.scores{v}"].double().requires_grad_() for v in (1, 2)]
    codes = [sinkhorn(s, eps=0.05, iterations=3) for s in scores]
    for code, name in zip(codes, ("swav.q1", "swav.q2"), strict=True):
        torch.testing.assert_close(code, tensors[name], atol=1e-6, rtol=1e-5, check_dtype=False)
    loss = swapped_prediction(torch.stack(scores, 1), torch.stack(codes, 1), temperature=0.1)
    assert loss.item() == pytest.approx(value, rel=1e-5)
    loss.backward()
    for i, s in enumerate(scores):
        torch.testing.assert_close(s.grad, tensors[f"grad.sslsv.swav.T0.1.{i}"].double(), atol=1e-6, rtol=0)


def test_codes_use_all_prototypes_alike_and_short_views_have_none():
    torch.manual_seed(0)
    q_NK = sinkhorn(torch.randn(40, 8), eps=0.5, iterations=200)
    torch.testing.assert_close(q_NK.sum(1), torch.ones(40))
    torch.testing.assert_close(q_NK.sum(0), torch.full((8,), 5.0))
    scores, codes = torch.randn(3, 4, 8), torch.rand(3, 2, 8)
    terms = [-(codes[:, g] * (scores[:, s] / 0.1).log_softmax(1)).sum(1) for g in (0, 1) for s in range(4) if g != s]
    torch.testing.assert_close(swapped_prediction(scores, codes, temperature=0.1), torch.stack(terms).mean())
    flat = swapped_prediction(torch.zeros(3, 2, 8), torch.full((3, 2, 8), 1 / 8), temperature=0.1)
    assert flat.item() == pytest.approx(math.log(8))
