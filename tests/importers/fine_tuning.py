"""One step of training from an imported model."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from sonant import build
from sonant.core import Batch
from sonant.training.warm_start import warm_start


def fine_tuned(representation, folder: Path) -> tuple[float, list[str]]:
    """Loss of a contrast of word embeddings, warm-started from the saved model, and parameters without a gradient."""
    build.save(representation, folder)
    stored = json.loads((folder / "config.json").read_text())
    sections = {name: stored[name] for name in ("features", "encoder", "context") if name in stored}
    sections |= {"embedding": {"pool": "mean", "dim": 8}, "method": {"name": "siamese_rnn", "margin": 2.0}}
    torch.manual_seed(0)
    method = build.method_of(build.resolve(sections))
    assert warm_start(method, folder) == len(representation.state_dict())
    g = torch.Generator().manual_seed(0)
    one, other = (
        Batch(
            0.1 * torch.randn(3, 9000, generator=g),
            torch.tensor([9000, 7000, 8000]),
            16000,
            ids=tuple(f"{side}{b}" for b in range(3)),
            seeds=(0, 1, 2),
        )
        for side in "ab"
    )
    one = Batch(one.wave_BL, one.lengths_B, 16000, ids=one.ids, seeds=one.seeds, other=other)
    loss = method.train().loss(one).total
    loss.backward()
    return loss.item(), [name for name, p in method.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
