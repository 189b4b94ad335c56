"""Frames of a model on audio as it comes, written as one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..build import load
from ..core import Representation, require
from ..core.files import write_atomically
from ..streaming.frames import FrameStream
from ._live_audio import RawAudio, Tell, pieces_of
from ._live_clock import Clock


def stream_frames(
    model: str | Path | Representation,
    source: str | Path,
    out: str | Path,
    *,
    layer: str | None = None,
    chunk_ms: float = 100.0,
    pace: bool = False,
    raw: RawAudio | None = None,
    pipe: BinaryIO | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Listen to ``source`` until it ends or the user interrupts, and write its frames (T, D) float32 to ``out``.

    Two channels are averaged. They are those of ``sonant extract``, but for the last few, which stand on padding behind
    the end. Arguments and figures as ``actions.stream``.

    Args:
        out: a file ``.npy``.
        layer: z or c; None: the model's own.

    Raises:
        SonantError: no such model or file, a model or layer that looks ahead without bound.
    """
    require(chunk_ms > 0, f"chunks last more than 0 ms, got {chunk_ms}")
    require(Path(out).suffix == ".npy", f"frames are written as .npy, got '{out}'")
    representation = model if isinstance(model, Representation) else load(model)
    stream = FrameStream(representation.eval(), layer=layer)
    frames = [np.zeros((0, representation.dim_of(stream.layer)), np.float32)]
    wanted = {"rate": stream.sample_rate, "channels": 1, "chunk_s": chunk_ms / 1000}
    clock = Clock(stream.sample_rate)
    with pieces_of(source, raw=raw, pipe=pipe, pace=pace, tell=tell or (lambda line: None), **wanted) as pieces:
        try:
            for piece in pieces:
                with clock.step(piece):
                    x_TD = stream.step(piece.wave_CL[0]).x_BTD[0]
                frames.append(x_TD.float().cpu().numpy())
                clock.frames += len(x_TD)
        except KeyboardInterrupt:
            clock.interrupted = True
    write_atomically(out, lambda file: np.save(file, np.concatenate(frames)))
    return {"source": str(source), "out": str(out), "layer": stream.layer, "chunk_ms": chunk_ms, **clock.facts()}
