"""A model of dialogue that hears its frames in pieces: what ``Dialogue.begin`` and ``Dialogue.step`` do.

The state is a dictionary of

    down       frames of the context that the down-sampling still needs
    waiting    (N, t, D) frames that wait for the activity, and told (B, t, 2) activity that waits for frames; mono
    totals     (B, P, 2) activity counted up to each of the last frames; mono with history
    memory     keys and values of all layers (``nn.attention_memory``)

Letters: B dialogues, N sequences (B x channels), T frames, D channels of a frame, C = 2 speakers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sonant.core import require
from sonant.core.dialogue import DialogueOut

from .activity_history import history_begin, history_step
from .attention_memory import MOST, Ring, Window

if TYPE_CHECKING:
    from .dialogue import Dialogue


def begin(model: Dialogue, sequences: int, *, device, dtype, width: int | None) -> dict[str, Any]:
    """As ``Dialogue.begin``."""
    sizes, place = _sizes(model, sequences, width), {"device": device, "dtype": dtype}
    state: dict[str, Any] = {"memory": Window.begin(**sizes, **place)}
    if model.down is not None:
        state["down"] = model.down.begin(sequences, **place)
    if model.condition is not None:
        state["waiting"] = torch.zeros(sequences, 0, model.dim, **place)
        state["told"] = torch.zeros(sequences, 0, 2, **place)
    if model.cfg.history:
        state["totals"] = history_begin(sequences, rate=model.geometry.rate, device=device)
    return state


def begin_even(
    model: Dialogue, sequences: int, early: int, *, device, dtype, width: int | None, frames: int
) -> tuple[dict[str, Any], int]:
    """As ``Dialogue.begin_even``."""
    sizes, place = _sizes(model, sequences, width), {"device": device, "dtype": dtype}
    state: dict[str, Any] = {}
    if model.down is not None:
        state["down"], early = model.down.begin_even(sequences, early, **place)
    if model.cfg.history:
        state["totals"] = history_begin(sequences, rate=model.geometry.rate, device=device)
    state["memory"] = Ring.begin(**sizes, frames=frames, early=early, **place)
    return state, early


def _sizes(model: Dialogue, sequences: int, width: int | None) -> dict[str, Any]:
    """What both memories are made of."""
    width = min((w for w in (width, model.cfg.width) if w is not None), default=None)
    require(
        width is not None and width >= 1,
        "this model looks at the whole past, which a stream cannot keep: give the frames that it may see (context_s)",
    )
    require(
        sequences % model.channels == 0,
        f"a model of two channels needs both of each dialogue, got {sequences} sequences",
    )
    return {
        "attentions": len(model.channel) + 2 * len(model.cross),
        "sequences": sequences,
        "heads": model.cfg.heads,
        "dim": model.dim,
        "width": width,
        "slopes_H": model.slopes_H,
    }


def enter(model: Dialogue, x_NTD: Tensor, state: dict[str, Any], activity_BTC: Tensor | None):
    """Frames of the context to the frames (N, T', D) that the first layer is given, and the next state."""
    state = dict(state)
    if model.down is not None:
        x_NTD, state["down"] = model.down.step(x_NTD, state["down"])
    if model.condition is None:
        require(activity_BTC is None, "this model hears who is active; leave the activity out")
        return x_NTD, state
    told_BTC = x_NTD.new_zeros(len(x_NTD), 0, 2)
    if activity_BTC is not None:
        require(
            activity_BTC.dim() == 3 and (activity_BTC.shape[0], activity_BTC.shape[2]) == (len(x_NTD), 2),
            f"activity must be ({len(x_NTD)}, frames, 2), got {tuple(activity_BTC.shape)}",
        )
        told_BTC = activity_BTC.to(x_NTD)
    if "waiting" in state:  # not in steps of one size
        x_NTD = torch.cat([state["waiting"], x_NTD], dim=1)
        told_BTC = torch.cat([state["told"], told_BTC], dim=1)
    T = min(x_NTD.shape[1], told_BTC.shape[1])
    if "waiting" in state:
        state["waiting"], state["told"] = x_NTD[:, T:], told_BTC[:, T:]
    history_BTW = None
    if model.cfg.history:
        history_BTW, state["totals"] = history_step(
            told_BTC[:, :T], state["totals"], rate=model.geometry.rate, oldest=model.cfg.history_oldest
        )
        history_BTW = model.shares(history_BTW)
    return model.tell(x_NTD[:, :T], told_BTC[:, :T], history_BTW), state


def say(model: Dialogue, x_NTD: Tensor, state: dict[str, Any], *, activity_from: str) -> tuple[DialogueOut, Any]:
    """Logits of frames that entered, and the next state."""
    said, pieces = [], x_NTD.split(MOST, dim=1) if x_NTD.shape[1] > MOST else [x_NTD]
    for piece_NTD in pieces:
        memory, T = state["memory"], piece_NTD.shape[1]
        if T == 0:
            said.append(model.heads(piece_NTD, piece_NTD))
            continue
        window = (Window if "cache" in memory else Ring)(memory, T)
        said.append(model.through(piece_NTD, window, first=memory["seen"], activity_from=activity_from))
        state = {**state, "memory": window.state}
    logits, activity = zip(*said, strict=True)
    lengths_B = torch.full((len(x_NTD) // model.channels,), x_NTD.shape[1], device=x_NTD.device)
    activity_BTC = None if activity[0] is None else torch.cat(activity, dim=1)
    return DialogueOut(torch.cat(logits, dim=1), activity_BTC, lengths_B), state
