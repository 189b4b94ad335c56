"""What methods that learn from dialogues share: the activity of a batch, and the losses of what a model says of it.

Letters: B dialogues, T frames, H frames of the future, C = 2 speakers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import Batch, FrameModule, Frames, require
from sonant.core.dialogue import DialogueOut
from sonant.core.module import add_reach
from sonant.objectives.projection import (
    Window,
    class_of_bins,
    horizon_mask,
    projection_bins,
    projection_shares,
)
from sonant.objectives.projection_loss import comparative_loss, discrete_loss, independent_loss, mean_of_targets


def check_body(encoder: FrameModule, context: FrameModule, *, method: str) -> None:
    """Raise SonantError for a body that hears what it must foretell."""
    require(
        add_reach(encoder, context)[1] == 0,
        f"{method}: the encoder or the context looks ahead, so that it hears what it must foretell; choose a context "
        "such as lstm or causal_attention, and features that are not normalised over the utterance",
    )


def activity_of(batch: Batch, window: Window, *, method: str) -> Tensor:
    """(B, T + H, 2) of the batch. Raises SonantError when it has none, or of another rate or future."""
    activity_BTC = batch.extras.get("activity_BTC")
    require(
        activity_BTC is not None and "known_B" in batch.extras,
        f"the method {method} needs who is active when: set data.view: dialogue",
    )
    frames = activity_BTC.shape[1] - window.horizon
    wanted = batch.wave_BL.shape[-1] / batch.sample_rate * window.rate
    require(
        abs(frames - wanted) < 1,
        f"the model has {window.rate:g} frames a second and a future of {sum(window.bins_s):g} s: set "
        "data.activity_rate and data.horizon_seconds to these",
    )
    return activity_BTC


def history_of(batch: Batch, told_BTC: Tensor, dialogue) -> Tensor | None:
    """(B, T, W) of the window, counted from the dialogue's beginning; None for models that are not told of it.

    Args:
        told_BTC: (B, T, 2) activity of the window itself.
        dialogue: ``nn.dialogue.Dialogue``.
    """
    if not dialogue.cfg.history:
        return None
    past_BPC = batch.extras.get("past_BTC")
    require(past_BPC is not None, "this model has a history of who was active: set data.past: true")
    whole_BTC = torch.cat([past_BPC, told_BTC], dim=1)
    return dialogue.count_history(whole_BTC)[:, past_BPC.shape[1] :]


def two_channels(batch: Batch) -> Frames:
    """(2 B, L, 1) waveforms, both channels of a dialogue side by side. Raises SonantError for other batches."""
    wave_BCL = batch.wave_BL
    require(
        wave_BCL.dim() == 3 and wave_BCL.shape[1] == 2,
        "this model listens to 2 channels: set data.view: dialogue and data.mix: false",
    )
    return Frames.of_wave(wave_BCL.flatten(0, 1), batch.lengths_B.repeat_interleave(2), batch.sample_rate)


def dialogue_losses(
    out: DialogueOut, activity_BTC: Tensor, known_B: Tensor, *, window: Window, projection: str
) -> tuple[dict[str, Tensor], Tensor]:
    """``loss_vap`` and, of models of two channels, ``loss_activity``: means over the frames that are targets.

    Args:
        activity_BTC: (B, T + H, 2) of 0 and 1.
        known_B: for how many frames of it the activity is known; frames whose future goes beyond are no targets.
        projection: what is told of the future (``nn.dialogue``).

    Returns:
        The losses by name, and how many frames are targets. Raises SonantError when none is.
    """
    T = min(out.logits.shape[1], activity_BTC.shape[1] - window.horizon)
    real_BT = torch.arange(T, device=activity_BTC.device) < out.lengths_B[:, None]
    mask_BT = real_BT & horizon_mask(known_B, frames=T, window=window)
    count = mask_BT.sum()
    require(
        bool(count > 0),
        f"no frame of the batch has a known future of {sum(window.bins_s):g} s; lengthen data.chunk_seconds",
    )
    future_BTC = activity_BTC[:, : T + window.horizon]
    loss_BT = _of_future(out.logits[:, :T], future_BTC, mask_BT, window=window, projection=projection)
    parts = {"loss_vap": mean_of_targets(loss_BT, mask_BT)}
    if out.activity_logits is not None:
        wanted_BTC = activity_BTC[:, :T].float()
        bce_BTC = F.binary_cross_entropy_with_logits(out.activity_logits[:, :T].float(), wanted_BTC, reduction="none")
        parts["loss_activity"] = mean_of_targets(bce_BTC.mean(-1).masked_fill(~mask_BT, 0.0), mask_BT)
    return parts, count


def _of_future(logits: Tensor, future_BTC: Tensor, mask_BT: Tensor, *, window: Window, projection: str) -> Tensor:
    """(B, T) loss of the future; ``future_BTC`` (B, T + H, 2)."""
    if projection == "comparative":
        return comparative_loss(logits, projection_shares(future_BTC, window), mask_BT)
    bins_BTCN = projection_bins(future_BTC, window)
    if projection == "independent":
        return independent_loss(logits, bins_BTCN, mask_BT)
    return discrete_loss(logits, class_of_bins(bins_BTCN), mask_BT)
