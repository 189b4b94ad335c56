"""One process of the test that compares two processes on half batches with one on the whole batch.

Usage: python cpc_ranks.py OUT RANK WORLD STORE; writes losses and gradients of every case to OUT.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from sonant.contexts import gru
from sonant.core import Batch, FrameGeometry, Method, derive_seed
from sonant.core.distributed import all_sum
from sonant.encoders import cpc_conv
from sonant.methods import cpc

UNEVEN = [6000, 3000, 5200, 4100]
CASES = {
    f"{share}-{number}-{view}": (share, number, lengths, None)
    for share in ("utterance", "speaker", "batch")
    for number in (16, None)
    for view, lengths in {"even": [6000] * 4, "uneven": UNEVEN}.items()
} | {f"{share}-windows": (share, 8, UNEVEN, 10) for share in ("utterance", "speaker", "batch")}
SPEAKERS = [3, 5, 3, -1]  # speaker 3 lies in both halves


def method(share: str, number: int | None, window: int | None) -> Method:
    torch.manual_seed(0)
    encoder = cpc_conv.Encoder(cpc_conv.Config(dim=16), source=FrameGeometry(16000))
    context = gru.Context(gru.Config(dim=12), source=encoder.geometry, in_dim=16)
    cfg = cpc.Config(horizons=3, negatives=number, negatives_from=share, score="dot", window=window)
    return cpc.Method(cfg, encoder=encoder, context=context)


def examples(lengths: list[int], begin: int, end: int) -> Batch:
    waves = [torch.randn(6000, generator=torch.Generator().manual_seed(b)) * 0.1 for b in range(begin, end)]
    width = max(lengths[begin:end])
    return Batch(
        torch.stack(waves)[:, :width],
        torch.tensor(lengths[begin:end]),
        16000,
        seeds=tuple(derive_seed("step", 0, b) for b in range(begin, end)),
        speaker_B=torch.tensor(SPEAKERS[begin:end]),
    )


def measure(share: str, number: int | None, lengths: list[int], window: int | None, *, rank: int, world: int) -> dict:
    """Loss and gradients of the global batch, out of this process's part: losses are weighted by their counts."""
    part = len(lengths) // world
    model = method(share, number, window)
    out = model(examples(lengths, rank * part, (rank + 1) * part))
    weight = out.count / all_sum(torch.as_tensor(out.count))
    loss = out.total * weight
    loss.backward()
    gradients = torch.cat([p.grad.flatten() for p in nn.Module.parameters(model)])
    return {"loss": all_sum(loss), "accuracy": all_sum(out.parts["acc"] * weight), "gradients": all_sum(gradients)}


def main(out: str, rank: str, world: str, store: str) -> None:
    torch.set_num_threads(1)
    if int(world) > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=int(rank), world_size=int(world))
    results = {name: measure(*case, rank=int(rank), world=int(world)) for name, case in CASES.items()}
    if rank == "0":
        torch.save(results, out)
    if int(world) > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
