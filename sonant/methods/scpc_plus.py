"""SCPC+: contrastive predictive coding that also hears prosody and foretells both speakers of a dialogue.

Announced with the unit models of conv_ssl (Ekstedt 2022), which have its settings and none of its code: CPC that
encodes "hierarchical information relevant to prosodic features (F0 and Activity)". With z = encoder(x) at 100 Hz and
c = context(z), which looks at nothing ahead, for each channel by itself

    L_cpc         InfoNCE of z_t+1 .. z_t+K from c_t, distractors of the same channel     van den Oord et al. 2018
    L_f0          | relative log F0 of frame t - a c_t |, mean over voiced frames
    L_voicing     BCE(frame t is voiced | c_t), mean over all frames

and for both channels of a dialogue, as voice activity projection (Ekstedt and Skantze 2022, arXiv:2205.09812)

    y_t = head(gelu(norm(A c_t of speaker 0)) + gelu(norm(B c_t of speaker 1)))
    L_projection  -log p(class of the two seconds after t | y_t)
    L_activity    BCE(each speaker is active at t | c_t of the speaker)

L is the sum of all five, each with its weight. y is section ``dialogue`` with no layers of its own (``nn.dialogue``):
what is foretold has to be in the contexts of the two channels, each of which has heard its own channel alone.

F0 is relative to the speaker: log F0 less the speaker's mean in the window, over the deviation. A monologue is a
dialogue whose partner is made up and silent. That partner is not listened to, and because a monologue has no shifts,
what it says about holds is left out: it trains L_cpc, L_f0 and L_voicing and no other (``monologue_projection`` to
change that). Which channel it is in, ``data.flip`` draws.

The weights, the form of L_f0 and L_voicing, and L_activity are ours; 12 horizons and 128 distractors are CPC_audio's,
where the announced settings have 20. Their segments (Bhati et al. 2021, arXiv:2106.02170) are left out.

Letters: B dialogues, N = 2 B channels, R of them listened to, L samples, T frames, H frames of the future, S anchors,
K horizons, C = 2 speakers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sonant.core import Batch, FrameGeometry, Frames, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.core.distributed import all_sum
from sonant.nn.predictors import LinearPredictor
from sonant.objectives.candidates import pool_of
from sonant.objectives.contrast import contrast_ahead
from sonant.objectives.projection import Window
from sonant.workers._pitch import PitchConfig, PitchHead

from ._dialogues import activity_of, check_body, dialogue_losses, two_channels

Terms = dict[str, tuple[Tensor, Tensor]]  # by name a sum, and the number of terms that it adds up


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    horizons: int = 12  # K, frames ahead, 120 ms at 100 Hz
    negatives: int = 128  # per anchor; 20 in the announced settings
    score: Literal["mean", "dot"] = "mean"  # of CPC: mean over channels (CPC_audio), or their sum
    temperature: float = 1.0  # divides every score of CPC
    pitch: PitchConfig = PitchConfig()
    activity_threshold: float = 0.5  # share of a bin in which a speaker is active that makes the bin active
    monologue_projection: bool = False  # true: monologues are projected too, with their silent partner
    cpc_weight: float = 1.0
    f0_weight: float = 1.0
    voicing_weight: float = 1.0
    projection_weight: float = 1.0
    activity_weight: float = 1.0

    @property
    def weights(self) -> dict[str, float]:
        """Of every loss by its name."""
        named = ("cpc", "f0", "voicing", "projection", "activity")
        return {f"loss_{name}": getattr(self, f"{name}_weight") for name in named}

    def __post_init__(self):
        require(
            min(self.horizons, self.negatives) >= 1 and self.temperature > 0,
            "scpc_plus: horizons and negatives must be at least 1, and the temperature above 0",
        )
        require(
            min(self.weights.values()) >= 0 and max(self.weights.values()) > 0,
            f"scpc_plus: weights must be at least 0 and one above it, got {self.weights}",
        )


class Method(BaseMethod):
    """SCPC+ around a body that does not look ahead. Batches are those of ``data.view: dialogue``."""

    needs = "dialogue"
    converses = True

    def __init__(self, cfg: Config, *, encoder, context, dialogue=None):
        super().__init__(cfg, encoder=encoder, context=context, dialogue=dialogue)
        check_body(encoder, context, method="scpc_plus")
        require(
            dialogue.channels == 2 and dialogue.cfg.projection == "discrete",
            "scpc_plus foretells classes of both speakers from a channel of each: set dialogue.channels: 2 and "
            "dialogue.projection: discrete",
        )
        self.window = Window(rate=dialogue.geometry.rate, bins_s=dialogue.cfg.bins_s, threshold=cfg.activity_threshold)
        self.predict = LinearPredictor(context.dim, encoder.dim, futures=cfg.horizons)
        source = FrameGeometry(encoder.geometry.sample_rate)
        self.prosody = PitchHead(cfg.pitch, source=source, geometry=context.geometry, in_dim=context.dim)

    def loss(self, batch: Batch) -> LossOut:
        """The weighted sum; parts: every loss by its name, and the accuracy of CPC."""
        activity_BTC = activity_of(batch, self.window, method="scpc_plus")
        heard_BC, told_B = self.known(batch)
        listened_N = (heard_BC | told_B[:, None]).flatten()
        wave = _rows(two_channels(batch), listened_N)
        z = self.encoder(wave)  # (R, T, D)
        c = self.context(z)
        heard_R = heard_BC.flatten()[listened_N]
        terms = self.contrast(_rows(z, heard_R), _rows(c, heard_R), batch, heard_BC)
        terms["loss_f0"], terms["loss_voicing"] = self.prosody(_rows(c, heard_R), _rows(wave, heard_R))
        told_R = told_B.repeat_interleave(2)[listened_N]
        terms |= self.foretell(_rows(c, told_R), activity_BTC[told_B], batch.extras["known_B"][told_B])
        count = terms["loss_cpc"][1]
        parts = _means(terms, count)
        total = sum(weight * parts[name] for name, weight in self.cfg.weights.items())
        return LossOut(total=total, parts=parts, count=count)

    def known(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, 2) which channels are of a recording, and (B,) which dialogues are projected."""
        heard_BC = batch.extras.get("heard_BC")
        if heard_BC is None:
            heard_BC = torch.ones(len(batch), 2, dtype=torch.bool, device=batch.wave_BL.device)
        return heard_BC, heard_BC.all(1) | self.cfg.monologue_projection

    def contrast(self, z: Frames, c: Frames, batch: Batch, heard_BC: Tensor) -> Terms:
        """CPC of every channel that was recorded, distractors of the same channel."""
        K = self.cfg.horizons
        anchors = (z.lengths_B - K).clamp(min=0).tolist()
        require(
            max(anchors) > 0,
            f"scpc_plus: {K} horizons need more than {K} frames, the longest window has {int(z.lengths_B.max())}; "
            "lengthen data.chunk_seconds or lower method.horizons",
        )
        over = self.cfg.temperature * (z.dim if self.cfg.score == "mean" else 1)
        draws = [batch.generator(b, f"negatives of channel {side}") for b, side in heard_BC.nonzero().tolist()]
        loss_RSK, hit_RSK, real_RS = contrast_ahead(
            self.predict(c.x_BTD[:, : max(anchors)]),
            pool_of(z.with_x(z.x_BTD / over), "utterance"),
            ahead=range(1, K + 1),
            anchors=anchors,
            negatives=self.cfg.negatives,
            generators=draws,
        )
        sums = [x_RSK.float().masked_fill(~real_RS[:, :, None], 0.0).sum() for x_RSK in (loss_RSK, hit_RSK)]
        return {"loss_cpc": (sums[0], real_RS.sum() * K), "acc": (sums[1], real_RS.sum() * K)}

    def foretell(self, c: Frames, activity_BTC: Tensor, known_B: Tensor) -> Terms:
        """Projection and activity of dialogues; both zero where a batch has none."""
        names = {"loss_projection": "loss_vap", "loss_activity": "loss_activity"}
        if len(known_B) == 0:
            nothing = torch.stack([p.sum() for p in self.dialogue.parameters()]).sum() * 0.0
            return {name: (nothing, nothing.detach().long()) for name in names}
        said = {"window": self.window, "projection": self.dialogue.cfg.projection}
        parts, count = dialogue_losses(self.dialogue(c), activity_BTC, known_B, **said)
        return {name: (parts[part] * count, count) for name, part in names.items()}


def _rows(frames: Frames, chosen_N: Tensor) -> Frames:
    """The sequences for which ``chosen_N`` is true."""
    return (
        frames if bool(chosen_N.all()) else Frames(frames.x_BTD[chosen_N], frames.lengths_B[chosen_N], frames.geometry)
    )


def _means(terms: Terms, count: Tensor) -> dict[str, Tensor]:
    """The mean of every loss over the terms of all processes, such that means weighted by ``count`` add up to it.

    A process with few dialogues among its monologues so moves the projection no more than its dialogues should. Batches
    that are accumulated one after the other (``train.accumulate``) are means of their own.
    """
    own_K = torch.stack([number for _, number in terms.values()]).double()
    all_K, all_count = all_sum(own_K), all_sum(count.double())
    share = (all_count / count).float()
    return {
        name: total * (share / number.clamp(min=1))
        for (name, (total, _)), number in zip(terms.items(), all_K.float(), strict=True)
    }
