"""The command of a toy recipe, in place of sonant: a folder of small files, made one after the other.

    make OUT --count 3 --pause 0.02 [--text T] [--reads PLACE ...] [--resume]

The files depend on the text and on all that is read. With --resume those that are there are not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, os.environ["TOY_PACKAGE"])

from sonant.actions._child import end_with  # noqa: E402


def read(place: Path) -> bytes:
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    return b"".join(file.name.encode() + file.read_bytes() for file in files if file.is_file())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--text", default="")
    parser.add_argument("--reads", type=Path, nargs="*", default=[])
    parser.add_argument("--needs", type=Path)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(sys.argv[2:])
    if args.needs is not None and not args.needs.exists():
        return 3
    if args.command == "nothing":
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    source = hashlib.sha256(args.text.encode() + b"".join(map(read, args.reads))).hexdigest()
    with Path(os.environ["TOY_LOG"]).open("a") as log:
        for number in range(args.count):
            part = args.out / f"{number}.txt"
            if args.resume and part.exists():
                continue
            time.sleep(args.pause)
            part.with_suffix(".new").write_text(f"{number} {source}\n")
            part.with_suffix(".new").rename(part)
            log.write(f"{args.out.name} {number}\n")
            log.flush()
    return 0


threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
sys.exit(main())
