"""A small method, its data, and a run of it: what the tests of the engine train.

Letters: B examples, L samples, T frames, D dimensions.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from sonant.core import (
    Batch,
    FrameGeometry,
    FrameModule,
    Frames,
    LossOut,
    Method,
    Representation,
    generator,
    seed_everything,
)
from sonant.core.distributed import gather_with_gradient, rank, world_size
from sonant.core.files import write_atomically, write_json
from sonant.training.config import OptimConfig, TrainConfig
from sonant.training.engine import Summary, fit

RATE, HOP, DIM = 1000, 10, 8


class Encoder(FrameModule):
    """Ten samples -> one frame; with batch normalisation if asked."""

    def __init__(self, norm: bool = False):
        super().__init__()
        self.geometry, self.dim = FrameGeometry(RATE).stack(kernel=HOP, stride=HOP), DIM
        self.linear = nn.Linear(HOP, DIM)
        self.norm = nn.BatchNorm1d(DIM) if norm else None

    def forward(self, frames: Frames) -> Frames:
        x_BTD = torch.tanh(self.linear(frames.x_BTD[:, :, 0].unfold(1, HOP, HOP)))
        x_BTD = x_BTD if self.norm is None else self.norm(x_BTD.transpose(1, 2)).transpose(1, 2)
        return Frames(x_BTD, self.geometry.frames(frames.lengths_B), self.geometry).masked()


class Context(FrameModule):
    """A GRU with dropout."""

    past = None

    def __init__(self, dropout: float, dim: int):
        super().__init__()
        self.geometry, self.dim = FrameGeometry(RATE).stack(kernel=HOP, stride=HOP), dim
        self.gru, self.dropout = nn.GRU(DIM, dim, batch_first=True), nn.Dropout(dropout)

    def forward(self, frames: Frames) -> Frames:
        return frames.with_x(self.dropout(self.gru(frames.x_BTD)[0])).masked()


class ToyMethod(Method):
    """Predict the next frame; with ``contrast`` instead tell an utterance's mean among those of the whole batch."""

    def __init__(self, *, dropout: float = 0.0, contrast: bool = False, dim: int = DIM, norm: bool = False):
        super().__init__(None, encoder=Encoder(norm), context=Context(dropout, dim))
        self.head, self.contrast = nn.Linear(dim, DIM), contrast
        self.register_buffer("seen", torch.zeros(()))

    def loss(self, batch: Batch) -> LossOut:
        z = self.encoder(batch.frames())
        c = self.context(z)
        valid_BT = z.mask_BT[:, 1:]
        noise_BTD = torch.stack(
            [torch.randn(z.x_BTD.shape[1:], generator=batch.generator(i, "noise")) for i in range(len(batch))]
        )
        error_BT = (self.head(c.x_BTD[:, :-1]) - z.x_BTD[:, 1:] - 0.1 * noise_BTD[:, 1:]).float().square().mean(-1)
        loss, count = (error_BT * valid_BT).sum() / valid_BT.sum(), valid_BT.sum()
        if self.contrast:
            all_ND = gather_with_gradient(z.x_BTD.sum(1) / z.lengths_B[:, None])
            guess_BD = self.head(c.x_BTD.sum(1) / c.lengths_B[:, None])
            target_B = torch.arange(len(batch)) + rank() * len(batch)
            loss, count = nn.functional.cross_entropy(guess_BD @ all_ND.T, target_B), float(len(batch))
        return LossOut(total=loss, parts={"error": loss.detach() * 2}, count=count)

    def after_step(self, step: int, total_steps: int) -> None:
        self.seen += step / total_steps


class ToyLoader:
    """Batches that are pure functions of (seed, step, place): waveforms of uneven lengths.

    ``at`` maps a batch's number to what happens before it is served (a signal, a broken batch).
    """

    steps_per_epoch = 3

    def __init__(self, *, seed: int = 1, size: int = 4, place: tuple[int, int] = (0, 1), at: dict | None = None):
        self.seed, self.size, self.place, self.at = seed, size, place, at or {}

    def batches(self, start_step: int = 0, steps: int | None = None):
        step = start_step
        while steps is None or step < start_step + steps:
            batch = self.batch(step)
            change = self.at.get(step)
            yield batch if change is None else change(batch) or batch
            step += 1

    def batch(self, step: int) -> Batch:
        share = self.size // self.place[1]
        rows = range(self.place[0] * share, (self.place[0] + 1) * share)
        roots = [generator(self.seed, step, row) for row in range(self.size)]
        lengths = [int(torch.randint(80, 400, (), generator=root)) for root in roots]
        waves = torch.zeros(self.size, 400)
        for row in range(self.size):
            waves[row, : lengths[row]] = torch.randn(lengths[row], generator=roots[row]).cumsum(0).sin()
        return Batch(
            wave_BL=waves[list(rows)],
            lengths_B=torch.tensor(lengths)[list(rows)],
            sample_rate=RATE,
            ids=tuple(f"utterance-{step}-{row}" for row in rows),
            seeds=tuple(1000 * step + row for row in rows),
        )


def signal_self(number: int):
    """For ``ToyLoader.at``: this process gets a signal."""
    return lambda batch: os.kill(os.getpid(), number)


def save_model(representation: Representation, folder: Path, facts: dict) -> None:
    """Weights and facts, nothing else."""
    write_json(folder / "config.json", facts)
    write_atomically(folder / "model.pt", lambda stream: torch.save(representation.state_dict(), stream))


def train_toy(
    run_dir: Path, *, resume: bool = False, method: dict | None = None, optim: dict | None = None,
    train: dict | None = None, loader: dict | None = None, valid: bool = True, kind: type = ToyMethod, **more,
) -> tuple[Summary, ToyMethod]:  # fmt: skip
    """Train the toy; dictionaries change the defaults."""
    settings = TrainConfig(
        **{"steps": 12, "valid_every": 5, "checkpoint_every": 4, "log_every": 3, "device": "cpu"} | (train or {})
    )
    seed_everything(settings.seed)
    toy = kind(**(method or {}))
    place = (rank(), world_size())
    optim_config = OptimConfig(
        **{"lr": 1e-2, "schedule": "cosine", "warmup_steps": 2, "clip_norm": 1.0} | (optim or {})
    )
    summary = fit(
        toy,
        train_loader=ToyLoader(place=place, **(loader or {})),
        valid_loader=ToyLoader(seed=2, place=place) if valid else None,
        optim=optim_config,
        train=settings,
        run_dir=run_dir,
        config={"method": method or {}, "optim": optim or {}, "train": train or {}},
        save_model=more.pop("save_model", save_model),
        resume=resume,
        **more,
    )
    return summary, toy


def lines_of(run_dir: Path, *kinds: str) -> list[dict]:
    """Lines of metrics.jsonl of some kinds."""
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] in kinds]


def train_slowly(run_dir: str, seconds: float, train: dict, method: dict) -> None:
    """Resume, with a pause before each batch: a run that is going to be killed."""
    pause = {step: lambda batch: time.sleep(seconds) for step in range(10_000)} if seconds else {}
    train_toy(Path(run_dir), resume=True, train=train, method=method, loader={"at": pause})


def nursery() -> None:
    """For each line of arguments on stdin, fork a process that trains, and print its number; wait for its end."""
    import torch._dynamo  # noqa: F401  (optimisers import it when first used: once here, not in each child)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            train_slowly(*json.loads(line))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "nursery":
        nursery()
    else:
        at = {7: signal_self(getattr(signal, sys.argv[2]))}
        print(train_toy(Path(sys.argv[1]), train={"steps": 20}, loader={"at": at})[0].stopped)
