"""What a model on units says about a whole dialogue, in windows with some past before them as in ``whole``.

Letters: T frames, C = 2 speakers, K classes or units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core import Representation, require, samples_of


@torch.no_grad()
def unit_dialogue_logits(
    representation: Representation,
    unit_T: Tensor,
    activity_TC: Tensor,
    *,
    context: float = 5.0,
    step: float = 5.0,
) -> tuple[Tensor, Tensor | None]:
    """Logits of the projection (T, ...) and, of models that foretell it, of the next unit (T, K), for every frame.

    Args:
        representation: a model of dialogue on units, in evaluation mode.
        unit_T, activity_TC: units, and 0 and 1 for each speaker.
        context: seconds of past that every frame has at the least.
        step: seconds from one window to the next; a window is ``context + step`` long, best as long as in training.
    """
    require(step > 0 and context >= 0, f"windows need a step above 0 s and a context of 0 s or more, got {step:g}")
    dialogue = representation.dialogue
    require(
        dialogue is not None and dialogue.cfg.activity,
        "this model stands on no units of dialogues; train one (sonant train ulm-projection) or import one",
    )
    device = next(representation.parameters()).device
    before, new = samples_of(context, dialogue.geometry.rate), max(samples_of(step, dialogue.geometry.rate), 1)
    unit_T, activity_TC = unit_T.to(device), activity_TC.to(device)
    history_TW = dialogue.count_history(activity_TC) if dialogue.cfg.history else None
    logits, units = [], []
    for first in range(0, len(unit_T), new):
        seen = slice(max(first - before, 0), first + new)
        history_BTW = None if history_TW is None else history_TW[None, seen]
        out = representation.read(unit_T[seen], activity_TC[seen], None, history_BTW)
        logits.append(out.logits[0, first - seen.start :].float().cpu())
        if out.unit_logits is not None:
            units.append(out.unit_logits[0, first - seen.start :].float().cpu())
    return torch.cat(logits), torch.cat(units) if units else None
