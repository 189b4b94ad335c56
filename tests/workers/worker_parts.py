"""Workers with the weights of an oracle file, and frames for them.

Letters: B utterances, T frames, D channels, L samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sonant import build
from sonant.core import FrameGeometry, Frames, generator
from sonant.workers._worker import Clean, Seen, Worker

RATE = 16000
WAVE = FrameGeometry(RATE)
GEOMETRY = FrameGeometry(RATE, hop=160, window=320, offset=-80, tail=80)  # n samples: n // 160 frames


def worker(kind: str, *, in_dim: int, seed: int = 0, **settings) -> Worker:
    torch.manual_seed(seed)
    found = build.module_of("workers", kind)
    return found.Worker(found.Config(**settings), source=WAVE, geometry=GEOMETRY, in_dim=in_dim)


def frames(x_BTD: Tensor, lengths: list[int] | None = None) -> Frames:
    lengths = [x_BTD.shape[1]] * len(x_BTD) if lengths is None else lengths
    return Frames(x_BTD, torch.tensor(lengths), GEOMETRY).masked()


def waves(x_BL: Tensor, lengths: list[int] | None = None) -> Clean:
    return Clean(Frames.of_wave(x_BL, None if lengths is None else torch.tensor(lengths), RATE))


def seen(anchor: Frames, clean: Clean | None = None, **others) -> Seen:
    clean = clean or waves(torch.zeros(len(anchor.lengths_B), 160 * anchor.x_BTD.shape[1]))
    return Seen(anchor, clean, int(anchor.lengths_B.min()), generator("test"), **others)


class Oracle:
    """One file of reference numbers."""

    def __init__(self, path: Path):
        self.arrays = dict(np.load(path))

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(np.asarray(self.arrays[name]))

    def embeddings(self, *names: str) -> list[Tensor]:
        """(B, T, D) leaves."""
        return [self[name].transpose(1, 2).contiguous().requires_grad_() for name in names]

    def head(self, case: str) -> dict[str, Tensor]:
        """State of a ``PReLUMLP`` out of PASE's names (blocks, W) or those of SpeechBrain's recipe (blocks only)."""
        prefix = next((p for p in ("w.minion.", "w.") if f"{case}/{p}W.weight" in self.arrays), None)
        if prefix is None:
            names = {"blocks.0.0": "w.blocks.0.conv", "blocks.0.1": "w.blocks.1", "out": "w.blocks.2.conv"}
        else:
            block = max(key.split("/")[1].removeprefix(prefix).split(".")[1] for key in self.starting(case, prefix))
            block = f"{prefix}blocks.{block}"
            names = {"blocks.0.0": f"{block}.W", "blocks.0.1": f"{block}.act", "out": f"{prefix}W"}
        state = {}
        for ours, theirs in names.items():
            for part in ("weight", "bias"):
                if f"{case}/{theirs}.{part}" in self.arrays:
                    value = self[f"{case}/{theirs}.{part}"]
                    state[f"{ours}.{part}"] = value[..., 0] if value.dim() == 3 else value
        return state

    def starting(self, case: str, prefix: str) -> list[str]:
        return [key for key in self.arrays if key.startswith(f"{case}/{prefix}blocks.")]
