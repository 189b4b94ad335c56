"""Run a model of dialogue on audio as it comes, and tell frame by frame who speaks now, next and later."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from ..build import load
from ..core import Representation, require
from ..data.activity import activity_frames
from ..data.dialogue_timings.sources import read_dialogues
from ..streaming.onnx import OnnxDialogueStream
from ._live_audio import RawAudio, Tell, pieces_of
from ._live_clock import Clock
from ._live_listener import Listener, Moments, check_dialogue

HEADER = "time_sec,p_now(0=left),p_now(1=right),p_future(0=left),p_future(1=right)"


def stream(
    model: str | Path | Representation,
    source: str | Path,
    *,
    context: float | None = 20.0,
    chunk_ms: float = 100.0,
    activity: str | Path | None = None,
    json_to: str | None = None,
    csv_to: str | None = None,
    pace: bool = False,
    raw: RawAudio | None = None,
    pipe: BinaryIO | None = None,
    show: Callable[[Moments], None] | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Listen to ``source`` until it ends or the user interrupts.

    Args:
        model: what ``sonant.load`` takes, or a representation, which needs a dialogue; or a file of ``sonant export``,
            which has its own context.
        source: an audio file; ``-``: raw samples out of ``pipe``; ``mic``: the microphone.
        context: seconds of past that the model sees.
        chunk_ms: audio of one step.
        activity: timings (one dialogue) for models that are told who is active.
        json_to, csv_to: a file, or ``-`` for standard output: a line for each frame, as soon as it is known.
        pace: play a file in real time; otherwise as fast as possible.
        raw: how the samples of the pipe lie; None: 16 kHz, two channels, s16.
        pipe: None: standard input.
        show: called with the frames of every step that completes some.
        tell: called with what the user should know.

    Returns:
        Seconds of audio heard, frames, seconds of computing, real-time factor (computing / audio), latency of the steps
        (from the last sample there to the probability out) in ms, and whether it was interrupted.

    Raises:
        SonantError: no such model or file, a model of another kind, impossible settings.
    """
    require(chunk_ms > 0, f"chunks last more than 0 ms, got {chunk_ms}")
    require({json_to, csv_to} != {"-"}, "JSON and CSV cannot both go to standard output; give a file for one of them")
    tell, raw = tell or (lambda line: None), raw or RawAudio()
    model, context = _opened_model(model, context)
    listener = Listener(model, context_s=context, track_TS=_track(model, activity))
    wanted = {"rate": listener.sample_rate, "channels": listener.channels, "chunk_s": chunk_ms / 1000}
    clock = Clock(listener.sample_rate)
    with ExitStack() as stack:
        pieces = stack.enter_context(pieces_of(source, raw=raw, pipe=pipe, pace=pace, tell=tell, **wanted))
        write = stack.enter_context(_writers(json_to, csv_to))
        try:
            for piece in pieces:
                with clock.step(piece):
                    moments = listener.hear(piece.wave_CL)
                if len(moments):
                    clock.frames += len(moments)
                    write(moments)
                    if show is not None:
                        show(moments)
        except KeyboardInterrupt:
            clock.interrupted = True
    return {"source": str(source), "chunk_ms": chunk_ms, "context": context, **clock.facts()}


def _opened_model(
    model: str | Path | Representation, context: float | None
) -> tuple[Representation | OnnxDialogueStream, float | None]:
    """What listens, and the context that it has."""
    if not isinstance(model, Representation) and str(model).endswith(".onnx"):
        exported = OnnxDialogueStream(model)
        return exported, exported.facts["width"] / exported.rate
    representation = model if isinstance(model, Representation) else load(model)
    check_dialogue(representation)
    return representation.eval(), context


def _track(model: Representation | OnnxDialogueStream, activity: str | Path | None) -> np.ndarray | None:
    """(T, 2) who is active, for models that are told; None for those that hear it."""
    exported = isinstance(model, OnnxDialogueStream)
    told, rate = (model.told, model.rate) if exported else (model.dialogue.cfg.activity, model.dialogue.geometry.rate)
    if not told:
        require(activity is None, "this model hears who is active; leave --activity out")
        return None
    require(
        activity is not None,
        "this model is told who is active: give the timings of the dialogue with --activity, or take a model of two "
        "channels (vap_stereo)",
    )
    dialogues = list(read_dialogues(activity))
    require(len(dialogues) == 1, f"'{activity}' tells of {len(dialogues)} dialogues; give the timings of this one")
    [dialogue] = dialogues
    return activity_frames(dialogue.activity, rate=rate, duration=dialogue.duration)


@contextmanager
def _writers(json_to: str | None, csv_to: str | None) -> Iterator[Callable[[Moments], None]]:
    """A function that writes moments to both files as they come, so that they can be followed."""
    with ExitStack() as stack:
        lines, table = (_opened(stack, target) for target in (json_to, csv_to))
        if table is not None:
            table.write(HEADER + "\n")

        def write(moments: Moments) -> None:
            for line in moments.lines() if lines or table else ():
                if lines is not None:
                    lines.write(json.dumps(line) + "\n")
                if table is not None:
                    numbers = (line["time"], *line["p_now"], *line["p_future"])
                    table.write(",".join(f"{number:g}" for number in numbers) + "\n")
            for file in filter(None, (lines, table)):
                file.flush()

        yield write


def _opened(stack: ExitStack, target: str | None) -> IO[str] | None:
    if target is None or target == "-":
        return None if target is None else sys.stdout
    return stack.enter_context(Path(target).open("w", encoding="utf-8"))
