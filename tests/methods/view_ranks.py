"""Every method on views with a global batch of its own, for tests of how that batch is split.

As a program it is one process of the test that compares two processes on halves with one on the whole batch.
Usage: python view_ranks.py OUT RANK WORLD STORE; writes loss, gradients and what the method remembers to OUT.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))

from contract_parts import LARGE_METHODS, VARIANTS, MethodPart

from sonant import build
from sonant.core import Batch, Method, derive_seed
from sonant.core.distributed import all_sum

LENGTHS = [4000, 3100, 4000, 3600]
SPEAKERS = [3, 5, 3, -1]  # speaker 3 lies in both halves
BODY = {"encoder": {"name": "cpc_conv", "dim": 12}}  # whose norm sees one frame at a time
SSPS = {"mode": "knn", "start": 0, "references": 16, "positives": 16}
MORE = {
    "simclr": [{"channel": 0.5, "temperature": 0.5}, {"ssps": SSPS, "temperature": 0.5}],
    "moco": [{"ssps": SSPS, "queue": 8, "temperature": 1.0}],
    "dino": [{"ssps": SSPS, "outputs": 12, "hidden": 8, "bottleneck": 6, "frozen_steps": 0}],
    "pase": [{"balance": {"name": name}} for name in ("mgd", "adaptive", "hyper_volume", "dropout")],
}


def cases() -> dict[str, MethodPart]:
    """Every method on views with its defaults and the variants of the contract tests."""
    names = [name for name in build.names("methods") if build.class_of("methods", name).needs == "views"]
    parts = [
        MethodPart(name, settings, BODY)
        for name in names
        for settings in (LARGE_METHODS.get(name, {}), *VARIANTS["methods"].get(name, ()), *MORE.get(name, ()))
    ]
    return {str(part): part for part in parts}


def examples(begin: int = 0, end: int = len(LENGTHS)) -> Batch:
    """A part of the global batch, in float64: two views, two short ones and the clean views."""
    waves = []
    for b in range(begin, end):
        noise = torch.randn(6, max(LENGTHS), generator=torch.Generator().manual_seed(b), dtype=torch.float64)
        waves.append(0.3 * noise + torch.sin(torch.arange(max(LENGTHS)) * 0.1 * (b + 1)))
    wave_BVL = torch.stack(waves)
    return Batch(
        wave_BVL[:, 0],
        torch.tensor(LENGTHS[begin:end]),
        16000,
        ids=tuple(f"utterance-{b}" for b in range(begin, end)),
        seeds=tuple(derive_seed("step", 0, b) for b in range(begin, end)),
        speaker_B=torch.tensor(SPEAKERS[begin:end]),
        extras={
            "views": wave_BVL[:, :2],
            "local_views": wave_BVL[:, 2:4, :2500],
            "clean_views": wave_BVL[:, 4:],
        },
    )


def method(part: MethodPart) -> Method:
    return part.build().double()


def without_audio(batch: Batch) -> Batch:
    """What ``compare`` may look at: ids, seeds and speakers."""
    return replace(batch, wave_BL=batch.wave_BL[:, :0], extras={})


def measure(part: MethodPart, *, rank: int, world: int) -> dict[str, Tensor]:
    """Loss, gradients and buffers of the global batch, out of this process's part of it."""
    size = len(LENGTHS) // world
    model = method(part)
    out = model(examples(rank * size, (rank + 1) * size))
    weight = out.count / all_sum(torch.as_tensor(out.count, dtype=torch.float64))
    loss = out.total * weight
    loss.backward()
    grads = [all_sum(p.grad) for p in model.parameters() if p.grad is not None]
    memory = [b.double().flatten() for _, b in sorted(model.named_buffers())]
    return {
        "loss": all_sum(loss),
        "gradients": torch.cat([grad.flatten() for grad in grads]),
        "memory": torch.cat([torch.zeros(1), *memory]),
        "parts": torch.stack([all_sum(out.parts[name] * weight) for name in sorted(out.parts)] or [loss.detach() * 0]),
    }


def main(out: str, rank: str, world: str, store: str) -> None:
    torch.set_num_threads(1)
    if int(world) > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=int(rank), world_size=int(world))
    results = {name: measure(part, rank=int(rank), world=int(world)) for name, part in cases().items()}
    if rank == "0":
        torch.save(results, out)
    if int(world) > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
