"""Processes that train together: who am I, and gathering with gradients."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def rank() -> int:
    """Number of this process, 0 when alone."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together, 1 when alone."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def all_sum(value: Tensor) -> Tensor:
    """The sum of ``value`` over all processes, without gradient."""
    if world_size() == 1:
        return value.detach()
    value = value.detach().clone()
    dist.all_reduce(value)
    return value


def gather_with_gradient(x: Tensor) -> Tensor:
    """Concatenate ``x`` (equal shapes) of all processes along dimension 0.

    The gradient that other processes' losses send to our part comes back to us, so that a loss that
    compares across the global batch has the gradients of one process on the whole batch.
    """
    if world_size() == 1:
        return x
    from torch.distributed.nn.functional import all_gather

    gathered = torch.cat(all_gather(x.contiguous()), dim=0)
    if gathered.requires_grad:
        gathered.register_hook(Tensor.contiguous)  # gloo sends gradients as they lie in memory, whatever their strides
    return gathered


def same_as_first(value: Tensor) -> Tensor:
    """The first process's ``value`` in every process: what each computed for itself may differ in the last bits."""
    if world_size() > 1:
        value = value.contiguous()
        dist.broadcast(value, src=0)
    return value


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        dist.barrier()
