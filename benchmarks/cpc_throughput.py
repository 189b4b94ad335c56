"""How fast contrastive predictive coding trains on raw waveforms: ours beside straightforward code.

    python benchmarks/cpc_throughput.py --threads 2 --rounds 5
    python benchmarks/cpc_throughput.py --threads 1 --cpu-time --curve 300 --audio FOLDER --json -

The architecture is that of CPC_audio: five convolutions of 256 channels with channel norm, an LSTM of 256, 12 linear
predictors, 128 distractors drawn from the batch, 8 windows of 20480 samples (10.24 s of audio) a step, Adam. The
straightforward code computes the same loss of the same weights with the same draws, and gathers every distractor.
Variants take turns, so that a busy machine slows them alike. A step is forward, backward and the optimiser.

Letters: B windows, L samples, T frames, S anchors, K horizons, M distractors, D channels.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant import build
from sonant.core import Batch, Frames, Method, derive_seed, generator
from sonant.objectives.candidates import draw_negatives, pool_of

RATE, WINDOW, WINDOWS = 16000, 20480, 8
CONFIG = {
    "encoder": {"name": "cpc_conv"},
    "context": {"name": "lstm"},
    "method": {"name": "cpc", "negatives_from": "batch"},
}
VARIANTS = {"straightforward": False, "straightforward-bf16": True, "sonant": False, "sonant-bf16": True}
STAGES = ("encoder", "context", "loss", "backward", "optimiser")


class Clock:
    """Seconds spent in each stage."""

    now = staticmethod(time.perf_counter)

    def __init__(self):
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.last = self.now()

    def tick(self, stage: str) -> None:
        now = self.now()
        self.seconds[stage] += now - self.last
        self.last = now


def straightforward_encoder(method: Method, wave_BL: Tensor) -> Tensor:
    """(B, L) -> (B, T, D): torch convolutions, the norm as its formula."""
    x = wave_BL[:, None]
    for conv, norm in zip(method.encoder.convs, method.encoder.norms, strict=True):
        x = F.conv1d(x, conv.weight, conv.bias, stride=conv.stride[0], padding=conv.left)
        x = (x - x.mean(1, keepdim=True)) * torch.rsqrt(x.var(1, keepdim=True) + norm.eps)
        x = F.relu(x * norm.weight[:, None] + norm.bias[:, None])
    return x.transpose(1, 2)


def straightforward_loss(method: Method, z_BTD: Tensor, c_BTC: Tensor, batch: Batch) -> Tensor:
    """Every distractor gathered: (B, S, 1 + M, D) candidates for every horizon."""
    B, T, D = z_BTD.shape
    K, M = method.cfg.horizons, method.cfg.negatives
    S = T - K
    index_BSM = draws(z_BTD, batch, method)
    negative_BSMD = z_BTD.reshape(-1, D)[index_BSM.flatten()].view(B, S, M, D)
    place_BS1 = (torch.arange(B)[:, None] * T + torch.arange(S))[:, :, None]
    losses = []
    for k, weight in enumerate(method.predict.map.weight.view(K, D, -1), start=1):
        pred_BSD = F.linear(c_BTC[:, :S], weight)
        candidates = torch.cat([z_BTD[:, k : k + S, None], negative_BSMD], dim=2)
        scores = (pred_BSD[:, :, None] * candidates).mean(-1).float()
        repeat = F.pad(index_BSM == place_BS1 + k, (1, 0))
        scores = scores.masked_fill(repeat, float("-inf"))
        losses.append(F.cross_entropy(scores.view(-1, M + 1), torch.zeros(B * S, dtype=torch.long)))
    return torch.stack(losses).mean()


def draws(z_BTD: Tensor, batch: Batch, method: Method) -> Tensor:
    """The distractors that the method draws for this batch."""
    frames = method.encoder.geometry.frames(batch.lengths_B)
    pool = pool_of(Frames(z_BTD, frames, method.encoder.geometry), "batch")
    generators = [batch.generator(b, "negatives") for b in range(len(batch))]
    anchors = (frames - method.cfg.horizons).tolist()
    return draw_negatives(pool, anchors, number=method.cfg.negatives, generators=generators)


def forward(method: Method, batch: Batch, *, straightforward: bool, clock: Clock) -> Tensor:
    """The loss of one batch, timed by stage."""
    if straightforward:
        x_BTD = straightforward_encoder(method, batch.wave_BL)
        clock.tick("encoder")
        c_BTC = method.context.rnns[0](x_BTD)[0]
        clock.tick("context")
        loss = straightforward_loss(method, x_BTD, c_BTC, batch)
    else:
        z = method.encoder(batch.frames())
        clock.tick("encoder")
        c = method.context(z)
        clock.tick("context")
        loss = method.contrast(z, c, batch).total
    clock.tick("loss")
    return loss


class Trainer:
    """One variant with its own copy of the weights and its optimiser."""

    def __init__(self, name: str, method: Method):
        self.name, self.method = name, copy.deepcopy(method)
        self.optimiser = torch.optim.Adam(self.method.parameters(), 2e-4)

    def step(self, batch: Batch) -> tuple[float, Clock]:
        """(loss, seconds by stage) of one training step."""
        clock = Clock()
        with torch.autocast("cpu", torch.bfloat16) if VARIANTS[self.name] else nullcontext():
            loss = forward(self.method, batch, straightforward=self.name.startswith("straightforward"), clock=clock)
        self.optimiser.zero_grad()
        loss.backward()
        clock.tick("backward")
        self.optimiser.step()
        clock.tick("optimiser")
        return loss.item(), clock


def noise_batches() -> Iterator[Batch]:
    """Windows of noise: the speed does not depend on what is heard."""
    for step in range(10**9):
        wave_BL = 0.1 * torch.randn(WINDOWS, WINDOW, generator=generator(0, "noise", step))
        yield batch_of(wave_BL, step)


def speech_batches(folder: Path) -> Iterator[Batch]:
    """Random windows of the audio files of a folder."""
    import soundfile

    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav"))
    waves = [wave for path in paths if len(wave := soundfile.read(path, dtype="float32")[0]) > WINDOW]
    for step in range(10**9):
        g = generator(0, "windows", step)
        picked = [waves[i] for i in torch.randint(len(waves), (WINDOWS,), generator=g).tolist()]
        starts = [int(torch.randint(len(wave) - WINDOW, (1,), generator=g)) for wave in picked]
        rows = [torch.from_numpy(wave[s : s + WINDOW]) for wave, s in zip(picked, starts, strict=True)]
        yield batch_of(torch.stack(rows), step)


def batch_of(wave_BL: Tensor, step: int) -> Batch:
    seeds = tuple(derive_seed(0, step, b) for b in range(WINDOWS))
    return Batch(wave_BL, torch.full((WINDOWS,), WINDOW), RATE, seeds=seeds)


def speed(method: Method, rounds: int) -> dict[str, dict]:
    """Seconds of audio trained per second and the share of each stage, median over rounds of alternating steps."""
    trainers = [Trainer(name, method) for name in VARIANTS]
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    stages: dict[str, list[dict]] = {name: [] for name in VARIANTS}
    first = {}
    for number, batch in zip(range(rounds + 1), noise_batches(), strict=False):
        for trainer in trainers:
            loss, clock = trainer.step(batch)
            if number == 0:  # the first round warms up, and starts from equal weights
                first[trainer.name] = loss
                continue
            seconds[trainer.name].append(sum(clock.seconds.values()))
            stages[trainer.name].append(clock.seconds)
    audio = WINDOWS * WINDOW / RATE
    return {
        name: {
            "audio_seconds_per_second": round(audio / statistics.median(seconds[name]), 2),
            "share": {stage: round(sum(s[stage] for s in stages[name]) / sum(seconds[name]), 3) for stage in STAGES},
            "first_loss": first[name],
        }
        for name in VARIANTS
    }


def curves(steps: int, batches: Callable[[], Iterator[Batch]], names: list[str]) -> dict[str, list]:
    """Losses of training each variant on the same batches from the same start.

    Distractors come from the utterance and the learning rate rises over all steps: with channel norm and linear
    predictors a full rate from the first step leaves the loss at chance for long (CPC_audio advises a ramp too).
    """
    torch.manual_seed(0)
    method = build.method_of(build.resolve({**CONFIG, "method": {"name": "cpc", "negatives_from": "utterance"}}))
    found = {}
    for name in names:
        trainer = Trainer(name, method)
        ramp = torch.optim.lr_scheduler.LambdaLR(trainer.optimiser, lambda step: (step + 1) / steps)
        found[name] = []
        for _, batch in zip(range(steps), batches(), strict=False):
            found[name].append(trainer.step(batch)[0])
            ramp.step()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--curve", type=int, default=0, help="also train this many steps and compare the losses")
    parser.add_argument("--audio", type=Path, help="folder of 16 kHz audio for --curve; noise otherwise")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count CPU seconds, not the wall's; use with --threads 1"
    )
    parser.add_argument("--json", help="write the figures to this file, or - for standard output")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Clock.now = staticmethod(time.process_time if args.cpu_time else time.perf_counter)
    torch.manual_seed(0)
    method = build.method_of(build.resolve(CONFIG))
    results: dict = {
        "threads": args.threads,
        "clock": "cpu" if args.cpu_time else "wall",
        "torch": torch.__version__,
        "speed": speed(method, args.rounds),
    }
    base = results["speed"]["straightforward"]["audio_seconds_per_second"]
    for name, row in results["speed"].items():
        shares = ", ".join(f"{stage} {share:.0%}" for stage, share in row["share"].items())
        rate = row["audio_seconds_per_second"]
        print(
            f"{name:22s} {rate:7.2f} s/s  x{rate / base:5.2f}  loss {row['first_loss']:.6f}  {shares}", file=sys.stderr
        )
    if args.curve:
        batches = (lambda: speech_batches(args.audio)) if args.audio else noise_batches
        results["curves"] = curves(args.curve, batches, ["sonant", "sonant-bf16"])
        for name, losses in results["curves"].items():
            tail = sum(losses[-10:]) / len(losses[-10:])
            print(f"{name:22s} first {losses[0]:.5f}  mean of last ten {tail:.5f}", file=sys.stderr)
    if args.json:
        text = json.dumps(results, indent=2) + "\n"
        sys.stdout.write(text) if args.json == "-" else Path(args.json).write_text(text)


if __name__ == "__main__":
    main()
