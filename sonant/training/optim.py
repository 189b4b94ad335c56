"""Optimisers over a method's trainable weights: one, with a group for each learning rate and weight decay."""

from __future__ import annotations

import torch
from torch import nn

from ..core import require
from .config import OptimConfig
from .parts import body_parts


def build_optimizer(module: nn.Module, optim: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser named by ``optim`` over the weights of ``module`` that require gradients."""
    groups = parameter_groups(module, optim)
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum, fused=True)
    kind = torch.optim.AdamW if optim.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=optim.lr, betas=(optim.betas[0], optim.betas[1]), eps=optim.eps, fused=True)


def parameter_groups(module: nn.Module, optim: OptimConfig) -> list[dict]:
    """Every trainable weight once, in groups.

    Matrices and kernels decay; vectors (norms, biases, scales) do not. With ``optim.encoder_lr`` the weights of the
    body are apart from those of the heads; what both share is the body's.

    Returns:
        Groups with ``params``, ``weight_decay`` and ``initial_lr``, which ``scale_lr`` multiplies.
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    require(trainable, "nothing to train: no weight of the method requires a gradient")
    if optim.encoder_lr is None:
        return _by_decay(trainable, optim, lr=optim.lr)
    of_body = {id(p) for part in body_parts(module).values() for p in part.parameters()}
    body = [p for p in trainable if id(p) in of_body]
    heads = [p for p in trainable if id(p) not in of_body]
    return _by_decay(body, optim, lr=optim.encoder_lr) + _by_decay(heads, optim, lr=optim.lr)


def _by_decay(weights: list[nn.Parameter], optim: OptimConfig, *, lr: float) -> list[dict]:
    rates = {"lr": lr, "initial_lr": lr}
    split = [(weights, 0.0)]
    if optim.weight_decay > 0:
        matrices, vectors = ([p for p in weights if (p.dim() > 1) == many] for many in (True, False))
        split = [(matrices, optim.weight_decay), (vectors, 0.0)]
    return [{"params": params, "weight_decay": decay, **rates} for params, decay in split if params]


def scale_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Use in every group its own rate times ``factor``."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def rates(optim: OptimConfig, factor: float) -> dict[str, float]:
    """The rates of a step by the name of their setting: ``lr``, and ``encoder_lr`` where it is given."""
    both = {"lr": optim.lr, "encoder_lr": optim.encoder_lr}
    return {name: rate * factor for name, rate in both.items() if rate is not None}


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict) -> None:
    """Take moments and counts from ``saved`` (a ``state_dict``); hyperparameters stay those of now."""
    now = optimizer.state_dict()["param_groups"]
    require(
        [len(group["params"]) for group in now] == [len(group["params"]) for group in saved["param_groups"]],
        "the checkpoint's optimiser holds other groups of weights (was optim.weight_decay or optim.encoder_lr switched "
        "on or off?); keep these settings or start a new run",
    )
    optimizer.load_state_dict({"state": saved["state"], "param_groups": now})
