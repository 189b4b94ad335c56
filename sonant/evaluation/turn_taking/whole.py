"""What a model says about a whole dialogue, however long: windows side by side, each with some past before it.

Attention over an hour does not fit into memory, and models are trained on windows: every frame is read from a window
in which it has at least ``context`` seconds of past (fewer where the dialogue begins).

Letters: L samples, T frames, C = 2 speakers, K classes, W windows of the history, N windows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...core import Representation, require, samples_of

BATCH = 8  # windows at a time on an accelerator; one on a CPU, whose caches they would flood


def dialogue_logits(
    representation: Representation,
    wave: np.ndarray,
    activity_TC: np.ndarray,
    *,
    context: float = 10.0,
    step: float = 10.0,
) -> Tensor:
    """(T, ...) logits of the projection for every frame; arguments and errors as ``dialogue_said``."""
    return dialogue_said(representation, wave, activity_TC, context=context, step=step)[0]


@torch.no_grad()
def dialogue_said(
    representation: Representation,
    wave: np.ndarray,
    activity_TC: np.ndarray,
    *,
    context: float = 10.0,
    step: float = 10.0,
) -> tuple[Tensor, Tensor | None]:
    """(T, ...) logits of the projection and (T, 2) of who is active, for every frame that audio and activity both have.

    The latter are None for models that are told who is active.

    Args:
        representation: a model with a dialogue, in evaluation mode.
        wave: (2, L) both channels, or (L,) for models of one.
        activity_TC: (T, 2) of 0 and 1 at the model's rate; only models that are told who is active look at it.
        context: seconds of past that every frame has at the least.
        step: seconds from one window to the next; a window is ``context + step`` long, best as long as in training.

    Raises:
        SonantError: a model without a dialogue, or a dialogue shorter than a frame.
    """
    dialogue = representation.dialogue
    require(
        dialogue is not None,
        "this model listens to no dialogues; train one with a section 'dialogue' (sonant configs vap) or import one",
    )
    require(step > 0 and context >= 0, f"windows need a step above 0 s and a context of 0 s or more, got {step:g}")
    hop, rate = dialogue.geometry.hop, dialogue.geometry.rate
    before, new = max(samples_of(context, rate), 0), max(samples_of(step, rate), 1)
    told = _Told(representation, torch.from_numpy(np.ascontiguousarray(activity_TC)))
    frames = min(wave.shape[-1] // hop, len(activity_TC))
    require(frames > 0, "the dialogue is shorter than a frame of the model")
    firsts = list(range(0, frames, new))
    found: list[tuple[Tensor, Tensor | None]] = []
    many = 1 if next(representation.parameters()).device.type == "cpu" else BATCH
    for group in (firsts[i : i + many] for i in range(0, len(firsts), many)):
        found += _windows(representation, wave, told, group, before=before, new=new, hop=hop)
    logits, active = zip(*found, strict=True)
    active_TC = None if active[0] is None else torch.cat(active)[:frames].float().cpu()
    return torch.cat(logits)[:frames].float().cpu(), active_TC


def _windows(
    representation: Representation, wave: np.ndarray, told: _Told, firsts: list[int], *, before: int, new: int, hop: int
) -> list[tuple[Tensor, Tensor | None]]:
    """Both logits of ``new`` frames from each of ``firsts`` on."""
    device = next(representation.parameters()).device
    starts = [max(first - before, 0) for first in firsts]
    size = before + new + 2  # two more, for windows of the encoder that reach ahead
    pieces = [torch.from_numpy(wave[..., start * hop : (start + size) * hop].copy()) for start in starts]
    lengths_N = torch.tensor([piece.shape[-1] for piece in pieces])
    padded = [torch.nn.functional.pad(piece, (0, size * hop - piece.shape[-1])) for piece in pieces]
    out = representation.converse(
        torch.stack(padded).to(device), lengths_N.to(device), *told.of(starts, size, device=device)
    )
    made = []
    for number, (first, start) in enumerate(zip(firsts, starts, strict=True)):
        kept = slice(first - start, min(first - start + new, int(out.lengths_B[number])))
        active = None if out.activity_logits is None else out.activity_logits[number, kept]
        made.append((out.logits[number, kept], active))
    return made


class _Told:
    """Activity and history of a dialogue, cut into windows for models that are told of them."""

    def __init__(self, representation: Representation, activity_TC: Tensor):
        self.cfg, self.activity_TC = representation.dialogue.cfg, activity_TC
        self.history_TW = None
        if self.cfg.history:
            self.history_TW = representation.dialogue.count_history(activity_TC)

    def of(self, starts: list[int], size: int, *, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
        """(N, size, 2) activity and (N, size, W) history from each start on, for models that take them."""

        def cut(x_TD: Tensor) -> Tensor:
            pieces = [x_TD[start : start + size] for start in starts]
            padded = [torch.nn.functional.pad(piece, (0, 0, 0, size - len(piece))) for piece in pieces]
            return torch.stack(padded).to(device)

        if not self.cfg.activity:
            return None, None
        return cut(self.activity_TC), None if self.history_TW is None else cut(self.history_TW)
