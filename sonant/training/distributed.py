"""Processes that train together: started by torchrun or by SLURM's srun, joined by DDP.

    torchrun --nproc-per-node 2 -m -- sonant train CONFIG --run DIR
    srun --ntasks 8 sonant train CONFIG --run DIR

torchrun reads options that look like its own (``--run``) unless ``--`` comes before the program.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from ..core import SonantError, require
from ..core.distributed import world_size

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # others wait this long for rank 0 to score the evaluators' tasks


@dataclass(frozen=True)
class Place:
    """This process among its fellows.

    Attributes:
        rank: number over all machines.
        world: how many processes there are.
        local_rank: number on this machine, also of its GPU.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0


def find_place(environment: Mapping[str, str] = os.environ) -> Place:
    """The place that torchrun (RANK, WORLD_SIZE, LOCAL_RANK) or srun (SLURM_PROCID ...) gave this process.

    A batch script's own shell carries SLURM_NTASKS too, yet only srun starts that many processes: the
    count is therefore read from SLURM_STEP_NUM_TASKS, which srun alone sets.
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    elif "SLURM_STEP_NUM_TASKS" in environment and "SLURM_PROCID" in environment:
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")
    else:
        return Place()
    values = [environment.get(name, "0") for name in names]
    require(
        all(value.isdigit() for value in values),
        f"{', '.join(names)} must be whole numbers, got {', '.join(values)}",
    )
    place = Place(*map(int, values))
    require(place.rank < place.world, f"{names[0]}={place.rank} must be below {names[1]}={place.world}")
    return place


def rendezvous(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """MASTER_ADDR and MASTER_PORT where all processes meet: as set, else the first node of the SLURM step."""
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST") or "127.0.0.1"
    job = environment.get("SLURM_JOB_ID", "0")
    return {
        "MASTER_ADDR": environment.get("MASTER_ADDR") or first_node(nodes),
        "MASTER_PORT": environment.get("MASTER_PORT") or str(20_000 + int(job) % 20_000),
    }


def first_node(nodes: str) -> str:
    """First host of a SLURM node list: ``"gpu[03-05,9],cpu1"`` -> ``"gpu03"``."""
    head = re.match(r"([^,\[]+)(?:\[(\w+)[^\]]*\])?([^,\[]*)", nodes)
    if head is None:
        raise SonantError(f"SLURM's node list '{nodes}' names no node; set MASTER_ADDR yourself")
    return "".join(part or "" for part in head.groups())


def device_of(name: str) -> torch.device:
    """The device that ``train.device`` (auto, cpu, cuda) means for this process."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    require(
        torch.cuda.is_available(),
        "train.device=cuda, yet torch sees no GPU; check the driver and that torch was built for CUDA, or use auto",
    )
    return torch.device("cuda", find_place().local_rank % torch.cuda.device_count())


@contextlib.contextmanager
def processes(device: str = "auto") -> Iterator[Place]:
    """Join the other processes for the length of the block; alone, do nothing.

    Enter it before data loaders are made: they take their share by rank.
    """
    place = find_place()
    if place.world == 1 or dist.is_initialized():
        yield place
        return
    on = device_of(device)
    if on.type == "cuda":
        torch.cuda.set_device(on)
    os.environ.update(rendezvous())
    backend = "nccl" if on.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=place.rank, world_size=place.world, timeout=PATIENCE)
    try:
        yield place
    finally:
        dist.destroy_process_group()


def data_parallel(method: nn.Module, device: torch.device) -> nn.Module:
    """``method`` itself when alone, else a wrapper that averages gradients over the processes."""
    if world_size() == 1:
        return method
    if device.type == "cuda":
        method = nn.SyncBatchNorm.convert_sync_batchnorm(method)
    alike = [  # queues and memories, which are large and which every process fills with the same
        f"{name}.{buffer}"
        for name, module in method.named_modules()
        if getattr(module, "replicated", False)
        for buffer, _ in module.named_buffers(recurse=False)
    ]
    nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(method, alike)
    return nn.parallel.DistributedDataParallel(method, device_ids=[device.index] if device.type == "cuda" else None)


def from_first(value: T) -> T:
    """Rank 0's ``value`` (small, any picklable object) on every process."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def from_all(value: T) -> list[T]:
    """Every process's ``value`` (small, any picklable object), in the order of ranks."""
    if world_size() == 1:
        return [value]
    values: list = [None] * world_size()
    dist.all_gather_object(values, value)
    return values
