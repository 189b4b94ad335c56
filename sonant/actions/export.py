"""Write a model of dialogue as an ONNX graph of one step, which other programs and languages run."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..build import load
from ..core import Failure, MissingExtra, Representation, generator, require
from ..core.files import write_atomically
from ..streaming.dialogue import DialogueStream
from ..streaming.even import EvenDialogue
from ..streaming.onnx import KEY, OnnxDialogueStream
from ..version import __version__

MOST_OFF = 1e-4  # of logits and probabilities


def export_onnx(
    model: str | Path | Representation, out: str | Path, *, context: float | None = 20.0, chunk: int = 1
) -> dict[str, Any]:
    """Write ``out``, a file ``.onnx`` that holds all that ``streaming.onnx.OnnxDialogueStream`` needs.

    Before it is written, onnxruntime hears a second of noise (or three steps) with it, and what it says is compared
    with what PyTorch's stream says.

    Args:
        model: what ``sonant.load`` takes, or a representation; it needs a dialogue.
        context: seconds of past that a frame of each layer sees; None: as much as the model was built for.
        chunk: frames of a step.

    Returns:
        File and its size (MB), sample rate, samples and frames of a step, frames before the beginning, frames of
        context, and the largest difference of logits and probabilities.

    Raises:
        MissingExtra: onnx, onnxscript or onnxruntime is not installed.
        SonantError: a model that cannot be streamed or has parts that cannot be exported, or impossible settings.
        Failure: what is written differs by more than 1e-4.
    """
    out = Path(out)
    require(out.suffix == ".onnx", f"the graph is an .onnx file, got '{out}'")
    _check_packages()
    representation = copy.deepcopy(model) if isinstance(model, Representation) else load(model)
    representation = representation.eval().float().cpu()
    even = EvenDialogue(representation, context_s=context, frames=chunk).eval()
    written = graph(even)
    difference = largest_difference(representation, written, context=context)
    if not difference <= MOST_OFF:
        raise Failure(f"what onnxruntime says differs from PyTorch by {difference:.2g}, so that nothing was written")
    write_atomically(out, lambda file: file.write(written))
    known = facts(even)
    return {"out": str(out), "megabytes": len(written) / 1e6, **known, "largest_difference": difference}


def graph(even: EvenDialogue) -> bytes:
    """The ONNX model of a step, with ``facts`` and its tensors in its metadata."""
    given = even.inputs()
    with _quiet():
        program = torch.onnx.export(
            even,
            tuple(given.values()),
            dynamo=True,
            verbose=False,
            input_names=list(given),
            output_names=even.outputs(),
        )
    written = program.model_proto
    tensors = {"states": _described(even.states), "memory": _described(even.memory)}
    written.metadata_props.add(key=KEY, value=json.dumps({**facts(even), **tensors}))
    return written.SerializeToString()


def facts(even: EvenDialogue) -> dict[str, Any]:
    """What a program has to know of a step."""
    names = ("sample_rate", "rate", "channels", "samples", "frames", "early", "told", "width")
    return {"version": __version__, **{name: getattr(even, name) for name in names}}


def largest_difference(model: Representation, written: bytes, *, context: float | None) -> float:
    """Of all that both streams say about a second of noise, or three steps if these are more. That of logits is divided
    by the largest of them, where it is above 1."""
    torch_stream, onnx_stream = DialogueStream(model, context_s=context), OnnxDialogueStream(written)
    random = generator("export")
    steps = max(-(-onnx_stream.sample_rate // onnx_stream.samples), 3)
    wave_CL = 0.1 * torch.randn(onnx_stream.channels, steps * onnx_stream.samples, generator=random)
    told_TC = None
    if onnx_stream.told:
        told_TC = torch.randint(0, 2, (steps * onnx_stream.frames, 2), generator=random).float()
    wanted = torch_stream.step(wave_CL, told_TC)
    found = onnx_stream.step(wave_CL.numpy(), None if told_TC is None else told_TC.numpy())
    assert len(found.logits) >= 1
    names = ("logits", "p_now_TC", "p_future_TC", *(() if found.activity_TC is None else ("activity_TC",)))
    pairs = ((getattr(found, name), getattr(wanted, name).numpy()) for name in names)
    return max(float(np.abs(a - b[: len(a)]).max() / max(np.abs(b).max(), 1.0)) for a, b in pairs)


def _described(tensors: dict[str, Tensor]) -> dict[str, dict[str, Any]]:
    return {name: {"shape": list(x.shape), "dtype": str(x.numpy().dtype)} for name, x in tensors.items()}


def _check_packages() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtra(package, "export", "writing an ONNX model") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter tells its own developers."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
