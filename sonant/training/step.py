"""The gradients of one optimiser step, however its batch is split.

A loss is a mean over ``count`` terms. The step's loss is the mean over the terms of all its batches (those
of all processes, and those accumulated), so that splitting a batch changes nothing:

    gradient = sum_i count_i gradient_i / sum_i count_i

Counts are known only after the forward pass, and the backward pass of the first batch should not wait for
the forward pass of the last. Each loss is therefore weighted by count_i / reference, where the reference
is what the first batches of all processes count together, and the sum of gradients by reference / sum of
counts at the end. With one batch a step and one process both factors are exactly 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core import Batch, LossOut, require
from ..core.distributed import all_sum, rank, world_size
from .gradient_cache import CachedLoss, average_gradients

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class StepOut:
    """One step as all processes see it.

    Attributes:
        loss: mean over all terms of the step.
        parts: the method's named scalars, averaged likewise.
        grad_norm: length of the gradient (2-norm) before clipping.
        audio_seconds: audio in the step.
        stop: a process was asked to stop.
        clock: rank 0's wall time in seconds.
        losses: of this process's batches, one by one.
        cpu_seconds: CPU time that all processes report together.
    """

    loss: float
    parts: dict[str, float]
    grad_norm: float
    audio_seconds: float
    stop: bool
    clock: float
    losses: tuple[float, ...]
    cpu_seconds: float = 0.0


def autocast(device: torch.device, precision: str):
    """Arithmetic in ``precision`` (fp32, bf16, fp16) where torch holds it to be safe."""
    return torch.autocast(device.type, dtype=PRECISIONS[precision], enabled=precision != "fp32")


def gradients(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: str,
    audio_seconds: float = 0.0,
    stop: bool = False,
    clock: float = 0.0,
    cpu_seconds: float = 0.0,
    pieces: int | None = None,
) -> StepOut:
    """Leave in ``optimizer``'s weights the gradient of the mean loss over ``batches`` of all processes.

    Args:
        model: the method, wrapped for data parallelism where several processes train.
        batches: this process's batches of the step, already on the device.
        scaler: of fp16's gradients; disabled otherwise.
        audio_seconds, stop, clock, cpu_seconds: this process's share of audio, its wish to stop, its wall time and
            the CPU time that it adds, in seconds, shared on the way.
        pieces: into how many a batch is cut that is compared as a whole (``gradient_cache``); None: it is not.
    """
    device = batches[0].wave_BL.device
    optimizer.zero_grad(set_to_none=True)
    outs, reference = [], None
    for number, batch in enumerate(batches):
        last = number == len(batches) - 1
        alone = world_size() == 1 or (last and pieces is None)
        with contextlib.nullcontext() if alone else model.no_sync():
            out, backward = _loss(model, batch, precision=precision, pieces=pieces)
            count = torch.as_tensor(out.count, dtype=torch.float64, device=device)
            reference = _or_one(all_sum(count)) if reference is None else reference
            weight = (count * world_size() / reference).to(out.total.dtype)
            backward(scaler.scale(out.total * weight))
            outs.append(_detached(out, count))
    shared = all_sum(_sums(outs, [audio_seconds, float(stop), clock if rank() == 0 else 0.0, cpu_seconds]))
    if pieces is not None:
        average_gradients(model)
    scaler.unscale_(optimizer)
    grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if len(batches) > 1:
        torch._foreach_mul_(grads, (reference / _or_one(shared[0])).float())
    norm = torch.nn.utils.get_total_norm(grads).double()
    losses = torch.stack([out.total.double() for out in outs])
    return _read(torch.cat([shared, norm[None], losses]).tolist(), sorted(outs[0].parts))


def _loss(
    model: nn.Module, batch: Batch, *, precision: str, pieces: int | None
) -> tuple[LossOut, Callable[[Tensor], None]]:
    """The loss of a batch, and what adds the gradients of a multiple of it to the weights."""
    device = batch.wave_BL.device
    if pieces is not None:
        method = getattr(model, "module", model)  # of the data-parallel wrapper
        cached = CachedLoss(method, batch, pieces=pieces, context=lambda: autocast(device, precision))
        return cached.out, cached.backward
    with autocast(device, precision):
        return model(batch), torch.Tensor.backward


def _sums(outs: Sequence[LossOut], own: list[float]) -> Tensor:
    """What the processes add up: terms, their ``own`` four numbers, then losses and parts times their terms."""
    names = sorted(outs[0].parts)
    require(
        all(sorted(out.parts) == names for out in outs), "a method must log the same parts for every batch of a step"
    )
    device = outs[0].total.device
    fixed = torch.tensor(own, dtype=torch.float64, device=device)
    rows = [torch.stack([torch.ones_like(o.count), o.total, *(o.parts[n] for n in names)]) * o.count for o in outs]
    sums = torch.stack(rows).sum(0)
    return torch.cat([sums[:1], fixed, sums[1:]])


def _read(values: list[float], names: list[str]) -> StepOut:
    terms, audio, stop, clock, cpu, loss, *rest = values
    terms = terms or 1.0
    parts = {name: rest[i] / terms for i, name in enumerate(names)}
    norm, *losses = rest[len(names) :]
    return StepOut(loss / terms, parts, norm, audio, stop > 0, clock, tuple(losses), cpu)


def _detached(out: LossOut, count: Tensor) -> LossOut:
    """Totals and parts as float64 scalars without gradient, so that the graph can be freed."""

    def scalar(value) -> Tensor:
        return torch.as_tensor(value, device=count.device).detach().double()

    return LossOut(scalar(out.total), {name: scalar(value) for name, value in out.parts.items()}, count)


def _or_one(value: Tensor) -> Tensor:
    return torch.where(value > 0, value, torch.ones_like(value))
