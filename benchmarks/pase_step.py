"""Speed of a training step of PASE+: all twelve workers with their targets, beside the encoder alone.

    python benchmarks/pase_step.py [--utterances 4] [--seconds 2] [--threads 1] [--clock cpu|wall] [--json FILE|-]

Contenders take turns, and the best of each counts. ``plain`` is the encoder written straight down with PyTorch's own
layers (``pase.py``), forward and backward on the batch; ``encoder`` is sonant's on the same; ``step`` is the whole
step, optimiser included, whose encoder hears two chunks of every utterance. Figures are seconds of the batch's audio a
second of processor time (``--clock wall``: of time). The parts of the step are measured apart, as shares of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from pase import Plain

from sonant import build
from sonant.core import Batch, Frames, Method
from sonant.training.engine import keep_freed_memory


def batch_of(utterances: int, samples: int) -> Batch:
    """Noise whose spectrum falls like that of speech."""
    views = torch.randn(utterances, 2, samples, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    views = 0.1 * (views - views.mean(-1, keepdim=True)) / views.std(-1, keepdim=True)
    lengths = torch.full((utterances,), samples)
    return Batch(views[:, 0], lengths, 16000, seeds=tuple(range(utterances)), extras={"views": views})


def parts_of(method: Method, batch: Batch, timed: Callable) -> dict[str, float]:
    """Seconds of targets, encoder (forward), heads (forward) and backward, one after the other."""
    found = {}
    (seen, encoded), found["encoder forward"] = timed(lambda: method._encode(batch))
    _, found["targets"] = timed(
        lambda: [w.target(seen.clean, size=encoded.shape[1]) for w in method.workers.values() if hasattr(w, "target")]
    )
    losses, heads = timed(lambda: [worker.loss(replace(seen)).total for worker in method.workers.values()])
    found["heads forward"] = heads  # targets are remembered; what normalising them again takes counts here
    total = torch.stack(losses).sum()
    leaves = torch.autograd.grad(total, encoded, retain_graph=True)
    _, found["heads backward"] = timed(lambda: torch.autograd.grad(total, encoded, retain_graph=True))
    _, found["encoder backward"] = timed(lambda: encoded.backward(leaves[0]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="pase-plus")
    parser.add_argument("--utterances", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE|-")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    torch.manual_seed(0)
    method = build.method_of(build.resolve(given.config))
    batch = batch_of(given.utterances, int(given.seconds * 16000))
    method.survey([batch])
    plain = Plain(method.encoder.cfg)
    optimizer = torch.optim.Adam(method.parameters(), 1e-4, fused=True)
    clock = time.process_time if given.clock == "cpu" else time.perf_counter
    wave = Frames.of_wave(batch.wave_BL, batch.lengths_B, 16000)
    probe = torch.randn(method.encoder(wave).x_BTD.shape)

    def timed(work: Callable):
        began = clock()
        return work(), clock() - began

    def step() -> None:
        method(batch).total.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    contenders = {
        "plain": lambda: plain(batch.wave_BL[:, None]).mul(probe).sum().backward(),
        "encoder": lambda: method.encoder(wave).x_BTD.mul(probe).sum().backward(),
        "step": step,
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    parts: dict[str, list[float]] = {}
    for _ in range(given.repeats):
        for name, work in contenders.items():
            taken[name].append(timed(work)[1])
        for name, seconds in parts_of(method, batch, timed).items():
            parts.setdefault(name, []).append(seconds)
        optimizer.zero_grad(set_to_none=True)
    audio = given.utterances * given.seconds
    best = {name: min(seconds) for name, seconds in taken.items()}
    result = {f"{name} (x real time)": round(audio / seconds, 2) for name, seconds in best.items()}
    result["step beside plain encoder"] = round(best["plain"] / best["step"], 2)
    result["step beside plain encoder, by chunks heard"] = round(2 * best["plain"] / best["step"], 2)
    result["shares"] = {name: round(min(seconds) / best["step"], 3) for name, seconds in parts.items()}
    text = json.dumps({**vars(given), **result}, indent=1)
    print(text, file=sys.stderr)
    if given.json:
        print(text) if given.json == "-" else Path(given.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
