"""Cost of PASE+'s targets beside the same by NumPy and SciPy, one chunk and one target after another.

    OMP_NUM_THREADS=1 python benchmarks/targets.py [--audio FOLDER] [--chunks 16] [--seconds 2] [--threads 1]
                                                   [--repeats 7] [--libraries] [--json FILE]

Every row is one target with its slopes and curvatures, at 10 ms a frame. The contender does what the originals do for a
chunk: a transform of all its frames at a time, gammatone filters by four recursions each, means frame by frame,
scipy.signal.savgol_filter. All contenders run in turn in every repeat; a figure is the best repeat, in milliseconds for
a second of audio: of processor time with one thread, of wall clock with more (the contender has one in any case).
Numbers of both are compared, and the largest difference printed: that of lps is at zeros of the spectrum. F0 has no
equal in NumPy or SciPy; prosody stands alone, outside the sums. With --libraries the contender is in place of that what
PASE itself calls, which must be installed: librosa, python_speech_features, gammatone and pysptk. Chunks are of the
real speech below FOLDER (16 kHz), or noise without it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy import fft, signal

from sonant.core import FrameGeometry, FrameModule, Frames, require, samples_of
from sonant.data.audio import read_audio
from sonant.features import gammatone, librosa_mfcc, lps, prosody, psf_fbank
from sonant.features._savgol import regression_targets

RATE, HOP = 16000, 160
OURS = {
    "lps": (lps, {}),
    "lps_long": (lps, {"frame_length": 32.0}),
    "fbank": (psf_fbank, {}),
    "fbank_long": (psf_fbank, {"frame_length": 64.0, "n_fft": 1024}),
    "gtn": (gammatone, {}),
    "gtn_long": (gammatone, {"frame_length": 128.0}),
    "mfcc": (librosa_mfcc, {}),
    "mfcc_long": (librosa_mfcc, {"frame_length": 128.0, "n_cepstra": 20}),
    "prosody": (prosody, {}),
}


def with_slopes(x_TD: np.ndarray, frames: int) -> np.ndarray:
    """(T, D) -> (frames, 3 D): cut, slopes, the last repeated."""
    x_DT = x_TD[:frames].T
    x_DT = np.concatenate([x_DT, *(signal.savgol_filter(x_DT, 9, k, deriv=k, axis=-1) for k in (1, 2))])
    return np.pad(x_DT, ((0, 0), (0, frames - x_DT.shape[1])), mode="edge").T


def power(wave: np.ndarray, window: np.ndarray, n_fft: int) -> np.ndarray:
    """(L,) -> (T, K): centred, reflected."""
    padded = np.pad(wave, n_fft // 2, mode="reflect")
    left = (n_fft - len(window)) // 2
    window = np.pad(window.astype(np.float32), (left, n_fft - len(window) - left))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::HOP]
    return np.abs(fft.rfft(frames * window)) ** 2


def numpy_lps(wave: np.ndarray, *, width: int) -> np.ndarray:
    return 10 * np.log10(power(wave, np.ones(width), 2048) + 1e-19)


def numpy_fbank(wave: np.ndarray, filters: np.ndarray, *, width: int, n_fft: int) -> np.ndarray:
    sharp = np.append(wave[0], wave[1:] - 0.97 * wave[:-1])
    count = 1 + int(np.ceil((len(wave) - width) / HOP))
    sharp = np.append(sharp, np.zeros((count - 1) * HOP + width - len(wave)))
    frames = np.lib.stride_tricks.sliding_window_view(sharp, width)[::HOP]
    energy = np.square(np.abs(np.fft.rfft(frames, n_fft))) @ filters
    return np.log(np.where(energy == 0, np.finfo(float).eps, energy))


def numpy_mfcc(wave: np.ndarray, filters: np.ndarray, *, width: int, n_cepstra: int) -> np.ndarray:
    energy = power(wave, signal.get_window("hann", width), width) @ filters
    levels = 10 * np.log10(np.maximum(energy, 1e-10))
    return fft.dct(np.maximum(levels, levels.max() - 80), norm="ortho")[:, :n_cepstra]


def numpy_gammatone(wave: np.ndarray, sections: list[tuple[list, np.ndarray, float]], *, width: int) -> np.ndarray:
    outputs = []
    for zeros, poles, gain in sections:
        output = wave
        for b in zeros:
            output = signal.lfilter(b, poles, output)
        outputs.append(output / gain)
    energy = np.square(outputs)
    count = 1 + (len(wave) - width) // HOP
    means = [np.sqrt(energy[:, t * HOP : t * HOP + width].mean(1)) for t in range(count)]
    return np.log(np.array(means) + 1e-10)


def gammatone_sections() -> list[tuple[list, np.ndarray, float]]:
    """(four numerators, denominator, gain at the centre) of every filter."""
    found = []
    for hz in gammatone.centre_frequencies(RATE, n_filters=40, low_hz=500.0).numpy():
        angle = 2 * np.pi * hz / RATE
        damping = np.exp(-2 * np.pi * gammatone.WIDEN / RATE * (hz / gammatone.EAR_Q + gammatone.MIN_HZ))
        roots = [sign * np.sqrt(3 + inner * 2**1.5) for sign in (1, -1) for inner in (1, -1)]
        zeros = [np.array([1, -damping * (np.cos(angle) + root * np.sin(angle))]) for root in roots]
        poles = np.array([1, -2 * damping * np.cos(angle), damping**2])
        z = np.exp(1j * angle)
        gain = abs(np.prod([b[0] + b[1] / z for b in zeros]) / (poles @ z ** -np.arange(3.0)) ** 4)
        found.append((zeros, poles, gain))
    return found


def contenders() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Target -> function of one chunk, tables computed before."""
    sections = gammatone_sections()
    mels = {n: psf_fbank.whole_bin_triangles(RATE, size=n, n_mels=40, low_hz=0, high_hz=8000) / n for n in (512, 1024)}
    areas = {n: librosa_mfcc.unit_area_triangles(RATE, size=n, n_mels=128, scale="slaney") for n in (400, 2048)}
    mel, area = ({n: table.numpy() for n, table in tables.items()} for tables in (mels, areas))
    return {
        "lps": lambda wave: numpy_lps(wave, width=400),
        "lps_long": lambda wave: numpy_lps(wave, width=512),
        "fbank": lambda wave: numpy_fbank(wave, mel[512], width=400, n_fft=512),
        "fbank_long": lambda wave: numpy_fbank(wave, mel[1024], width=1024, n_fft=1024),
        "gtn": lambda wave: numpy_gammatone(wave, sections, width=400),
        "gtn_long": lambda wave: numpy_gammatone(wave, sections, width=2048),
        "mfcc": lambda wave: numpy_mfcc(wave, area[400].astype(np.float32), width=400, n_cepstra=13),
        "mfcc_long": lambda wave: numpy_mfcc(wave, area[2048].astype(np.float32), width=2048, n_cepstra=20),
    }


