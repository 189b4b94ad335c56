from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from sonant.objectives.aam_softmax import aam_softmax


def test_loss_and_gradient_are_sslsv_s(oracle_dir):
    folder = oracle_dir / "speaker"
    tensors = load_file(folder / "losses.safetensors")
    value = json.loads((folder / "losses.json").read_text())["values"]["sslsv.aam.m0.2_s30"]
    cosine = tensors["aam.cosine"].double().requires_grad_()
    loss = aam_softmax(cosine, tensors["aam.labels"])
    assert loss.item() == pytest.approx(value, rel=1e-6)
    loss.backward()
    torch.testing.assert_close(cosine.grad, tensors["grad.sslsv.aam.m0.2_s30.0"].double(), atol=1e-6, rtol=1e-5)


def test_the_margin_is_an_angle_and_goes_on_straight():
    angle, class_N = 0.7, torch.tensor([0])
    cosine = torch.tensor([[math.cos(angle), 0.1]], dtype=torch.float64)
    expected = F.cross_entropy(30 * torch.tensor([[math.cos(angle + 0.2), 0.1]], dtype=torch.float64), class_N)
    torch.testing.assert_close(aam_softmax(cosine, class_N), expected)
    at = torch.tensor([[-0.99, 0.1]], dtype=torch.float64)
    straight = F.cross_entropy(30 * torch.tensor([[-0.99 - 0.2 * math.sin(0.2), 0.1]], dtype=torch.float64), class_N)
    torch.testing.assert_close(aam_softmax(at, class_N), straight)
    torch.testing.assert_close(aam_softmax(cosine, class_N, margin=0.0), F.cross_entropy(30 * cosine, class_N))
