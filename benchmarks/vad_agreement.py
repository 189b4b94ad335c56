"""How often the detectors of voice activity agree with the words, or the activity, of a manifest.

    python benchmarks/vad_agreement.py MANIFEST [--rate 50]

Frames of the channels together: balanced accuracy, the share of speech that is found and of silence that is left, the
share of frames that are speech; and seconds of a channel per second on one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sonant.data.activity import activity_frames
from sonant.data.audio import read_audio
from sonant.data.dialogue_pool import activity_of
from sonant.data.manifest import Manifest
from sonant.data.vad.detect import detect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--rate", type=float, default=50.0)
    args = parser.parse_args()
    for vad in ("energy", "silero"):
        counts, seconds, spent = np.zeros((2, 2), int), 0.0, 0.0
        for u in Manifest.open(args.manifest):
            wave, rate = read_audio(u.path, start_s=u.start, duration_s=u.duration, channel=u.channel)
            begun = time.process_time()
            found = detect(wave, rate, vad=vad)
            spent += time.process_time() - begun
            seconds += u.duration * len(found)
            told = [activity_frames([side], rate=args.rate, duration=u.duration) for side in activity_of(u)]
            for own, side in zip(told, found, strict=False):  # the silent partner of a monologue has no channel
                pair = own[:, 0], activity_frames([side], rate=args.rate, duration=u.duration)[:, 0]
                np.add.at(counts, pair, 1)
        (silence, false), (missed, hit) = counts.tolist()
        left, kept = silence / (silence + false), hit / (missed + hit)
        print(
            f"{vad}: balanced accuracy {100 * (left + kept) / 2:.1f} %, speech found {100 * kept:.1f} %, silence left "
            f"{100 * left:.1f} %, speech {100 * (missed + hit) / counts.sum():.1f} %; {seconds / spent:.0f} x real time"
        )


if __name__ == "__main__":
    main()
