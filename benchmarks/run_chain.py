"""Interrupt ``sonant run`` in every stage; show that it ends as if nothing had happened.

    python benchmarks/run_chain.py --folder DIR [--each 1] [--seed 0]

Generates a small corpus, runs the recipe ``cpc`` on it (prepare, train, extract, ABX, report) once in peace, and once
with interruptions: in each stage, ``--each`` times in each of four ways (SIGKILL to the whole process group, SIGKILL
to ``sonant run`` alone, SIGINT, SIGTERM), at a random moment of the first half of its length in peace. After each,
what was finished must be untouched; at the end weights, frames and scores must equal those in peace. Prints one JSON
object; exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

WAYS = {
    "SIGKILL, all": (os.killpg, signal.SIGKILL),
    "SIGKILL, run alone": (os.kill, signal.SIGKILL),
    "SIGINT": (os.killpg, signal.SIGINT),
    "SIGTERM": (os.kill, signal.SIGTERM),
}
OPTIONS = (
    "--train.steps 60 --train.checkpoint_every 5 --train.valid_every 20 --data.batch_size 8 --data.batch_seconds 8 "
    "--encoder.dim 32 --context.dim 32"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="new folder for all of it")
    parser.add_argument("--each", type=int, default=1, help="interruptions of every kind in every stage")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    corpus = args.folder / "corpus"
    small = ["--hours", "0.03", "--speakers", "3", "--test-speakers", "2", "--test-sentences", "3"]
    sonant = [sys.executable, "-m", "sonant"]
    subprocess.run([*sonant, "prepare", "synth", str(corpus), *small], check=True, stdout=sys.stderr)
    chain = [*sonant, "run", "cpc", "--audio", str(corpus / "train" / "audio"), "--test-audio", str(corpus / "test")]
    chain += ["--items", str(corpus / "items" / "triphone.item"), "--set", f"options={OPTIONS}"]
    whole, broken = args.folder / "whole", args.folder / "broken"
    told = to_the_end(chain, whole)
    deaths = []
    for stage in [row for row in told["stages"] if row["state"] == "ran"]:
        for number in range(args.each):
            for way in WAYS:
                draw = random.Random(f"{args.seed} {stage['stage']} {number} {way}")
                after = draw.random() * stage["seconds"] / 2  # a machine with other work may be slow or fast now
                deaths.append(interrupt([*chain, "--dir", str(broken)], broken, stage["stage"], way=way, after=after))
    last = to_the_end(chain, broken)
    result = {
        "interruptions": len(deaths),
        "while_the_stage_was_at_work": {
            row["stage"]: sum(death["hit"] for death in deaths if death["stage"] == row["stage"])
            for row in last["stages"]
            if row["state"] != "left out"
        },
        "finished_stages_touched": sum(death["touched"] for death in deaths),
        "equal": {kind: made(whole)[kind] == made(broken)[kind] for kind in made(whole)},
        "seconds_in_peace": round(sum(row["seconds"] or 0 for row in told["stages"]), 1),
    }
    print(json.dumps(result, indent=2))
    return 0 if all(result["equal"].values()) and not result["finished_stages_touched"] else 1


def to_the_end(chain: list[str], folder: Path) -> dict:
    """Run in peace; what ``--json`` tells."""
    done = subprocess.run([*chain, "--dir", str(folder), "--json", "-"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(chain)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def interrupt(command: list[str], folder: Path, stage: str, *, way: str, after: float) -> dict:
    """Start, wait until the stage is at work and so many seconds more, send the signal, look at what is left."""
    before = finished(folder)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **quiet)
    known = record(folder, stage).get("starts_at")
    while process.poll() is None and not started(folder, stage, than=known):
        time.sleep(0.002)
    time.sleep(after)
    hit = process.poll() is None and record(folder, stage).get("state") == "begun"
    send, number = WAYS[way]
    if process.poll() is None:
        send(process.pid, number)
    process.wait()
    after_all = finished(folder)
    touched = sum(after_all.get(name) != then for name, then in before.items())
    print(f"{stage}: {way} after {after:.1f} s, {'at work' if hit else 'not at work'}", file=sys.stderr)
    return {"stage": stage, "hit": hit, "touched": touched}


def started(folder: Path, stage: str, *, than: int | None) -> bool:
    """Whether a stage was started since its record was written at ``than``, or is done already."""
    found = record(folder, stage)
    return found.get("starts_at") != than or found.get("state") == "done"


def record(folder: Path, stage: str) -> dict:
    """What is noted of a stage, with the time of the note."""
    path = folder / "stages" / f"{stage}.json"
    try:
        return {**json.loads(path.read_text()), "starts_at": path.stat().st_mtime_ns}
    except FileNotFoundError:
        return {}


def finished(folder: Path) -> dict[str, tuple]:
    """For every finished stage when it was started and when each file that it made was written."""
    found = {}
    for path in (folder / "stages").glob("*.json"):
        known = json.loads(path.read_text())
        if known["state"] == "done":
            files = [file for out in known["outputs"] for file in files_of(folder / out)]
            found[path.stem] = (known["begun"], {str(file): file.stat().st_mtime_ns for file in files})
    return found


def files_of(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def made(folder: Path) -> dict:
    """What counts of what the chain has made."""
    scores = [json.loads(line) for path in sorted((folder / "scores").iterdir()) for line in path.open()]
    frames = {file.name: file.read_bytes() for file in files_of(folder / "frames") if file.suffix == ".npy"}
    return {
        "weights": (folder / "run" / "model" / "model.safetensors").read_bytes(),
        "frames": frames,
        "scores": [(score["settings"], score["figure"]) for score in scores],
        "corpus": (folder / "corpus" / "supervisions.jsonl").read_bytes(),
    }


if __name__ == "__main__":
    sys.exit(main())
