"""Voice activity projection: at every frame, what will both speakers do in the next two seconds?

Mono: Ekstedt and Skantze 2022, "Voice Activity Projection: Self-supervised Learning of Turn-taking Events"
(arXiv:2205.09812), Sec. 3: both speakers in one channel, told who is active and who was. Stereo: Ekstedt and Skantze
2023, the voice activity projection code; Inoue et al. 2024 (arXiv:2401.04868), Sec. 3: a channel for each speaker,
nothing told, so that the model also has to say who is active.

    y_t = dialogue(context(encoder(waves)))_<=t
    L = mean_t -log p(future of t | y_t)  +  w mean_t BCE(activity of t | y_t)          w = 0 for mono, in nats

``dialogue`` (``nn.dialogue``) says which of both, and what of the future is told: one of 256 classes (discrete), bins
by themselves (independent), or a share (comparative). Only frames whose whole future is known are targets. A body
that is frozen (``train.freeze: [encoder, context]``) is run without gradients.

Letters: B dialogues, L samples, T frames, H frames of the future, P frames before the window, C = 2 speakers, W windows
of the history. Knowing nothing scores log 256 + w log 2 with classes of four bins, log 2 (1 + w) otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import Batch, Frames, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.core.dialogue import DialogueOut
from sonant.objectives.projection import Window

from ._dialogues import activity_of, check_body, dialogue_losses, history_of, two_channels


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    activity_weight: float = 1.0  # w, of the activity loss of models of two channels
    threshold: float = 0.5  # share of a bin in which a speaker is active that makes the bin active

    def __post_init__(self):
        require(self.activity_weight >= 0, f"vap: activity_weight must be at least 0, got {self.activity_weight}")


class Method(BaseMethod):
    """Projection around a body that does not look ahead. Batches are those of ``data.view: dialogue``."""

    needs = "dialogue"
    converses = True

    def __init__(self, cfg: Config, *, encoder, context, dialogue=None):
        super().__init__(cfg, encoder=encoder, context=context, dialogue=dialogue)
        check_body(encoder, context, method="vap")
        self.window = Window(rate=dialogue.geometry.rate, bins_s=dialogue.cfg.bins_s, threshold=cfg.threshold)

    def loss(self, batch: Batch) -> LossOut:
        """``loss_vap`` and, of models of two channels, ``loss_activity``: means over the frames that are targets."""
        activity_BTC = activity_of(batch, self.window, method="vap")
        out = self.converse(batch, activity_BTC)
        said = {"window": self.window, "projection": self.dialogue.cfg.projection}
        parts, count = dialogue_losses(out, activity_BTC, batch.extras["known_B"], **said)
        total = parts["loss_vap"]
        if "loss_activity" in parts:
            total = total + self.cfg.activity_weight * parts["loss_activity"]
        return LossOut(total=total, parts=parts, count=count)

    def converse(self, batch: Batch, activity_BTC: Tensor) -> DialogueOut:
        """What the model says, of a frozen body without its graph."""
        learns = any(p.requires_grad for part in (self.encoder, self.context) for p in part.parameters())
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            frames = self.context(self.encoder(self.heard(batch)))
        require(
            frames.x_BTD.shape[1] > 0 and bool((frames.lengths_B > 0).any()),
            "windows are shorter than a frame: lengthen data.chunk_seconds",
        )
        if not self.dialogue.cfg.activity:
            return self.dialogue(frames)
        told_BTC = activity_BTC[:, : activity_BTC.shape[1] - self.window.horizon]
        return self.dialogue(frames, told_BTC, history_of(batch, told_BTC, self.dialogue))

    def heard(self, batch: Batch) -> Frames:
        """Waveforms as sequences, both channels of a dialogue side by side. Raises SonantError for other shapes."""
        if self.dialogue.channels == 2:
            return two_channels(batch)
        require(batch.wave_BL.dim() == 2, "this model listens to 1 channel: set data.view: dialogue and data.mix: true")
        return Frames.of_wave(batch.wave_BL, batch.lengths_B, batch.sample_rate)

    def chance(self) -> float:
        discrete = self.dialogue.cfg.projection == "discrete"
        vap = math.log(self.window.n_classes if discrete else 2)
        return vap + (self.cfg.activity_weight * math.log(2) if self.dialogue.channels == 2 else 0.0)