def library_contenders() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Target -> function of one chunk by the libraries that PASE calls."""
    import librosa
    import pysptk
    from gammatone.gtgram import gtgram
    from python_speech_features import logfbank

    def by_stft(wave: np.ndarray, width: int) -> np.ndarray:
        found_KT = librosa.stft(
            wave, n_fft=2048, hop_length=HOP, win_length=width, window=np.ones(width), pad_mode="reflect"
        )
        return 10 * np.log10(np.abs(found_KT.T) ** 2 + 1e-19)

    def by_gammatone(wave: np.ndarray, width: int) -> np.ndarray:
        return np.log(gtgram(wave, RATE, width / RATE, HOP / RATE, 40, 500).T + 1e-10)

    def cepstra(wave: np.ndarray, width: int, count: int) -> np.ndarray:
        return librosa.feature.mfcc(
            y=wave, sr=RATE, n_mfcc=count, n_fft=width, hop_length=HOP, n_mels=128, pad_mode="reflect"
        ).T

    def voice(wave: np.ndarray) -> np.ndarray:
        hz_T = pysptk.swipe(wave.astype(np.float64), fs=RATE, hopsize=HOP, min=60, max=300, otype="f0")
        voiced, all_T = np.flatnonzero(hz_T > 0), np.arange(len(hz_T))
        pitch_T = np.interp(all_T, voiced, np.log(hz_T[voiced])) if len(voiced) else np.full(len(hz_T), np.log(60))
        options = {"frame_length": 320, "hop_length": HOP}
        rows = (librosa.feature.rms(y=wave, **options), librosa.feature.zero_crossing_rate(wave, **options))
        T = min(len(hz_T), *(row.shape[1] for row in rows))
        return np.stack([pitch_T[:T], hz_T[:T] > 0, *(row[0, :T] for row in rows)], axis=1)

    return {
        "lps": lambda wave: by_stft(wave, 400),
        "lps_long": lambda wave: by_stft(wave, 512),
        "fbank": lambda wave: logfbank(wave, RATE, 0.025, 0.01, 40, 512),
        "fbank_long": lambda wave: logfbank(wave, RATE, 0.064, 0.01, 40, 1024),
        "gtn": lambda wave: by_gammatone(wave, 400),
        "gtn_long": lambda wave: by_gammatone(wave, 2048),
        "mfcc": lambda wave: cepstra(wave, 400, 13),
        "mfcc_long": lambda wave: cepstra(wave, 2048, 20),
        "prosody": voice,
    }


def chunks(folder: Path | None, *, count: int, seconds: float) -> np.ndarray:
    """(count, L) waveforms, peak 0.5."""
    n = samples_of(seconds, RATE)
    if folder is None:
        waves = np.random.default_rng(0).standard_normal((count, n))
    else:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav"))
        read = (read_audio(path, channel=0, sample_rate=RATE)[0] for path in files)
        found = [wave[-n:] for wave in read if len(wave) >= n]
        require(len(found) >= count, f"{folder} holds {len(found)} files of {seconds} s; need {count}")
        waves = np.stack(found[:: len(found) // count][:count])
    return (0.5 * waves / np.abs(waves).max(1, keepdims=True)).astype(np.float32)


def ours(features: FrameModule, wave: Frames, memo: dict | None = None) -> np.ndarray:
    """(B, T, D) targets with slopes."""
    lengths_B, size = wave.lengths_B // HOP, wave.x_BTD.shape[1] // HOP
    return regression_targets(features, wave, lengths_B=lengths_B, size=size, deltas=2, memo=memo).x_BTD.numpy()


def measure(waves: np.ndarray, *, repeats: int, threads: int, libraries: bool = False) -> list[dict]:
    """One row a target, and one of all that the contender has, gammatone filtered once."""
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    batch, frames = Frames.of_wave(torch.from_numpy(waves), None, RATE), waves.shape[1] // HOP
    modules = {k: m.Features(m.Config(**s), source=FrameGeometry(RATE)).eval() for k, (m, s) in OURS.items()}
    singles = library_contenders() if libraries else contenders()
    whole = "all" if libraries else "all but prosody"

    def together() -> None:
        memo: dict = {}
        for name in singles:
            ours(modules[name], batch, memo)

    jobs: dict[tuple[str, str], Callable[[], object]] = {(whole, "sonant"): together}
    for name, features in modules.items():
        jobs[name, "sonant"] = lambda features=features: ours(features, batch)
    for name, single in singles.items():
        jobs[name, "numpy"] = lambda single=single: np.stack([with_slopes(single(wave), frames) for wave in waves])
    jobs[whole, "numpy"] = lambda: [jobs[name, "numpy"]() for name in singles]
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(repeats):
        for key, job in jobs.items():
            start = clock()
            job()
            best[key] = min(best[key], clock() - start)
    rows, scale = [], 1000 / (waves.size / RATE)
    for name in (*modules, whole):
        row = {"target": name, "sonant_ms": best[name, "sonant"] * scale}
        if (name, "numpy") in best:
            row |= {"numpy_ms": best[name, "numpy"] * scale, "ratio": best[name, "numpy"] / best[name, "sonant"]}
        if name in singles:
            row["largest_difference"] = float(np.abs(jobs[name, "sonant"]() - jobs[name, "numpy"]()).max())
        rows.append(row)
    return rows


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, help="folder of real speech; default: generated noise")
    parser.add_argument("--chunks", type=int, default=16, help="chunks of a batch")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a chunk")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--libraries", action="store_true", help="beside the libraries that PASE calls")
    parser.add_argument("--json", type=Path, help="write the rows as JSON")
    arguments = parser.parse_args()
    waves = chunks(arguments.audio, count=arguments.chunks, seconds=arguments.seconds)
    rows = measure(waves, repeats=arguments.repeats, threads=arguments.threads, libraries=arguments.libraries)
    other = "originals" if arguments.libraries else "numpy"
    print(f"{'ms a second of audio':24}{'sonant':>9}{other:>10}{'ratio':>8}{'largest difference':>20}")
    for row in rows:
        figures = "".join(
            f"{row[key]:{width}}" if key in row else " " * int(width.split(".")[0])
            for key, width in (("numpy_ms", "10.2f"), ("ratio", "8.1f"), ("largest_difference", "20.1e"))
        )
        print(f"{row['target']:24}{row['sonant_ms']:9.2f}{figures}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
