"""The process of one stage: a sonant command that does not outlive the one that runs the recipe.

Called as a script: ``python _child.py FD WORDS...``. FD is the reading end of a pipe whose other end only the parent
holds. When the parent is gone, however it went, reading ends, and this process and all that it started are killed:
they are a process group of their own. What is half done then is gone on with by the next run.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from pathlib import Path


def end_with(parent: int) -> None:
    """Wait for the end of the parent, then kill the process group."""
    os.read(parent, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    package = str(Path(__file__).parents[2])
    if package not in sys.path:
        sys.path.insert(0, package)  # the same sonant as the parent's
    sys.argv = ["sonant", *sys.argv[2:]]
    runpy.run_module("sonant", run_name="__main__")
