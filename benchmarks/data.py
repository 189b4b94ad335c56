"""How fast audio reaches training, and what a manifest of a million utterances costs.

    python benchmarks/data.py MANIFEST [--seconds 10] [--rows 1000000]

Throughput is in seconds of audio per second of time (x real time), for windows of 1.28 s in random order in batches
of 32, beside a plain loop over the same windows with soundfile in the same run. The second table opens a manifest
of ``--rows`` utterances in a fresh process and takes the first batch from it (memory from /proc: Linux only).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from sonant.core import samples_of
from sonant.data.audio import AudioInfo
from sonant.data.config import DataConfig, build_loaders
from sonant.data.manifest import Manifest, ManifestWriter

BATCH, WINDOW_S = 32, 1.28

FIRST_BATCH = """
import multiprocessing, re, sys, time
started = time.perf_counter()
from sonant.data.config import DataConfig, build_loaders
imported = time.perf_counter()
train, valid = build_loaders(DataConfig(train=sys.argv[1], workers=int(sys.argv[2]), view=sys.argv[3]), seed=0)
opened = time.perf_counter()
next(train.batches())
first = time.perf_counter()
def megabytes(file, name):
    return int(re.search(name + r":\\s+(\\d+) kB", open(file).read())[1]) / 1024
workers = [f"/proc/{child.pid}/smaps_rollup" for child in multiprocessing.active_children()]
print(imported - started, opened - imported, first - opened, megabytes("/proc/self/status", "VmHWM"),
      sum(megabytes(file, "Pss") for file in ["/proc/self/smaps_rollup", *workers]))
"""


def plain_loop(manifest: Manifest, seconds: float) -> float:
    """x real time of windows at random places read by soundfile alone."""
    paths = [str(manifest.path(index)) for index in range(len(manifest))]
    rates, totals = np.asarray(manifest.table.sample_rate), np.asarray(manifest.table.num_samples)
    windows = [samples_of(WINDOW_S, int(rate)) for rate in rates]
    usable = [index for index in range(len(paths)) if totals[index] >= windows[index]]
    generator = np.random.default_rng(0)
    started, heard = time.perf_counter(), 0.0
    while time.perf_counter() - started < seconds:
        index = int(generator.choice(usable))
        start = int(generator.integers(0, totals[index] - windows[index] + 1))
        soundfile.read(paths[index], start=start, frames=windows[index], dtype="float32")
        heard += WINDOW_S
    return heard / (time.perf_counter() - started)


def loader_speed(cfg: DataConfig, seconds: float) -> float:
    """x real time of a loader, from its second batch on; with a cache from its second epoch on."""
    train, _ = build_loaders(cfg, seed=0)
    batches = train.batches()
    for _ in range(train.steps_per_epoch if cfg.cache_mb else 1):
        next(batches)
    started, heard = time.perf_counter(), 0.0
    while time.perf_counter() - started < seconds:
        heard += next(batches).lengths_B.sum().item() / cfg.sample_rate
    return heard / (time.perf_counter() - started)


def throughput(manifest: Manifest, seconds: float, console: Console) -> None:
    table = Table(
        "reader", "x real time", "to the plain loop", title=f"{len(manifest):,} utterances, {manifest.folder}"
    )
    plain = plain_loop(manifest, seconds)
    table.add_row("soundfile, plain loop", f"{plain:,.0f}", "1.00")
    base = DataConfig(train=str(manifest.folder), batch_size=BATCH, chunk_seconds=WINDOW_S, valid_fraction=0.0)
    for cache in (0, 4000):
        for workers in (0, 1, 2):
            speed = loader_speed(replace(base, workers=workers, cache_mb=cache), seconds)
            name = f"chunks, {workers} workers{', cached' if cache else ''}"
            table.add_row(name, f"{speed:,.0f}", f"{speed / plain:.2f}")
    again = plain_loop(manifest, seconds)
    table.add_row("soundfile, plain loop, again", f"{again:,.0f}", f"{again / plain:.2f}")
    console.print(table)


def large_manifest(manifest: Manifest, rows: int, folder: Path) -> float:
    """Write ``rows`` utterances that name the audio of ``manifest`` over and over, each by a path of its own that leads
    through a link; seconds it took."""
    known = [manifest.unlabelled(index) for index in range(len(manifest))]
    base = Path(os.path.commonpath([Path(u.path).absolute().parent for u in known]))
    (folder / "audio").mkdir()
    for number in range(-(-rows // len(known))):
        (folder / "audio" / str(number)).symlink_to(base)
    started = time.perf_counter()
    with ManifestWriter(folder, name="large") as writer:
        for row in range(rows):
            u = known[row % len(known)]
            path = f"{folder}/audio/{row // len(known)}/{Path(u.path).absolute().relative_to(base)}"
            info = AudioInfo(u.sample_rate, 1, samples_of(u.duration, u.sample_rate))
            writer.add(replace(u, id=f"{row:07d}-{u.id}", path=path, speaker=f"speaker{row % 6000}"), info=info)
        writer.finish()
    return time.perf_counter() - started


def first_step(folder: Path) -> tuple[float, float]:
    """(s, MB) of ``sonant train`` for one step with one batch of validation, in a process of its own."""
    run = folder / "run"
    command = [sys.executable, "-m", "sonant", "train", "cpc-laptop", "--data.train", str(folder), "--run", str(run)]
    command += ["--train.steps", "1", "--train.valid_steps", "1"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, "sonant train failed"
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def first_batches(manifest: Manifest, rows: int, console: Console) -> None:
    table = Table(
        "view",
        "workers",
        "import s",
        "open s",
        "first batch s",
        "peak MB",
        "all processes MB",
        title=f"{rows:,} utterances",
    )
    with tempfile.TemporaryDirectory() as folder:
        took = large_manifest(manifest, rows, Path(folder))
        for view, workers in (("chunks", 0), ("chunks", 2), ("utterances", 0), ("speakers", 0), ("crops", 0)):
            command = [sys.executable, "-c", FIRST_BATCH, folder, str(workers), view]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            imported, opened, first, peak, together = map(float, done.stdout.split())
            times = (f"{imported:.1f}", f"{opened:.2f}", f"{first:.2f}")
            table.add_row(view, str(workers), *times, f"{peak:,.0f}", f"{together:,.0f}")
        seconds, peak = first_step(Path(folder))
        console.print(
            f"'sonant train cpc-laptop', from the command to the end of one step: {seconds:.1f} s, {peak:,.0f} MB"
        )
        (Path(folder) / "table" / "table.json").write_text(json.dumps({}))
        started = time.perf_counter()
        Manifest.open(folder)
        rebuilt = time.perf_counter() - started
    console.print(table)
    console.print(f"written in {took:.1f} s, table rebuilt from JSONL in {rebuilt:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", help="a prepared corpus")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--rows", type=int, default=1_000_000, help="utterances of the large manifest; 0: leave it out")
    args = parser.parse_args()
    console, manifest = Console(), Manifest.open(args.manifest)
    throughput(manifest, args.seconds, console)
    if args.rows:
        first_batches(manifest, args.rows, console)


if __name__ == "__main__":
    main()
