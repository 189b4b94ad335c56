"""How fast Fast ResNet-34 trains with SimCLR on augmented speech, and where the time goes.

    python benchmarks/speaker_throughput.py MANIFEST NOISES RIRS [--threads 2] [--rounds 10] [--workers 0 1 2]

MANIFEST: of training audio (sonant prepare); NOISES, RIRS: folders or manifests for augmentation. All figures are
seconds of audio, views counted, per second.

    loader           the batches alone, without and with augmentation, from memory and from files
    training         batches of 16 utterances x 2 views x 2 s with noise and reverberation: wait for data, forward,
                     backward, optimiser; with each number of workers
    straightforward  the same model by torch's own layers alone in a plain loop on batches that are there already: no
                     masks, no data work

Steps of all variants of training take turns, so that other work on the machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant import build
from sonant.core import Batch, Method
from sonant.data.augment.config import AugmentConfig
from sonant.data.config import DataConfig, build_loaders

UTTERANCES, VIEWS, SECONDS, RATE = 16, 2, 2.0, 16_000
AUDIO = UTTERANCES * VIEWS * SECONDS  # s in a batch
STAGES = ("data", "forward", "backward", "optimiser")
TEMPERATURE = 0.03
MODEL = {  # sslsv's SimCLR: Fast ResNet-34, 40 mels, self-attentive pooling
    "features": {
        "name": "stft_mel", "n_mels": 40, "n_fft": 512, "window": "hamming", "level_db": None, "log_offset": 1e-6,
        "cmvn": "instance",
    },
    "encoder": {"name": "resnet34"},
    "context": {"name": "identity"},
    "embedding": {"pool": "sap", "dim": 512},
    "method": {"name": "simclr", "temperature": TEMPERATURE},
}  # fmt: skip


class Straightforward(nn.Module):
    """Fast ResNet-34 and NT-Xent as one would write them in an afternoon."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hamming_window(400))
        self.register_buffer("mel", torch.rand(257, 40) / 257)
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 7, (2, 1), 3, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.norm = nn.InstanceNorm1d(40)
        blocks, width = [], 16
        for stage, (count, stride) in enumerate(zip((3, 4, 6, 3), (1, 2, 2, 1), strict=True)):
            for b in range(count):
                blocks.append(PlainBlock(width, 16 * 2**stage, stride if b == 0 else 1))
                width = 16 * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.attention, self.score, self.out = nn.Linear(128, 128), nn.Linear(128, 1), nn.Linear(128, 512)

    def forward(self, wave_NL: Tensor) -> Tensor:
        """(N, L) -> (N, D)."""
        with torch.no_grad():
            spectrum = torch.stft(wave_NL, 512, 160, 400, self.window, return_complex=True).abs().square()
            mel_NMT = self.norm(torch.log(self.mel.T @ spectrum + 1e-6))
        h_NTC = self.blocks(self.stem(mel_NMT[:, None])).mean(2).transpose(1, 2)
        weight_NT1 = self.score(torch.tanh(self.attention(h_NTC))).softmax(1)
        return self.out((weight_NT1 * h_NTC).sum(1))

    def loss(self, batch: Batch) -> Tensor:
        views_BVL = batch.extras["views"]
        z_ND = F.normalize(self(views_BVL.transpose(0, 1).reshape(-1, views_BVL.shape[-1])), dim=1)
        N = len(z_ND)
        scores_NN = (z_ND @ z_ND.T / TEMPERATURE).masked_fill(torch.eye(N, dtype=torch.bool), float("-inf"))
        return F.cross_entropy(scores_NN, (torch.arange(N) + N // 2) % N)


class PlainBlock(nn.Module):
    """Two convolutions with squeeze-excitation."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.squeeze = nn.Sequential(
            nn.Linear(after, after // 8), nn.ReLU(), nn.Linear(after // 8, after), nn.Sigmoid()
        )
        self.short = nn.Identity()
        if stride > 1 or before != after:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x)))))
        return F.relu(y * self.squeeze(y.mean((2, 3)))[:, :, None, None] + self.short(x))


class Trainer:
    """A model with its optimiser and its batches, timed by stage."""

    now = staticmethod(time.perf_counter)

    def __init__(self, model: nn.Module, batches):
        self.model, self.batches = model.train(), iter(batches)
        self.optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        self.seconds: list[dict[str, float]] = []

    def step(self) -> float:
        """Train one step and return the loss."""
        marks = [self.now()]
        batch = next(self.batches)
        marks.append(self.now())
        found = self.model.loss(batch)
        loss = found.total if isinstance(self.model, Method) else found
        marks.append(self.now())
        self.optimiser.zero_grad()
        loss.backward()
        marks.append(self.now())
        self.optimiser.step()
        marks.append(self.now())
        self.seconds.append({s: b - a for s, (a, b) in zip(STAGES, itertools.pairwise(marks), strict=True)})
        return loss.item()

    def figures(self) -> dict:
        """Without the first step, which warms up."""
        steps = self.seconds[1:]
        whole = [sum(step.values()) for step in steps]
        shares = {stage: round(sum(step[stage] for step in steps) / sum(whole), 4) for stage in STAGES}
        return {"audio_seconds_per_second": round(AUDIO / statistics.median(whole), 1), "share": shares}


def loader(args, *, workers: int = 0, augment: bool = True, cache_mb: int = 2000):
    data = DataConfig(
        train=args.manifest, view="crops", views=VIEWS, chunk_seconds=SECONDS, short="wrap", batch_size=UTTERANCES,
        workers=workers, cache_mb=cache_mb, valid_fraction=0.0,
    )  # fmt: skip
    section = AugmentConfig(noise=args.noises, rirs=args.rirs) if augment else None
    return build_loaders(data, augment=section)[0]


def loader_figures(args) -> dict[str, dict[str, float]]:
    """Batches of one process, after one epoch that fills the caches; by the wall and by the time of the processor."""
    found = {}
    for augment, cache_mb in itertools.product((False, True), (2000, 0)):
        one = loader(args, augment=augment, cache_mb=cache_mb)
        for _ in one.batches(0, one.steps_per_epoch):
            pass
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in one.batches(one.steps_per_epoch, 2 * args.rounds):
            pass
        audio = 2 * args.rounds * AUDIO
        name = f"{'augmented' if augment else 'plain'} from {'memory' if cache_mb else 'files'}"
        found[name] = {
            "per_second": round(audio / (time.perf_counter() - wall)),
            "per_cpu_second": round(audio / (time.process_time() - cpu)),
        }
    return found


def training_figures(args) -> dict[str, dict]:
    torch.manual_seed(0)
    run = build.resolve(MODEL)
    trainers = {
        f"training, {n} workers": Trainer(build.method_of(run), loader(args, workers=n).batches()) for n in args.workers
    }
    ready = list(loader(args).batches(0, 2))
    trainers["straightforward"] = Trainer(Straightforward(), itertools.cycle(ready))
    for trainer, _ in itertools.product(trainers.values(), range(args.warm)):
        next(trainer.batches)  # fills the caches, which training does in its first epochs
    for _ in range(args.rounds + 1):
        for trainer in trainers.values():
            trainer.step()
    return {name: trainer.figures() for name, trainer in trainers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest")
    parser.add_argument("noises")
    parser.add_argument("rirs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--warm", type=int, default=26, help="batches read before training, to fill the caches")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", choices=["loader", "training"], help="measure one part alone")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count CPU seconds of training's own process; use with --threads 1"
    )
    parser.add_argument("--json", help="write the figures to this file, or - for standard output")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Trainer.now = staticmethod(time.process_time if args.cpu_time else time.perf_counter)
    results: dict = {"threads": args.threads, "clock": "cpu" if args.cpu_time else "wall", "torch": torch.__version__}
    results["loader"] = {} if args.only == "training" else loader_figures(args)
    for name, row in results["loader"].items():
        print(f"{name:24s} {row['per_second']:7d} s/s  {row['per_cpu_second']:7d} s per cpu second", file=sys.stderr)
    if args.only != "loader":
        results["training"] = training_figures(args)
        base = results["training"]["straightforward"]["audio_seconds_per_second"]
        for name, row in results["training"].items():
            rate, shares = row["audio_seconds_per_second"], row["share"]
            told = ", ".join(f"{stage} {share:.1%}" for stage, share in shares.items())
            print(f"{name:24s} {rate:7.1f} s/s  x{rate / base:5.2f}  {told}", file=sys.stderr)
    if args.json:
        text = json.dumps(results, indent=2) + "\n"
        sys.stdout.write(text) if args.json == "-" else Path(args.json).write_text(text)


if __name__ == "__main__":
    main()
