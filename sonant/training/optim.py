"""Optimisers over a method's trainable weights."""

from __future__ import annotations

import torch
from torch import nn

from ..core import require
from .config import OptimConfig


def build_optimizer(module: nn.Module, optim: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser named by ``optim`` over the weights of ``module`` that require gradients."""
    groups = parameter_groups(module, weight_decay=optim.weight_decay)
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum, fused=True)
    kind = torch.optim.AdamW if optim.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=optim.lr, betas=(optim.betas[0], optim.betas[1]), eps=optim.eps, fused=True)


def parameter_groups(module: nn.Module, *, weight_decay: float) -> list[dict]:
    """Matrices and kernels with ``weight_decay``; vectors (norms, biases, scales) without."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    require(trainable, "nothing to train: no weight of the method requires a gradient")
    if weight_decay == 0:
        return [{"params": trainable, "weight_decay": 0.0}]
    groups = [
        {"params": [p for p in trainable if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use learning rate ``lr`` in every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict) -> None:
    """Take moments and counts from ``saved`` (a ``state_dict``); hyperparameters stay those of now."""
    now = optimizer.state_dict()["param_groups"]
    require(
        [len(group["params"]) for group in now] == [len(group["params"]) for group in saved["param_groups"]],
        "the checkpoint's optimiser holds other groups of weights (was optim.weight_decay switched on or off, "
        "or a part frozen?); keep these settings or start a new run",
    )
    optimizer.load_state_dict({"state": saved["state"], "param_groups": now})
