"""The loss on held-out data, the same draws every time."""

from __future__ import annotations

import torch

from ..core import Batch, Method, SonantError, derive_seed, seed_everything
from ..core.distributed import all_sum, rank
from .config import TrainConfig
from .step import autocast


@torch.no_grad()
def validate(method: Method, loader, *, train: TrainConfig, device: torch.device) -> tuple[dict[str, float], Batch]:
    """Mean loss and parts over validation batches of all processes, weighted by their terms.

    Args:
        method: what is judged; evaluated in eval mode and left in the mode it had.
        loader: its ``batches(0, steps)`` give the same batches, with the same seeds, each time.

    Returns:
        ``{"loss": ..., part: ...}`` (nothing where all batches are too small for the method to compare utterances), and
        the first batch of this process, on the device.
    """
    was_training = method.training
    method.eval()
    steps = train.valid_steps or loader.steps_per_epoch
    sums: dict[str, torch.Tensor] = {}
    first, terms = None, torch.zeros((), dtype=torch.float64, device=device)
    for index, batch in enumerate(loader.batches(0, steps)):
        seed_everything(derive_seed(train.seed, "valid", index, rank()))
        batch = batch.to(device)
        first = batch if first is None else first
        with autocast(device, train.precision):
            out = method(batch)
        terms = terms + out.count
        for name, value in {**out.parts, "loss": out.total}.items():
            sums[name] = sums.get(name, 0.0) + torch.as_tensor(value, device=device).double() * out.count
    method.train(was_training)
    if first is None:
        raise SonantError("the validation data hold no batch; give more of them or none (data.valid_fraction 0)")
    names = sorted(sums)
    total, *values = all_sum(torch.stack([terms, *(sums[name] for name in names)])).tolist()
    return {name: value / total for name, value in zip(names, values, strict=True) if total}, first
