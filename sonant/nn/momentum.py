"""A second copy of modules whose weights follow slowly: the teacher of DINO and BYOL, the key encoder of MoCo.

He et al. 2020 (arXiv:1911.05722), Eq. 2; the schedule is Grill et al. 2020 (arXiv:2006.07733), Sec. 3.2.

    copy <- tau copy + (1 - tau) original              tau_t = end - (end - start) (cos(pi t / T) + 1) / 2
"""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from ..core import Representation, require


class MomentumCopy(nn.ModuleDict):
    """Copies of named modules: ``copy["encoder"]``. They take no gradients and are saved like any module.

    Only weights follow. Each copy keeps the statistics that its batch normalisation gathers from what it sees itself
    (buffers are not averaged), and is in training or evaluation mode together with the method that holds it.
    """

    def __init__(self, **originals: nn.Module):
        super().__init__({name: copy.deepcopy(module).requires_grad_(False) for name, module in originals.items()})
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def begin(self, **originals: nn.Module) -> None:
        """Become equal to ``originals``, buffers included, the first time; later calls do nothing.

        To be called before the copies are first used in training: the originals may have been given the weights of
        an earlier model since they were copied.
        """
        if self.begun:
            return
        for name, module in originals.items():
            self[name].load_state_dict(module.state_dict())
        self.begun.fill_(True)

    @torch.no_grad()
    def follow(self, momentum: float, **originals: nn.Module) -> None:
        """Move towards ``originals`` after an optimiser step; ``momentum`` in [0, 1], 1 stays, 0 copies."""
        mine = [weight for name in originals for weight in self[name].parameters()]
        theirs = [weight.detach() for module in originals.values() for weight in module.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - momentum)

    def body(self) -> Representation:
        """The copies called ``encoder``, ``context`` and ``embedding`` as one model."""
        return Representation(encoder=self["encoder"], context=self["context"], embedding=self["embedding"])


def cosine_momentum(step: int, total_steps: int, *, start: float, end: float = 1.0) -> float:
    """The momentum after ``step`` of ``total_steps`` steps: ``start`` at 0, ``end`` at the last and beyond."""
    share = min(step / max(total_steps, 1), 1.0)
    return end - (end - start) * (math.cos(math.pi * share) + 1) / 2


def check_momentum(name: str, start: float, end: float = 1.0) -> None:
    """Refuse a momentum outside of [0, 1], or one that falls."""
    require(0 <= start <= end <= 1, f"method {name}: momentum must be in [0, 1] and not fall, got {start} to {end}")
