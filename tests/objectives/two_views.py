"""Reference numbers of objectives on two views, and the gradients of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor


class Reference:
    """Inputs, values and gradients of the reference implementations."""

    def __init__(self, folder: Path):
        self.tensors = load_file(folder / "speaker" / "losses.safetensors")
        self.values = json.loads((folder / "speaker" / "losses.json").read_text())["values"]
        seed = json.loads((folder / "speaker" / "seed_tf_losses.json").read_text())
        self.values |= seed.get("values", seed)
        self.tensors |= {
            name: value
            for name, value in load_file(folder / "speaker" / "seed_tf_io.safetensors").items()
            if name.startswith("grad.")
        }

    def inputs(self, *names: str) -> list[Tensor]:
        """Fresh leaves in float64."""
        return [self.tensors[name].double().requires_grad_() for name in names]

    def check(self, name: str, loss: Tensor, inputs: list[Tensor], *, rel: float = 1e-5) -> None:
        """The value, and the gradients of all inputs that the reference has one for."""
        assert loss.item() == pytest.approx(self.values[name], rel=rel, abs=1e-7)
        known = {i: self.tensors[f"grad.{name}.{i}"] for i in range(4) if f"grad.{name}.{i}" in self.tensors}
        grads = torch.autograd.grad(loss, inputs, allow_unused=True, retain_graph=True)
        for i, grad in known.items():
            torch.testing.assert_close(grads[i].float(), grad, atol=1e-5, rtol=1e-4)
