"""Speed of the encoder of PASE+ in training, beside the same network written straight down with PyTorch's own layers.

    python benchmarks/pase.py [--utterances 4] [--seconds 2] [--threads 1] [--bfloat16] [--json FILE|-]

One step is forward and backward. Both take turns, and the best of each counts, in processor seconds: other work on the
machine shows less in these than on the clock. Figures are seconds of audio a second of processor time. ``--profile``
prints where the time of one step goes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from sonant.core import FrameGeometry, Frames
from sonant.encoders.pase import Config, Encoder
from sonant.nn.qrnn import QRNN
from sonant.nn.sinc import SincConv


class Filters(nn.Module):
    def __init__(self, dim: int, kernel: int):
        super().__init__()
        self.sinc = SincConv(dim, kernel=kernel, sample_rate=16000)

    def forward(self, x):
        return F.conv1d(x, self.sinc.filters()[:, None])


class Plain(nn.Module):
    """(B, 1, L) -> (B, T, dim)."""

    def __init__(self, cfg: Config):
        super().__init__()
        self.blocks, before = nn.ModuleList(), 1
        for i, (dim, kernel, stride) in enumerate(zip(cfg.channels, cfg.kernels, cfg.strides, strict=True)):
            pad = kernel // 2 - int(stride > 1), kernel // 2
            conv = nn.Conv1d(before, dim, kernel, stride) if i else Filters(dim, kernel)
            self.blocks.append(nn.Sequential(nn.ReflectionPad1d(pad), conv, nn.BatchNorm1d(dim), nn.PReLU(dim, init=0)))
            before = dim
        self.rnn, self.last = QRNN(before, cfg.rnn_dim), nn.Conv1d(cfg.rnn_dim, cfg.dim, 1)
        self.skips = nn.ModuleList(nn.Conv1d(dim, cfg.dim, 1, bias=False) for dim in cfg.channels[:-1])
        self.norm = nn.BatchNorm1d(cfg.dim, affine=False)

    def forward(self, x):
        layers = []
        for block in self.blocks:
            x = block(x)
            layers.append(x)
        y = self.last(self.rnn(x.transpose(1, 2))[0][-1].transpose(1, 2))
        for skip, layer in zip(self.skips, layers, strict=False):
            size = layer.shape[2] // y.shape[2]
            y = y + skip(layer)[:, :, : size * y.shape[2]].unflatten(2, (-1, size)).mean(3)
        return self.norm(y).transpose(1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="both under autocast")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE|-")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    ours, plain = Encoder(Config(), source=FrameGeometry(16000)), Plain(Config())
    frames = Frames.of_wave(0.1 * torch.randn(given.utterances, int(given.seconds * 16000)), None, 16000)
    contenders = {"sonant": lambda: ours(frames).x_BTD, "plain": lambda: plain(frames.x_BTD.transpose(1, 2))}

    def step(encode):
        with torch.autocast("cpu", torch.bfloat16, enabled=given.bfloat16):
            loss = encode().float().mul(probe).mean()
        loss.backward()

    probe = torch.randn(given.utterances, int(given.seconds * 100), 256)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(given.repeats):
        for name, encode in contenders.items():
            before = time.process_time()
            step(encode)
            taken[name].append(time.process_time() - before)
    audio = given.utterances * given.seconds
    result = {name: round(audio / min(seconds), 1) for name, seconds in taken.items()}
    result["ratio"] = round(result["sonant"] / result["plain"], 2)
    print(f"forward and backward: {result['sonant']} s of audio a processor second, plain {result['plain']} "
          f"({result['ratio']} x)", file=sys.stderr)  # fmt: skip
    if given.profile:
        for encode in contenders.values():
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
                step(encode)
            print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=14), file=sys.stderr)
    if given.json:
        text = json.dumps({**vars(given), **result}, indent=1)
        print(text) if given.json == "-" else Path(given.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
