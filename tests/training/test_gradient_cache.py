from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_toy import ToyLoader, ToyMethod

from sonant import build
from sonant.core import Batch, SonantError, seed_everything
from sonant.training.distributed import data_parallel
from sonant.training.gradient_cache import part_of
from sonant.training.step import gradients

BODY = {
    "encoder": {"name": "cpc_conv", "dim": 16},
    "context": {"name": "gru", "dim": 12, "layers": 2, "dropout": 0.3},
    "embedding": {"pool": "mean", "dim": 8},
}
METHODS = {
    "dino": {"outputs": 24, "hidden": 16, "bottleneck": 8, "frozen_steps": 0, "student_temperature": 0.5},
    "swav": {"prototypes": 12, "projector": [16, 8], "queue": 12},
    "supervised": {"classes": 4},
}


def example():
    draws = torch.Generator().manual_seed(0)
    views = torch.randn(6, 2, 3000, generator=draws, dtype=torch.float64).cumsum(-1) * 0.02
    return Batch(
        views[:, 0],
        torch.full((6,), 3000),
        16000,
        ids=tuple(f"u{b}" for b in range(6)),
        seeds=tuple(range(6)),
        speaker_B=torch.tensor([0, 1, 2, 3, 1, 0]),
        extras={"views": views},
    )


def step_of(name, pieces, *, dropout=0.0, scale=False, norm="channel", batches=None):
    seed_everything(1)
    body = {**BODY, "encoder": {**BODY["encoder"], "norm": norm}, "context": {**BODY["context"], "dropout": dropout}}
    method = build.method_of(build.resolve({"method": {"name": name, **METHODS[name]}, **body})).double()
    out = gradients(
        data_parallel(method, torch.device("cpu")),
        batches or [example()],
        optimizer=torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.1),
        scaler=torch.amp.GradScaler("cpu", enabled=scale),
        precision="fp32",
        pieces=pieces,
    )
    return out, {n: p.grad for n, p in method.named_parameters() if p.grad is not None}, method


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [False, True])
def test_pieces_are_the_whole_batch(name, scale):
    whole, grads, _ = step_of(name, None)
    for pieces in (1, 4):
        out, found, _ = step_of(name, pieces, scale=scale)
        assert out.loss == pytest.approx(whole.loss, abs=1e-5) and found.keys() == grads.keys()
        for key, grad in grads.items():
            torch.testing.assert_close(found[key], grad, atol=1e-5, rtol=1e-4)


def test_dropout_is_drawn_the_same_both_times():
    """One piece with dropout is the whole batch with dropout, and the generators end where they would have."""
    _, grads, _ = step_of("supervised", None, dropout=0.3)
    then = torch.rand(1)
    _, found, _ = step_of("supervised", 1, dropout=0.3)
    assert torch.equal(then, torch.rand(1))
    for key, grad in grads.items():
        torch.testing.assert_close(found[key], grad, atol=1e-6, rtol=1e-5)


def test_running_statistics_are_updated_once():
    _, _, whole = step_of("supervised", None, norm="batch")
    _, _, one = step_of("supervised", 1, norm="batch")
    _, _, three = step_of("supervised", 3, norm="batch")
    names = [name for name in whole.state_dict() if "running_mean" in name or "num_batches" in name]
    assert names
    for name in names:
        torch.testing.assert_close(one.state_dict()[name], whole.state_dict()[name])
        if "num_batches" in name:
            assert three.state_dict()[name] == 3 * whole.state_dict()[name]


def batch_parts(rank, world):
    """Loss and gradients of one step of two batches over this process's share, in pieces."""
    size, whole = 6 // world, example()
    share = part_of(whole, rank * size, (rank + 1) * size)
    found = {}
    for name in METHODS:
        out, grads, _ = step_of(name, 2, batches=[share, share])
        found[name] = {"loss": out.loss, "norm": out.grad_norm, **grads}
    return found


def test_two_processes_on_halves_are_one_on_the_whole(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, str(Path(__file__).with_name("cache_ranks.py")), str(tmp_path)]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [subprocess.Popen(command, env={**shared, "RANK": str(r), "LOCAL_RANK": str(r)}) for r in (0, 1)]
    assert [process.wait(timeout=180) for process in both] == [0, 0]
    alone = batch_parts(0, 1)
    for rank in (0, 1):
        half = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        for name, figures in alone.items():
            for key, value in figures.items():
                expected, found = torch.as_tensor(value), torch.as_tensor(half[name][key])
                torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4, msg=f"{name} {key}")


def test_other_methods_are_told():
    toy = ToyMethod()
    with pytest.raises(SonantError, match="gradient_cache is for methods that compare vectors of views"):
        gradients(
            toy,
            [ToyLoader().batch(0)],
            optimizer=torch.optim.SGD(toy.parameters(), lr=0.1),
            scaler=torch.amp.GradScaler("cpu", enabled=False),
            precision="fp32",
            pieces=2,
        )
