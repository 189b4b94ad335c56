"""Speed and memory of DTW between word tokens, beside loops and other libraries in the same run.

    python benchmarks/dtw.py [--tokens N] [--frames A B] [--dims D] [--threads N] [--repeats R] [--full N]

Tokens are A to B frames of D random numbers. All pairs of N tokens are aligned by sonant (cosine distance, costs
divided by the sum of both lengths); fewer pairs by a loop in NumPy, by the same loop compiled by numba, and by
whichever of dtaidistance, librosa, tslearn and fastdtw are installed, each on one thread as it comes (their frame
distance is euclidean where they know no other). Every way is timed in turn, the best of R rounds counts, and its
speed is projected to 20 and 20.4 million pairs on all threads. ``--full N`` also scores all pairs of N tokens of
1,795 words by 24 speakers for real, in a process of its own, so that peak memory is its own; 6384 is the
same-different task of the NCHLT Xitsonga words with 20,374,536 pairs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sonant.evaluation.same_different import dtw_distances, same_different
from sonant.nn.dtw import available_cores

TARGETS = (20_000_000, 20_374_536)
FEW = {"NumPy loop": 4, "fastdtw": 20, "librosa": 300, "tslearn": 2000, "dtaidistance": 2000, "numba loop": 4000}


def tokens_of(arguments: argparse.Namespace, count: int) -> list[np.ndarray]:
    """Random tokens with a drawn number of frames."""
    rng = np.random.default_rng(0)
    shortest, longest = arguments.frames
    lengths = rng.integers(shortest, longest + 1, count)
    return [rng.standard_normal((length, arguments.dims), np.float32) for length in lengths]


def loop(x_TD, y_TD):
    """Cosine DTW of one pair, cost divided by N + M: plain Python, or compiled by numba."""
    n, m = x_TD.shape[0], y_TD.shape[0]
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            xy, xx, yy = 0.0, 0.0, 0.0
            for d in range(x_TD.shape[1]):
                xy += x_TD[i, d] * y_TD[j, d]
                xx += x_TD[i, d] * x_TD[i, d]
                yy += y_TD[j, d] * y_TD[j, d]
            here = 1.0 - xy / math.sqrt(xx * yy)
            cost[i + 1, j + 1] = here + min(cost[i, j], min(cost[i, j + 1], cost[i + 1, j]))
    return cost[n, m] / (n + m)


def numpy_loop(x_TD, y_TD):
    """The same with frame distances as one product and the table cell by cell."""
    unit_x, unit_y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x_TD, y_TD))
    distance_NM = 1.0 - unit_x @ unit_y.T
    n, m = distance_NM.shape
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            cost[i + 1, j + 1] = distance_NM[i, j] + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    return cost[n, m] / (n + m)


def other_ways() -> dict[str, Callable]:
    """One-pair functions by name: the loops, and libraries that are installed."""
    from numba import njit

    ways: dict[str, Callable] = {"NumPy loop": numpy_loop, "numba loop": njit(loop, fastmath=True)}
    installed = {name for name in ("dtaidistance", "librosa", "tslearn", "fastdtw") if importlib.util.find_spec(name)}
    if "dtaidistance" in installed:
        from dtaidistance import dtw_ndim

        ways["dtaidistance"] = lambda x, y: dtw_ndim.distance_fast(x.astype(float), y.astype(float))
    if "librosa" in installed:
        from librosa.sequence import dtw as librosa_dtw

        ways["librosa"] = lambda x, y: (
            librosa_dtw(x.T, y.T, metric="cosine", backtrack=False)[-1, -1] / (len(x) + len(y))
        )
    if "tslearn" in installed:
        from tslearn.metrics import dtw as tslearn_dtw

        ways["tslearn"] = tslearn_dtw
    if "fastdtw" in installed:
        from fastdtw import fastdtw

        ways["fastdtw"] = lambda x, y: fastdtw(x, y, dist=lambda a, b: float(np.linalg.norm(a - b)))[0]
    return ways


def seconds_of(function: Callable, pairs: list[tuple]) -> float:
    """Time for some pairs, one after the other."""
    begin = time.perf_counter()
    for pair in pairs:
        function(*pair)
    return time.perf_counter() - begin


def compare(arguments: argparse.Namespace) -> dict:
    """Pairs a second of every way, taken in turn."""
    words = tokens_of(arguments, arguments.tokens)
    rng = np.random.default_rng(1)
    ways = other_ways()
    drawn = {}
    for name, function in ways.items():
        count = FEW[name]
        drawn[name] = [(words[i], words[j]) for i, j in rng.integers(0, len(words), (count, 2))]
        function(*drawn[name][0])  # compile
    ours = {"sonant": arguments.threads, "sonant, 1 thread": 1}
    error = max(
        abs(numpy_loop(words[0], word) - d) for word, d in zip(words[1:30], dtw_distances(words[:30]), strict=False)
    )
    best = dict.fromkeys([*ours, *ways], math.inf)
    pairs = len(words) * (len(words) - 1) // 2
    for _ in range(arguments.repeats):
        for name, threads in ours.items():
            begin = time.perf_counter()
            dtw_distances(words, distance="cosine", threads=threads)
            best[name] = min(best[name], (time.perf_counter() - begin) / pairs)
        for name, function in ways.items():
            best[name] = min(best[name], seconds_of(function, drawn[name]) / len(drawn[name]))
    rows = []
    for name, seconds in best.items():
        lanes = ours.get(name, 1)
        spread = arguments.threads if lanes == 1 else 1  # others' projections: as if they ran on every thread
        rows.append({"way": name, "pairs_per_s": 1 / seconds, "projected_s": [n * seconds / spread for n in TARGETS]})
    return {"pairs": pairs, "largest_difference_to_numpy": float(error), "ways": rows}


def full(arguments: argparse.Namespace) -> dict:
    """A whole same-different score in this process."""
    words = tokens_of(arguments, arguments.full)
    rng = np.random.default_rng(2)
    labels = [f"w{number}" for number in rng.integers(0, 1795, len(words))]
    speakers = [f"s{number}" for number in rng.integers(0, 24, len(words))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    scored = same_different(words, labels, speakers, distance="cosine", threads=arguments.threads)
    return {
        "tokens": scored.tokens,
        "pairs": scored.pairs,
        "same_pairs": scored.same_pairs,
        "distance_s": scored.distance_seconds,
        "seconds": scored.seconds,
        "pairs_per_s": scored.pairs_per_second,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "imports_and_features_mb": before,
        "ap": scored.ap,
        "chance": scored.chance,
    }


def run(arguments: argparse.Namespace) -> dict:
    """The comparison, and the full score where asked for."""
    keys = {name: getattr(arguments, name) for name in ("frames", "dims", "threads")}
    report = {**keys, "load": os.getloadavg()[0], **compare(arguments)}
    if arguments.full:
        command = [sys.executable, __file__, "--only-full", "--full", str(arguments.full)]
        command += ["--threads", str(arguments.threads), "--dims", str(arguments.dims)]
        command += ["--frames", *map(str, arguments.frames)]
        report["full"] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report


def show(report: dict) -> None:
    """Print the report as a table."""
    print(f"{report['frames'][0]} to {report['frames'][1]} frames x {report['dims']} dimensions, {report['threads']} "
          f"threads, load {report['load']:.1f}; {report['pairs']:,} pairs by sonant; largest difference to NumPy "
          f"{report['largest_difference_to_numpy']:.1e}")  # fmt: skip
    print(f"{'way':20}{'pairs/s':>14}" + "".join(f"{f'{n / 1e6:.1f} M pairs':>16}" for n in TARGETS))
    for row in report["ways"]:
        print(f"{row['way']:20}{row['pairs_per_s']:14,.0f}" + "".join(f"{s:14,.0f} s" for s in row["projected_s"]))
    if "full" in report:
        f = report["full"]
        print(f"{f['tokens']:,} tokens, {f['pairs']:,} pairs for real: distances {f['distance_s']:.1f} s, everything "
              f"{f['seconds']:.1f} s, {f['pairs_per_s']:,.0f} pairs/s, peak {f['peak_mb']:,.0f} MB (imports and "
              f"features {f['imports_and_features_mb']:,.0f} MB)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--frames", type=int, nargs=2, default=[10, 60], metavar=("A", "B"))
    parser.add_argument("--dims", type=int, default=39)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--full", type=int, default=0, metavar="N")
    parser.add_argument("--json", help="file for the report, - for standard output")
    parser.add_argument("--only-full", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_full:
        print(json.dumps(full(arguments)))
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
