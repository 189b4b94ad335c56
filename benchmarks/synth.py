"""Speed of the generated corpus: an hour of speech with alignments, and what one core does of it.

    python benchmarks/synth.py [--hours 1] [--processes N]

The bare synthesiser in one process of this run is the baseline, so that the ratio holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from sonant.core import seconds_of
from sonant.data._espeak import Synthesiser
from sonant.data.manifest import Manifest
from sonant.data.synth import SynthConfig, _jobs, speak, synth
from sonant.data.synth_texts import sentences
from sonant.data.synth_workers import run_fresh, usable_cores


def bare(path: str) -> None:
    """Say 200 sentences and keep nothing; leaves [seconds of speech, wall, CPU] in ``path``."""
    synthesiser, said = Synthesiser(0), 0.0
    synthesiser.set_voice("en-us", "f2")
    wall, cpu = time.perf_counter(), time.process_time()
    for text in sentences("en-us", 200, seed=0):
        speech = synthesiser.say(text)
        said += seconds_of(len(speech.samples), speech.sample_rate)
    Path(path).write_text(json.dumps([said, time.perf_counter() - wall, time.process_time() - cpu]))


def one_speaker(folder: str) -> None:
    """Generate ten minutes of one speaker in this process; leaves [seconds of speech, wall, CPU]."""
    jobs, _ = _jobs(Path(folder), SynthConfig(hours=1 / 6, speakers=1, test_speakers=0))
    (Path(folder) / ".parts").mkdir(parents=True)
    wall, cpu = time.perf_counter(), time.process_time()
    speak(jobs[0])
    (Path(folder) / "times.json").write_text(json.dumps([600.0, time.perf_counter() - wall, time.process_time() - cpu]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=usable_cores())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run_fresh(bare, [str(root / "bare.json")])
        run_fresh(one_speaker, [str(root / "one")])
        begin = time.perf_counter()
        train = synth(root / "corpus", SynthConfig(hours=args.hours), processes=args.processes)
        wall = time.perf_counter() - begin
        hours = train.hours + Manifest.open(root / "corpus" / "test").hours
        print(f"{'':28}{'x real time, wall':>20}{'x real time, CPU':>20}")
        for name, file in (("synthesiser alone, 1 core", "bare.json"), ("corpus, 1 core", "one/times.json")):
            said, seconds, cpu = json.loads((root / file).read_text())
            print(f"{name:28}{said / seconds:>20.0f}{said / cpu:>20.0f}")
        print(f"{f'corpus, {args.processes} processes':28}{hours * 3600 / wall:>20.0f}")
        print(f"{hours:.2f} h in {wall:.1f} s: an hour in {wall / hours:.1f} s; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
