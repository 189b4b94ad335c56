"""Kill a training run again and again; show that it ends as if nothing had happened.

    python benchmarks/resume.py CONFIG --folder DIR [--kills 20] [--seed 0] [--section.key value ...]

Trains CONFIG twice with ``sonant train``: once in peace (DIR/whole), once with SIGKILL after SIGKILL (DIR/killed),
every second one while a checkpoint is being written. After each kill every checkpoint must be readable; at the end
weights, optimiser and logged figures must equal those of the run in peace. Prints one JSON object; exit code 1 if
anything differs. Choose short runs with frequent checkpoints: --train.steps 200 --train.checkpoint_every 5
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from sonant.training import checkpoint

CLOCKS = ("seconds", "cpu_seconds", "audio_seconds_per_second")  # what two equal runs may differ in


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="shipped name or YAML file")
    parser.add_argument("--folder", type=Path, required=True, help="new folder for the two runs")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of death")
    args, settings = parser.parse_known_args()
    whole, killed = args.folder / "whole", args.folder / "killed"
    train = [sys.executable, "-m", "sonant", "train", args.config, *settings]

    began = time.monotonic()
    run([*train, "--run", str(whole)])
    took = time.monotonic() - began
    deaths = []
    for number in range(args.kills):
        draw = random.Random(f"{args.seed} {number}")
        command = [*train, "--run", str(killed)]
        deaths.append(die(command, killed, writing=number % 2 == 0, draw=draw, longest=took / args.kills))
    run([*train, "--run", str(killed), *(["--resume"] if killed.exists() else [])])
    result = {
        "kills": sum(death["killed"] for death in deaths),
        "while_writing": sum(death["unfinished"] for death in deaths),
        "unreadable_checkpoints": sum(death["unreadable"] for death in deaths),
        "steps_reached": [death["step"] for death in deaths],
        "weights_and_optimiser_equal": same(final(whole), final(killed)),
        "figures_equal": figures(whole) == figures(killed),
        "leftovers": len(list(killed.rglob("*.part"))),
        "seconds_in_peace": round(took, 1),
    }
    print(json.dumps(result, indent=2))
    good = result["weights_and_optimiser_equal"] and result["figures_equal"]
    return 0 if good and not result["unreadable_checkpoints"] and not result["leftovers"] else 1


def run(command: list[str]) -> None:
    """To the end, in peace."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def die(command: list[str], folder: Path, *, writing: bool, draw: random.Random, longest: float) -> dict:
    """Start or resume, kill at a random moment (``writing``: in one of three checkpoints), look at what is left."""
    resume = ["--resume"] if folder.exists() else []
    seen = unfinished(folder)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, *resume], start_new_session=True, **quiet)
    if writing:
        for _ in range(draw.randint(1, 3)):
            while process.poll() is None and not unfinished(folder) - seen:
                time.sleep(0.0005)
            seen |= unfinished(folder)
        time.sleep(draw.random() * 0.003)
    else:
        before = changed(folder)
        while process.poll() is None and changed(folder) == before:
            time.sleep(0.001)
        time.sleep(draw.random() * longest)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)  # the loader's workers too
    process.wait()
    steps, unreadable = [0], 0
    for path in checkpoint.listed(folder):
        try:
            steps.append(checkpoint.read(path)["step"])
        except ValueError as error:
            unreadable += 1
            print(error, file=sys.stderr)
    left = bool(unfinished(folder))
    print(f"killed {'while writing' if writing else 'at random'}: at step {max(steps)} or later", file=sys.stderr)
    return {"killed": alive, "unfinished": left, "unreadable": unreadable, "step": max(steps)}


def changed(folder: Path) -> int:
    """When metrics.jsonl was last written, in nanoseconds; 0: not yet."""
    path = folder / "metrics.jsonl"
    return path.stat().st_mtime_ns if path.exists() else 0


def unfinished(folder: Path) -> set[str]:
    """Names of checkpoints that are being written, or were when a process died."""
    return {path.name for path in (folder / "checkpoints").glob(".*.part")}


def final(folder: Path) -> dict:
    """The last checkpoint's tensors that training goes on from."""
    saved = checkpoint.read(checkpoint.listed(folder)[0])
    return {key: saved[key] for key in ("step", "method", "average", "optimizer", "rng")}


def same(a, b) -> bool:
    """Whether two nested values are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(same, a, b))
    return a == b


def figures(folder: Path) -> list[dict]:
    """The lines of metrics.jsonl without clocks and events."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k not in CLOCKS} for line in lines if line["kind"] != "event"]


if __name__ == "__main__":
    sys.exit(main())
