"""Speed of a training step of voice activity projection, stereo, with the body frozen and thawed; and of its parts.

    python benchmarks/vap_step.py [--config vap] [--dialogues 2] [--seconds 20] [--precision bf16] [--dropout 0.1]

``plain step`` is the frozen step as one would write it down: single precision and PyTorch's own attention. Contenders
take turns, and the best of each counts. Figures are seconds of dialogue a second of time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, Method
from sonant.nn import alibi_transformer
from sonant.training.engine import keep_freed_memory
from sonant.training.step import autocast


def batch_of(dialogues: int, seconds: float, rate: float) -> Batch:
    """Noise, and activity that changes every half second."""
    generator, samples = torch.Generator().manual_seed(0), round(seconds * 16000)
    frames = round((seconds + 2) * rate)
    runs_BNC = torch.rand(dialogues, frames // 25 + 1, 2, generator=generator) < 0.5
    activity_BTC = runs_BNC.repeat_interleave(25, dim=1)[:, :frames].to(torch.uint8)
    wave_BCL = 0.1 * torch.randn(dialogues, 2, samples, generator=generator)
    extras = {"activity_BTC": activity_BTC, "known_B": torch.full((dialogues,), frames)}
    return Batch(wave_BCL, torch.full((dialogues,), samples), 16000, extras=extras)


def freeze(method: Method, frozen: bool) -> None:
    for part in (method.encoder, method.context):
        part.requires_grad_(not frozen)


def step(method: Method, batch: Batch, frozen: bool) -> None:
    freeze(method, frozen)
    method(batch).total.backward()
    method.zero_grad(set_to_none=True)


def plain_step(method: Method, batch: Batch) -> None:
    ours = alibi_transformer.causal_attend
    alibi_transformer.causal_attend = plain_attention
    try:
        with torch.autocast("cpu", enabled=False):
            step(method, batch, True)
    finally:
        alibi_transformer.causal_attend = ours


def plain_attention(q, k, v, bias, *, scale: float, dropout: float = 0.0):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=scale)


@torch.no_grad()
def body(method: Method, batch: Batch) -> None:
    method.context(method.encoder(method.heard(batch)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="vap")
    parser.add_argument("--dialogues", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    method = build.method_of(build.resolve(args.config, [("dialogue.dropout", str(args.dropout))]))
    batch = batch_of(args.dialogues, args.seconds, method.window.rate)
    contenders = {
        "frozen step": lambda: step(method, batch, True),
        "frozen body": lambda: body(method, batch),
        "thawed step": lambda: step(method, batch, False),
        "plain step": lambda: plain_step(method, batch),
    }
    best = dict.fromkeys(contenders, float("inf"))
    with autocast(torch.device("cpu"), args.precision):
        for _ in range(args.repeats):
            for name, run in contenders.items():
                began = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - began)
    speeds = {name: round(args.dialogues * args.seconds / seconds, 2) for name, seconds in best.items()}
    for name, speed in speeds.items() if args.json != "-" else ():
        print(f"{name:12} {speed:6.1f} x real time")
    if args.json == "-":
        json.dump(speeds, sys.stdout)
    elif args.json:
        Path(args.json).write_text(json.dumps(speeds))


if __name__ == "__main__":
    main()
