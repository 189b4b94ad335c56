"""What a run leaves to read: metrics.jsonl always, TensorBoard when asked."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from ..core import MissingExtra
from ..core.files import write_text
from .checkpoint import writing


class Metrics:
    """``metrics.jsonl`` of a run, one JSON object a line, and the same scalars for TensorBoard.

    A line is ``{"kind", "step", "seconds", ...}``: kind is train, valid, eval or event; seconds count
    wall time since the start of the run, over all its resumptions.

    Args:
        run_dir: the run folder.
        lines: how many lines belong to what the run goes on from; later ones are dropped.
        step: the step it goes on from.
        tensorboard: also write ``tensorboard/``.
    """

    def __init__(self, run_dir: Path, *, lines: int, step: int, tensorboard: bool = False):
        self.path = Path(run_dir) / "metrics.jsonl"
        self._writer = _writer(Path(run_dir) / "tensorboard", step) if tensorboard else None
        self.lines = 0
        with writing(self.path):
            if self.path.exists():
                kept = self.path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1][:lines]
                write_text(self.path, "".join(f"{line}\n" for line in kept))
                self.lines = len(kept)
            self._stream = self.path.open("a", encoding="utf-8")

    def write(self, kind: str, *, step: int, seconds: float, **values) -> None:
        """Append one line; numbers that JSON cannot hold (NaN, infinity) become null."""
        line = {"kind": kind, "step": step, "seconds": round(seconds, 3), **values}
        line = {key: _finite(value) for key, value in line.items()}
        with writing(self.path):
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()
        self.lines += 1
        if self._writer is not None:
            for key, value in values.items():
                if isinstance(value, (int, float)):
                    self._writer.add_scalar(f"{kind}/{key}", value, step)

    def sync(self) -> None:
        """Make all lines so far survive a power cut."""
        with writing(self.path):
            os.fsync(self._stream.fileno())
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """End both logs."""
        self._stream.close()
        if self._writer is not None:
            self._writer.close()


def _finite(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _writer(where: Path, step: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("tensorboard", "log", "train.tensorboard") from error
    return SummaryWriter(str(where), purge_step=step + 1)
