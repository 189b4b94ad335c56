"""Speed of the filter banks of scpc beside pydrobert-speech and our log-mel.

    python benchmarks/stft_bank.py [--seconds 10] [--repeats 5] [--json FILE|-]

16 utterances of noise; pydrobert-speech computes them one after another, as its command line does. All contenders run
in turn in every repeat; the figure is the best repeat, in seconds of audio per second of wall clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
import torch

from sonant import build
from sonant.core import FrameGeometry, Frames, samples_of
from sonant.features import logmel, stft_bank

RATE, UTTERANCES = 16000, 16


def contenders(waves: np.ndarray) -> dict:
    """Name -> a function that computes 80 dimensions for all."""
    frames = Frames.of_wave(torch.from_numpy(waves), None, RATE)
    source = FrameGeometry(RATE)
    bank, mel = (made.Features(made.Config(), source=source).eval() for made in (stft_bank, logmel))
    found = {"stft_bank 80": lambda: bank(frames), "logmel 80": lambda: mel(frames)}
    try:
        from pydrobert.speech.alias import alias_factory_subclass_from_arg
        from pydrobert.speech.compute import FrameComputer
    except ImportError:
        print("pydrobert-speech is not installed and left out", file=sys.stderr)
        return found
    description = json.loads(build.SHIPPED["fbank-80"].read_text())
    computer = alias_factory_subclass_from_arg(FrameComputer, description)
    return {**found, "pydrobert-speech 80": lambda: [computer.compute_full(wave) for wave in waves]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of an utterance")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    waves = (0.1 * rng.standard_normal((UTTERANCES, samples_of(args.seconds, RATE)))).astype(np.float32)
    runs = contenders(waves)
    best = dict.fromkeys(runs, float("inf"))
    with torch.inference_mode():
        for _ in range(args.repeats):
            for name, run in runs.items():
                begin = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - begin)
    figures = {name: UTTERANCES * args.seconds / seconds for name, seconds in best.items()}
    for name, figure in figures.items():
        print(f"{name:20} {figure:10,.0f} x real time", file=sys.stderr)
    if args.json == "-":
        print(json.dumps(figures))
    elif args.json:
        with open(args.json, "w") as stream:
            json.dump(figures, stream)


if __name__ == "__main__":
    main()
