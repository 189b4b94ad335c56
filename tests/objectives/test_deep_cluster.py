from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from sonant.objectives.deep_cluster import deep_cluster


def test_loss_and_gradient_are_sslsv_s(oracle_dir):
    folder = oracle_dir / "speaker"
    tensors = load_file(folder / "losses.safetensors")
    value = json.loads((folder / "losses.json").read_text())["values"]["sslsv.deepcluster.T0.1"]
    scores = tensors["dc.preds"].double().requires_grad_()
    loss = deep_cluster(scores, tensors["dc.assignments"], temperature=0.1)
    assert loss.item() == pytest.approx(value, rel=1e-6)
    loss.backward()
    torch.testing.assert_close(scores.grad, tensors["grad.sslsv.deepcluster.T0.1.0"].double(), atol=1e-7, rtol=1e-5)


def test_nobody_known_costs_nothing():
    scores = torch.randn(2, 2, 3, 4, requires_grad=True)
    loss = deep_cluster(scores, torch.full((2, 3), -1), temperature=0.1)
    loss.backward()
    assert loss.item() == 0 and torch.equal(scores.grad, torch.zeros_like(scores))
