"""The gradient of a loss over a large batch whose graph does not fit into memory.

Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup" (arXiv:2101.06983): a method
on views embeds every utterance by itself, and only then compares all of them.

    1. embed the batch in pieces, without graph
    2. compare all vectors: the loss, the gradients of heads and of the vectors
    3. embed every piece again, now with graph, and send the gradients of its vectors back

Equal to the whole batch where the body has no statistics of its batch; batch norm in the body sees the pieces.
Each piece draws the same random numbers both times, and running statistics are those of the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..core import Batch, LossOut, Method, ViewsMethod, require
from ..core.distributed import world_size

RUNNING = ("running_", "num_batches_tracked")  # what the names of batch statistics start with


class CachedLoss:
    """The loss of a batch by pieces.

    Args:
        method: the method itself, not its data-parallel wrapper.
        pieces: into how many the batch is cut, about equally; no more than it has utterances.
        context: makes the context of a forward pass (autocast).

    Attributes:
        out: the loss, after ``method.compare``.
    """

    def __init__(self, method: Method, batch: Batch, *, pieces: int, context: Callable):
        require(
            isinstance(method, ViewsMethod),
            "train.gradient_cache is for methods that compare vectors of views, and "
            f"{type(method).__module__.rpartition('.')[2]} is none: leave it out, or use train.accumulate",
        )
        self.method, self.context = method, context
        self.pieces = list(_cut(batch, min(pieces, len(batch))))
        self.states: list[tuple[Tensor, Tensor | None]] = []
        found = []
        for piece in self.pieces:
            self.states.append(_random_state(batch.wave_BL.device))
            with torch.no_grad(), context():
                found.append(method.embed(piece))
        self.leaves = tuple(torch.cat(parts).requires_grad_() for parts in zip(*found, strict=True))
        with context():
            self.out: LossOut = method.compare(self.leaves, batch)

    def backward(self, total: Tensor) -> None:
        """Add the gradients of ``total``, a multiple of the loss, to the weights."""
        total.backward()
        after = _random_state(total.device)
        kept = [(b, b.clone()) for name, b in self.method.named_buffers() if name.split(".")[-1].startswith(RUNNING)]
        begin = 0
        for piece, state in zip(self.pieces, self.states, strict=True):
            _set_random_state(total.device, state)
            with self.context():
                again = self.method.embed(piece)
            end = begin + len(piece)
            pairs = [
                (vectors, leaf.grad[begin:end])
                for vectors, leaf in zip(again, self.leaves, strict=True)
                if vectors.requires_grad and leaf.grad is not None
            ]
            torch.autograd.backward([v for v, _ in pairs], [g for _, g in pairs])
            begin = end
        with torch.no_grad():
            for buffer, value in kept:
                buffer.copy_(value)
        _set_random_state(total.device, after)


@torch.no_grad()
def average_gradients(module: nn.Module) -> None:
    """The mean over processes of every gradient, as the data-parallel wrapper leaves it."""
    if world_size() == 1:
        return
    for weight in module.parameters():
        if weight.requires_grad:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            dist.all_reduce(weight.grad)
            weight.grad /= world_size()


def _cut(batch: Batch, pieces: int) -> Iterator[Batch]:
    for i in range(pieces):
        yield part_of(batch, len(batch) * i // pieces, len(batch) * (i + 1) // pieces)


def part_of(batch: Batch, first: int, end: int) -> Batch:
    """The examples ``first`` to ``end`` - 1 of a batch."""
    rows, whole = slice(first, end), len(batch)

    def rows_of(value):
        return value[rows] if isinstance(value, Tensor) and value.dim() and len(value) == whole else value

    return replace(
        batch,
        wave_BL=batch.wave_BL[rows],
        lengths_B=batch.lengths_B[rows],
        ids=batch.ids[rows],
        seeds=batch.seeds[rows],
        speaker_B=rows_of(batch.speaker_B),
        other=None if batch.other is None else part_of(batch.other, first, end),
        extras={name: rows_of(value) for name, value in batch.extras.items()},
    )


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(device: torch.device, state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
