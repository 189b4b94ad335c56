"""Speed of log-mel and MFCC beside kaldi-native-fbank, and how far their numbers lie apart.

    python benchmarks/features.py [--audio FOLDER] [--seconds 15] [--repeats 7] [--json FILE|-]

Audio is the real speech below FOLDER (FLAC or WAV, 16 kHz, mono), or generated noise without it,
cut into 16 utterances of equal length. All contenders run in turn in every repeat; the figure is the
best repeat, in seconds of audio per second of wall clock. kaldi-native-fbank has no threads and its
frames are fetched one by one from Python, which is the only way it offers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sonant.core import FrameGeometry, Frames, require, samples_of
from sonant.data.audio import read_audio
from sonant.features import logmel, mfcc

RATE, UTTERANCES = 16000, 16
KINDS = {
    "logmel 80": (logmel, logmel.Config()),
    "logmel 40": (logmel, logmel.Config(n_mels=40)),
    "mfcc 13": (mfcc, mfcc.Config(deltas=0, cmvn="none")),
    "mfcc 39 + cmvn": (mfcc, mfcc.Config()),
}


def utterances(folder: Path | None, seconds: float) -> np.ndarray:
    """(16, L) waveforms."""
    n = samples_of(seconds, RATE)
    if folder is None:
        return (0.1 * np.random.default_rng(0).standard_normal((UTTERANCES, n))).astype(np.float32)
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav"))
    waves, total = [], 0
    for path in files:
        waves.append(read_audio(path, channel=0, sample_rate=RATE)[0])
        total += len(waves[-1])
        if total >= UTTERANCES * n:
            return np.concatenate(waves)[: UTTERANCES * n].reshape(UTTERANCES, n)
    require(False, f"{folder} holds {total / RATE:.0f} s of FLAC or WAV; need {UTTERANCES * seconds:.0f} s")
    raise AssertionError


def kaldi(wave: np.ndarray, kind: str) -> np.ndarray:
    """(L,) -> (T, D) by kaldi-native-fbank."""
    import kaldi_native_fbank as knf

    options = knf.MfccOptions() if kind.startswith("mfcc") else knf.FbankOptions()
    options.frame_opts.dither, options.frame_opts.snip_edges = 0.0, False
    if kind.startswith("mfcc"):
        options.use_energy = False
        computer = knf.OnlineMfcc(options)
    else:
        options.mel_opts.num_bins, options.mel_opts.high_freq = int(kind.split()[1]), -400.0
        computer = knf.OnlineFbank(options)
    computer.accept_waveform(RATE, wave * 32768)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def contenders(waves: np.ndarray, kind: str) -> dict[str, Callable[[], list[np.ndarray]]]:
    """Name -> function that computes the features of all utterances."""
    module, cfg = KINDS[kind]
    features = module.Features(cfg, source=FrameGeometry(RATE))
    batch = Frames.of_wave(torch.from_numpy(waves), None, RATE)
    single = [Frames.of_wave(torch.from_numpy(wave[None]), None, RATE) for wave in waves]
    found = {
        "one by one": lambda: [features(frames).x_BTD[0].numpy() for frames in single],
        f"batch of {UTTERANCES}": lambda: list(features(batch).x_BTD.numpy()),
    }
    if not kind.startswith("mfcc 39"):
        found["kaldi-native-fbank"] = lambda: [kaldi(wave, kind) for wave in waves]
    return found


def measure(waves: np.ndarray, kind: str, *, threads: int, repeats: int) -> dict:
    """One row: times real time of every contender and the largest differences from kaldi-native-fbank."""
    torch.set_num_threads(threads)
    functions = contenders(waves, kind)
    results = {name: function() for name, function in functions.items()}
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)
    row = {"features": kind, "threads": threads, "x_real_time": {n: waves.size / RATE / s for n, s in best.items()}}
    if "kaldi-native-fbank" in results:
        differences = np.abs(np.stack(results[f"batch of {UTTERANCES}"]) - np.stack(results["kaldi-native-fbank"]))
        row["max_difference"] = float(differences.max())
        row["share_beyond_5e-3"] = float((differences > 5e-3).mean())
    return row


def table(rows: list[dict]) -> str:
    """The rows as text."""
    names = ["one by one", f"batch of {UTTERANCES}", "kaldi-native-fbank"]
    lines = [
        "seconds of audio per second; difference from kaldi-native-fbank",
        f"{'features':16}{'threads':>8}" + "".join(f"{name:>20}" for name in names) + f"{'largest':>10}{'> 5e-3':>9}",
    ]
    for row in rows:
        speeds = "".join(f"{row['x_real_time'][n]:20.0f}" if n in row["x_real_time"] else f"{'-':>20}" for n in names)
        apart = f"{row['max_difference']:10.1e}{row['share_beyond_5e-3']:9.0e}" if "max_difference" in row else ""
        lines.append(f"{row['features']:16}{row['threads']:8}{speeds}{apart}")
    return "\n".join(lines)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, help="folder of real speech; default: generated noise")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of an utterance")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", help="write the rows as JSON to a file, or - for standard output")
    arguments = parser.parse_args()
    waves = utterances(arguments.audio, arguments.seconds)
    rows = [measure(waves, kind, threads=n, repeats=arguments.repeats) for n in arguments.threads for kind in KINDS]
    print(table(rows), file=sys.stderr if arguments.json == "-" else sys.stdout)
    if arguments.json == "-":
        print(json.dumps(rows))
    elif arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
