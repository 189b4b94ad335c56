"""k-means on G GB of frames on disk: time, inertia and peak memory, beside scikit-learn's MiniBatchKMeans in one run.

python benchmarks/kmeans.py --gb 2 --dim 256 --k 100
python benchmarks/kmeans.py --cloud units/features --gb 2 --k 100      frames that sonant units fit wrote

Each side runs in a process of its own, one after the other. scikit-learn holds all frames in memory; its settings are
those of GSLM: batch 10000, n_init 20, tol 0, max_no_improvement 100, at most 100 passes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sonant.actions._unit_clusters import KMeansConfig, _score, fit_clusters
from sonant.data.cloud import FRAMES, Cloud, CloudWriter

BLOCK = 100_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--tol", type=float, default=1e-3)
    parser.add_argument("--cloud", help="frames that are there, in place of generated ones")
    parser.add_argument("--side", choices=["nothing", "sonant", "scikit-learn"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(one_side(args)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = args.cloud or place
        if args.cloud is None:
            generate(Path(place), rows=int(args.gb * 1e9 / 4 / args.dim), dim=args.dim)
        cloud = Cloud.open(folder)
        rows = min(cloud.rows, int(args.gb * 1e9 / 4 / cloud.dim))
        size = rows * cloud.dim * 4 / 1e6
        print(f"{rows:,} frames of {cloud.dim} channels, {size:,.0f} MB; k {args.k}; threads {torch.get_num_threads()}")
        for side in ("nothing", "sonant", "scikit-learn"):
            words = [sys.executable, __file__, "--side", side, "--cloud", str(folder)]
            words += ["--gb", str(args.gb), "--k", str(args.k), "--tol", str(args.tol)]
            found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
            print(
                f"{side:14}{found['seconds']:8.1f} s ({found['cpu']:.1f} s of CPU)  inertia {found['inertia']:.6g} per "
                f"frame  {found['passes']} passes  peak memory {found['peak']:,.0f} MB"
            )


def one_side(args) -> dict:
    """Seconds, inertia over all frames and peak memory (MB) of one implementation."""
    cloud = Cloud.open(args.cloud)
    rows = min(cloud.rows, int(args.gb * 1e9 / 4 / cloud.dim))
    if args.side == "scikit-learn":
        from sklearn.cluster import MiniBatchKMeans
    began, cpu, passes, centroids = time.perf_counter(), time.process_time(), 0, None
    if args.side == "sonant":
        with tempfile.TemporaryDirectory() as place:
            cfg = KMeansConfig(k=args.k, tol=args.tol)
            fitted = fit_clusters(cloud, cfg, rows=rows, folder=place, mark={}, budget=int(args.gb * 1e9))
        centroids, passes = fitted.centroids_KD, fitted.epochs
    elif args.side == "scikit-learn":
        x_ND = np.fromfile(cloud.folder / FRAMES, dtype="<f4", count=rows * cloud.dim).reshape(rows, cloud.dim)
        settings = {"batch_size": 10_000, "n_init": 20, "tol": 0.0, "max_no_improvement": 100, "max_iter": 100}
        fitted = MiniBatchKMeans(args.k, **settings, reassignment_ratio=0.01, random_state=0, compute_labels=False)
        centroids, passes = torch.from_numpy(fitted.fit(x_ND).cluster_centers_).float(), fitted.n_iter_
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent held before this process
    peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
    inertia = float("nan") if centroids is None else _score(cloud, centroids, rows, 10_000)[0]
    return {"seconds": seconds, "cpu": cpu, "inertia": inertia, "passes": int(passes), "peak": peak}


def generate(folder: Path, *, rows: int, dim: int) -> None:
    """Frames that move smoothly between 300 overlapping centres, with noise."""
    draws = np.random.default_rng(0)
    centres = draws.standard_normal((300, dim)).astype(np.float32)
    with CloudWriter(folder, facts={}, dim=dim) as writer:
        while writer.rows < rows:
            count = min(BLOCK, rows - writer.rows)
            which = draws.integers(300, size=count // 8 + 2)
            share = (np.arange(count) % 8 / 8).astype(np.float32)[:, None]
            first = which[np.arange(count) // 8]
            second = which[np.arange(count) // 8 + 1]
            noise = draws.standard_normal((count, dim), dtype=np.float32)
            writer.append((1 - share) * centres[first] + share * centres[second] + 0.8 * noise)
        writer.commit(items=1, finished=True)


if __name__ == "__main__":
    main()
