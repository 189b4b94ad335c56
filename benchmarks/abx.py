"""Speed and memory of ABX on complete cells, beside aligning one pair after the other.

    python benchmarks/abx.py [--features NPZ --items FILE] [--threads N] [--repeats 5] [--json FILE|-]

Features and items default to the MFCC set of SONANT_ORACLES. Every task runs in a process of its own, so that
peak memory is its own; the first run includes loading the compiled kernels, the best run is the figure. The
baseline aligns random pairs of the same tokens one at a time, compiled by numba, frame distances and table in
one loop, on the same threads; it measures pairs a second and is projected to the pairs of each task, without
counting triples. Pairs are distinct pairs of tokens that were aligned.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sonant.evaluation._abx_frames import span_features
from sonant.evaluation._abx_items import exact_rate, read_items
from sonant.evaluation.abx import abx
from sonant.nn.dtw import available_cores

TASKS = (("within", "any"), ("across", "within"), ("across", "any"))
SETTINGS = {"rate": 100, "distance": "angular", "slicing": "librilight", "max_group_size": None}
BASELINE_PAIRS = 400_000


def one_task(arguments: argparse.Namespace) -> dict:
    """Score one task several times in this process."""
    speaker, context = arguments.task.split("-")
    features = dict(np.load(arguments.features))
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, cpu = [], []
    for _ in range(arguments.repeats):
        before = time.process_time()
        result = abx(features, arguments.items, speaker=speaker, context=context, threads=arguments.threads, **SETTINGS)
        seconds.append(result.seconds)
        cpu.append(time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "task": f"{speaker} speaker, {context} context",
        "error": result.error,
        "pairs": result.n_pairs,
        "cells": result.n_cells,
        "triples": result.n_triples,
        "first_s": seconds[0],
        "best_s": min(seconds),
        "cpu_s": min(cpu),
        "pairs_per_s": result.n_pairs / min(seconds),
        "peak_mb": peak / 1024,
        "imports_and_features_mb": loaded / 1024,
    }


def pairs_one_by_one(x_FD, first_N, length_N, i_P, j_P, out_P):
    """Angular DTW of each pair by itself; compiled by numba."""
    for p in range(i_P.shape[0]):
        n, m = length_N[i_P[p]], length_N[j_P[p]]
        cost, steps = np.empty((n, m), np.float32), np.empty((n, m), np.int32)
        for i in range(n):
            for j in range(m):
                dot = np.float32(0)
                for d in range(x_FD.shape[1]):
                    dot += x_FD[first_N[i_P[p]] + i, d] * x_FD[first_N[j_P[p]] + j, d]
                here = np.float32(math.acos(min(max(dot, np.float32(-1)), np.float32(1))) / math.pi)
                if i == 0 and j == 0:
                    before, count = np.float32(0), 0
                elif i == 0:
                    before, count = cost[i, j - 1], steps[i, j - 1]
                elif j == 0:
                    before, count = cost[i - 1, j], steps[i - 1, j]
                elif cost[i - 1, j - 1] <= cost[i, j - 1] and cost[i - 1, j - 1] <= cost[i - 1, j]:
                    before, count = cost[i - 1, j - 1], steps[i - 1, j - 1]
                elif cost[i, j - 1] <= cost[i - 1, j]:
                    before, count = cost[i, j - 1], steps[i, j - 1]
                else:
                    before, count = cost[i - 1, j], steps[i - 1, j]
                cost[i, j], steps[i, j] = before + here, count + 1
        out_P[p] = cost[n - 1, m - 1] / steps[n - 1, m - 1]


def baseline(arguments: argparse.Namespace) -> float:
    """Pairs a second of the loop above, its best run."""
    from concurrent.futures import ThreadPoolExecutor

    from numba import njit

    items = read_items(arguments.items)
    spanned = span_features(items, dict(np.load(arguments.features)), rate=exact_rate(100), slicing="librilight")
    x_FD = spanned.frames_FD.numpy()
    x_FD = x_FD / np.linalg.norm(x_FD, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    i_P, j_P = rng.integers(0, len(spanned.first_N), (2, BASELINE_PAIRS))
    out_P = np.empty(BASELINE_PAIRS, np.float32)
    kernel = njit(pairs_one_by_one, nogil=True, fastmath=True)
    tokens = (x_FD, spanned.first_N, spanned.length_N)
    kernel(*tokens, i_P[:1], j_P[:1], out_P[:1])
    edges = np.linspace(0, BASELINE_PAIRS, 4 * arguments.threads + 1).astype(int)
    parts = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    best = math.inf
    with ThreadPoolExecutor(arguments.threads) as pool:
        for _ in range(arguments.repeats):
            begin = time.perf_counter()
            list(pool.map(lambda part: kernel(*tokens, i_P[part], j_P[part], out_P[part]), parts))
            best = min(best, time.perf_counter() - begin)
    return BASELINE_PAIRS / best


def run(arguments: argparse.Namespace) -> dict:
    """Every task in a process of its own, and the baseline."""
    rows = []
    for speaker, context in TASKS:
        command = [sys.executable, __file__, "--task", f"{speaker}-{context}", "--repeats", str(arguments.repeats)]
        command += ["--features", arguments.features, "--items", arguments.items, "--threads", str(arguments.threads)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    speed = baseline(arguments)
    for row in rows:
        row["baseline_s"] = row["pairs"] / speed
    return {"threads": arguments.threads, "load": os.getloadavg()[0], "baseline_pairs_per_s": speed, "tasks": rows}


def show(report: dict) -> None:
    """Print the report as a table."""
    print(f"{report['threads']} threads, load {report['load']:.1f}; one pair after the other: "
          f"{report['baseline_pairs_per_s']:,.0f} pairs/s")  # fmt: skip
    print(f"{'task':32}{'error':>9}{'pairs':>12}{'triples':>14}{'first s':>9}{'best s':>8}{'cpu s':>7}"
          f"{'pairs/s':>12}{'baseline s':>12}{'peak MB':>9}")  # fmt: skip
    for row in report["tasks"]:
        print(f"{row['task']:32}{row['error']:9.6f}{row['pairs']:12,}{row['triples']:14,}{row['first_s']:9.2f}"
              f"{row['best_s']:8.2f}{row['cpu_s']:7.2f}{row['pairs_per_s']:12,.0f}{row['baseline_s']:12.2f}"
              f"{row['peak_mb']:9.0f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path(os.environ.get("SONANT_ORACLES", ".")) / "abx"
    parser.add_argument("--features", default=str(folder / "mfcc_features.npz"), help=".npz of (T, D) arrays, 100 Hz")
    parser.add_argument("--items", default=str(folder / "mfcc_phoneme.item"))
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", help="file for the report, - for standard output")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(one_task(arguments)))
        return
    report = run(arguments)
    if arguments.json == "-":
        print(json.dumps(report, indent=2))
        return
    show(report)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
