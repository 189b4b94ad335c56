"""What each of two processes does in the tests of distributed training; alone, the same on whole batches."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from training_toy import ToyLoader, ToyMethod, signal_self, train_toy

from sonant.core import SonantError, seed_everything
from sonant.core.distributed import rank, world_size
from sonant.training.distributed import data_parallel, processes
from sonant.training.step import gradients

KINDS = {"frames": {"contrast": False}, "contrast": {"contrast": True}}


def gradients_of(kind: str, batches: int) -> dict:
    """Loss, scalars and gradients of one step over this process's share of some batches."""
    seed_everything(3)
    toy = ToyMethod(**KINDS[kind])
    loader = ToyLoader(place=(rank(), world_size()))
    optimizer = torch.optim.SGD(toy.parameters(), lr=0.1)
    out = gradients(
        data_parallel(toy, torch.device("cpu")),
        [loader.batch(step) for step in range(batches)],
        optimizer=optimizer,
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        precision="fp32",
        audio_seconds=1.0,
        stop=rank() == 1,
        clock=5.0 + rank(),
    )
    grads = {name: p.grad for name, p in toy.named_parameters() if p.grad is not None}
    return {
        "loss": out.loss,
        "parts": out.parts,
        "norm": out.grad_norm,
        "grads": grads,
        "stop": out.stop,
        "clock": out.clock,
    }


def trained(run_dir: Path) -> dict:
    """Final weights and validation loss of a run, and of one that a signal to the last process interrupts."""
    settings = {"steps": 8, "accumulate": 2, "valid_every": 4}
    summary, toy = train_toy(run_dir / "whole", train=settings)
    at = {9: signal_self(signal.SIGTERM)} if rank() == world_size() - 1 else {}
    stopped, _ = train_toy(run_dir / "part", train=settings, loader={"at": at})
    _, resumed = train_toy(run_dir / "part", train=settings, resume=True)
    return {
        "valid": summary.best_valid_loss,
        "weights": toy.state_dict(),
        "stopped": (stopped.stopped, stopped.steps),
        "resumed": resumed.state_dict(),
    }


def thawed(run_dir: Path) -> dict:
    """Final weights of a run whose encoder learns only from the fourth step on, at its own rate."""
    settings = {"steps": 8, "freeze": ("encoder",), "thaw_step": 4}
    _, toy = train_toy(run_dir, train=settings, optim={"encoder_lr": 3e-3})
    return toy.state_dict()


def nan_message(run_dir: Path) -> str:
    """What a batch with NaN in the last process makes every process say."""

    def spoil(batch):
        return replace(batch, wave_BL=batch.wave_BL * float("nan"))

    at = {2: spoil} if rank() == world_size() - 1 else {}
    try:
        train_toy(run_dir, loader={"at": at})
    except SonantError as error:
        return str(error)
    return ""


def everything(folder: Path) -> dict:
    """All of the above."""
    result = {f"{kind}-{n}": gradients_of(kind, n) for kind in KINDS for n in (1, 2)}
    return {
        **result,
        "trained": trained(folder),
        "thawed": thawed(folder / "thawed"),
        "nan": nan_message(folder / "nan"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes("cpu") as place:
        torch.save(everything(Path(sys.argv[1])), Path(sys.argv[1]) / f"rank{place.rank}.pt")
