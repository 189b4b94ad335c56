"""What the distortions of PASE+ cost on one core, each alone and all at their published probabilities.

    python benchmarks/distortion_cost.py SPEECH NOISE RIRS [--seconds 2] [--crops 300]

Writes a table in ms per crop. Files are in memory, as after the first pass over them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sonant.data.augment.chain import Augmenter
from sonant.data.augment.config import AugmentConfig
from sonant.data.augment.sounds import Sounds

RATE = 16_000
PROBS = {"reverb": 0.5, "overlap": 0.1, "noise": 0.4, "clip": 0.2, "chop": 0.2, "band_drop": 0.35, "downsample": 0.25}


def settings(places: dict[str, str], probs: dict[str, float]) -> AugmentConfig:
    """The distortions of ``probs`` in PASE+'s manner."""
    folders = {"reverb": "rirs", "noise": "noise", "overlap": "overlap"}
    given = {key: places[key] for name, key in folders.items() if name in probs}
    chances = {f"{name}_prob": prob for name, prob in probs.items()}
    return AugmentConfig(
        manner="pase", clip_parts=(0.1, 0.3, 0.5), noise_snrs=(0.0, 5.0, 10.0), **given, **chances
    )  # fmt: skip


def milliseconds(augmenter: Augmenter, crops: np.ndarray) -> float:
    for seed, crop in enumerate(crops):  # read all files
        augmenter(crop, seed, skipped={})
    started = time.process_time()
    for seed, crop in enumerate(crops):
        augmenter(crop, seed, skipped={})
    return (time.process_time() - started) / len(crops) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("speech", "noise", "rirs"):
        parser.add_argument(name)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--crops", type=int, default=300)
    given = parser.parse_args()
    places = {"overlap": given.speech, "noise": given.noise, "rirs": given.rirs}
    speech = Sounds(given.speech, sample_rate=RATE, cache_mb=500, setting="speech")
    count = round(given.seconds * RATE)
    crops = np.stack([speech.draw(np.random.default_rng(seed), count=count) for seed in range(given.crops)])
    for name in PROBS:
        alone = Augmenter(settings(places, {name: 1.0}), sample_rate=RATE)
        print(f"{name:12s} {milliseconds(alone, crops):7.2f} ms")
    print(f"{'all, PASE+':12s} {milliseconds(Augmenter(settings(places, PROBS), sample_rate=RATE), crops):7.2f} ms")


if __name__ == "__main__":
    main()
