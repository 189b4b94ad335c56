"""Speed of Fast ResNet-34 in training, beside the same network written straight down with PyTorch's own layers.

    python benchmarks/resnet34.py [--utterances 32] [--seconds 2] [--threads 1] [--bfloat16] [--json FILE|-]

One step is forward and backward through encoder, self-attentive pooling and linear layer; features are computed once,
and timed apart. Both take turns, and the best of each counts, in processor seconds: other work on the machine shows
less in these than on the clock. Figures are seconds of audio a second of processor time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from sonant import build
from sonant.core import Frames

CONFIG = {
    "sample_rate": 16000,
    "features": {"name": "stft_mel", "n_mels": 40, "n_fft": 512, "window": "hamming", "level_db": None}
    | {"log_offset": 1e-6, "cmvn": "instance"},
    "encoder": {"name": "resnet34"},
    "context": {"name": "identity"},
    "embedding": {"pool": "sap", "dim": 512},
}


class Gate(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim // 8), nn.ReLU(), nn.Linear(dim // 8, dim), nn.Sigmoid())

    def forward(self, x):
        return x * self.net(x.mean((2, 3)))[:, :, None, None]


class Block(nn.Module):
    def __init__(self, in_dim: int, dim: int, stride: int):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(in_dim, dim, 3, stride, 1, bias=False), nn.ReLU(), nn.BatchNorm2d(dim))
        self.second = nn.Sequential(nn.Conv2d(dim, dim, 3, 1, 1, bias=False), nn.BatchNorm2d(dim), Gate(dim))
        same = stride == 1 and in_dim == dim
        self.skip = (
            nn.Identity() if same else nn.Sequential(nn.Conv2d(in_dim, dim, 1, stride, bias=False), nn.BatchNorm2d(dim))
        )

    def forward(self, x):
        return torch.relu(self.second(self.first(x)) + self.skip(x))


class Plain(nn.Module):
    """(B, T, 40) -> (B, 512)."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(1, 16, 7, (2, 1), 3, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        dim = 16
        for count, stride, wide in zip((3, 4, 6, 3), (1, 2, 2, 1), (16, 32, 64, 128), strict=True):
            for b in range(count):
                layers.append(Block(dim, wide, stride if b == 0 else 1))
                dim = wide
        self.layers, self.enter, self.score = nn.Sequential(*layers), nn.Linear(dim, dim), nn.Linear(dim, 1, bias=False)
        self.linear = nn.Linear(dim, 512)

    def forward(self, x_BTF):
        h_BTC = self.layers(x_BTF.transpose(1, 2)[:, None]).mean(2).transpose(1, 2)
        weight_BT1 = self.score(torch.tanh(self.enter(h_BTC))).softmax(1)
        return self.linear((weight_BT1 * h_BTC).sum(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="both under autocast")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE|-")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    ours, plain = build.representation_of(CONFIG), Plain()
    wave_BL = 0.1 * torch.randn(given.utterances, int(given.seconds * 16000))
    waves = Frames.of_wave(wave_BL, None, 16000)
    frames = ours.encoder.features(waves)

    def sonant():
        return ours.embedding(ours.encoder.local(frames))

    def straight():
        return plain(frames.x_BTD)

    def step(vectors):
        with torch.autocast("cpu", torch.bfloat16, enabled=given.bfloat16):
            loss = vectors().float().square().mean()
        loss.backward()

    work = {
        "sonant": lambda: step(sonant),
        "plain": lambda: step(straight),
        "features": lambda: ours.encoder.features(waves),
    }
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(given.repeats):
        for name, run in work.items():
            before = time.process_time()
            run()
            taken[name].append(time.process_time() - before)
    audio = given.utterances * given.seconds
    result = {name: round(audio / min(seconds), 1) for name, seconds in taken.items()}
    result["ratio"] = round(result["sonant"] / result["plain"], 2)
    print(f"forward and backward: {result['sonant']} s of audio a processor second, plain {result['plain']} "
          f"({result['ratio']} x); features {result['features']}", file=sys.stderr)  # fmt: skip
    if given.json:
        text = json.dumps({**vars(given), **result}, indent=1)
        print(text) if given.json == "-" else Path(given.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
