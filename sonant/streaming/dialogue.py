"""What a model of dialogue says, from audio as it comes.

Letters: L samples, T frames, C = 2 speakers, K classes, W frames of context, N sequences, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..core import DialogueOut, Frames, Representation, require, samples_of
from .frames import body, delay_s, in_blocks, place, ready, samples

LEAD = 2  # frames of the encoder, of silence, that the published real-time loop hears first


@dataclass(frozen=True)
class Said:
    """What is said about the frames that a piece of audio completed, perhaps none; arrays where a model was exported.

    Attributes:
        first: number of the first of them since the beginning; frame n begins at n / rate seconds.
        logits: of the projection: (T, K) discrete, (T, 2, N) independent, (T,) comparative.
        p_now_TC, p_future_TC: (T, 2) each speaker's share of what is expected soon (0-0.6 s) and later (0.6-2 s).
        activity_TC: (T, 2) probability that each speaker is active now; None for models of one channel.
    """

    first: int
    logits: Tensor
    p_now_TC: Tensor
    p_future_TC: Tensor
    activity_TC: Tensor | None


class DialogueStream:
    """One dialogue, heard piece by piece; what is said equals ``model.converse`` of the whole recording with
    ``dialogue.width`` of as many frames as ``context_s`` has.

    Args:
        model: with a section ``dialogue``, in evaluation mode; several streams may share it.
        context_s: seconds that a frame of each layer sees, itself included; None: ``dialogue.width`` of the model.
        recompute: keep the last ``context_s`` of what enters the layers and compute these anew for every frame: then
            no frame depends on more than that through several layers. Slow; for comparison.
        activity_from: ``channel``: activity from the layers that hear one channel, before both are heard.
        lead_in: hear 20 ms of silence first and leave out the first frame of the encoder, so that models with
            ``padding: none`` say everything a frame of the encoder (10 ms) earlier.

    The published real-time loop (Inoue et al. 2024, arXiv:2401.04868) is all three: recompute=True,
    activity_from="channel", lead_in=True.

    Raises:
        SonantError: no model of dialogue, one that looks ahead without bound, or no bounded context.
    """

    def __init__(
        self,
        model: Representation,
        *,
        context_s: float | None = 20.0,
        recompute: bool = False,
        activity_from: Literal["both", "channel"] = "both",
        lead_in: bool = False,
    ):
        require(
            model.dialogue is not None,
            "this model listens to no dialogues; train one with a section 'dialogue' or import one (vap_realtime)",
        )
        ready(model)
        self.model, self.body = model, body(model)
        self.sample_rate, self.rate = model.sample_rate, model.dialogue.geometry.rate
        self.channels = model.dialogue.channels
        self.recompute, self.activity_from, self.lead_in = recompute, activity_from, lead_in
        width = None if context_s is None else samples_of(context_s, self.rate)
        require(width is None or width >= 1, f"context_s must have at least one frame of {1 / self.rate:g} s")
        self.width = min((w for w in (width, model.dialogue.cfg.width) if w is not None), default=None)
        require(
            not recompute or self.width is not None,
            "recompute: true needs a bounded context; give context_s",
        )
        lead = model.encoder.geometry.hop if lead_in else 0
        self.delay_s = delay_s(model.dialogue.geometry, 0) - lead / self.sample_rate
        self.delay_s += model.reach[1] / model.context.geometry.rate
        self.reset()

    @torch.inference_mode()
    def reset(self) -> None:
        """Back to the beginning of a dialogue."""
        device, dtype = place(self.model)
        options = {"device": device, "dtype": dtype}
        self.heard = self.body.begin(self.channels, **options)
        width = 1 if self.recompute else self.width
        self.state = self.model.dialogue.begin(self.channels, width=width, **options)
        self.window_NTD = torch.zeros(self.channels, 0, self.model.dialogue.dim, **options)
        self.count = 0
        if self.lead_in:
            silence = torch.zeros(self.channels, LEAD * self.model.encoder.geometry.hop, 1, **options)
            (encoder, _), (heard, context) = self.body.parts, self.heard
            self.heard = (encoder.step(silence, heard)[1], context)

    @torch.inference_mode()
    def step(self, wave_CL: Tensor | np.ndarray, activity_TC: Tensor | np.ndarray | None = None) -> Said:
        """What is said about the frames that come with the next samples.

        Args:
            wave_CL: models of two channels (2, L), of one (L,) or (1, L); L from 0 on.
            activity_TC: for models of one channel, the next frames (any number, 2) of who is active; a frame comes out
                when both its audio and its activity are there.
        """
        wave_CL = samples(wave_CL, self.model)
        wave_CL = wave_CL[None] if wave_CL.dim() == 1 else wave_CL
        require(
            wave_CL.dim() == 2 and len(wave_CL) == self.channels,
            f"this model listens to {self.channels} channel{'s' if self.channels > 1 else ''}: give samples of the "
            f"shape ({self.channels}, any number), got {tuple(wave_CL.shape)}",
        )
        told_BTC = None if activity_TC is None else torch.as_tensor(activity_TC, device=wave_CL.device)[None]
        x_NTD, self.heard = in_blocks(self.body, wave_CL[:, :, None], self.heard)
        return self._say(x_NTD, told_BTC)

    def _say(self, x_NTD: Tensor, told_BTC: Tensor | None) -> Said:
        model, first = self.model.dialogue, self.count
        if self.recompute:
            out = self._anew(x_NTD, told_BTC)
        else:
            out, self.state = model.step(x_NTD, self.state, told_BTC, activity_from=self.activity_from)
        self.count += out.logits.shape[1]
        p_now, p_future = model.probabilities(out.logits[0])
        active = None if out.activity_logits is None else out.activity_logits[0].sigmoid()
        return Said(first, out.logits[0], p_now, p_future, active)

    def _anew(self, x_NTD: Tensor, told_BTC: Tensor | None) -> DialogueOut:
        model = self.model.dialogue
        x_NTD, self.state = model.step_entered(x_NTD, self.state, told_BTC)
        said = [model.heads(x_NTD[:, :0], x_NTD[:, :0])]
        for frame_ND in x_NTD.unbind(1):
            self.window_NTD = torch.cat([self.window_NTD, frame_ND[:, None]], dim=1)[:, -self.width :]
            lengths_N = torch.full((self.channels,), self.window_NTD.shape[1], device=x_NTD.device)
            out = model.from_entered(
                Frames(self.window_NTD, lengths_N, model.geometry), activity_from=self.activity_from
            )
            said.append(tuple(None if y is None else y[:, -1:] for y in (out.logits, out.activity_logits)))
        logits, active = zip(*said, strict=True)
        active = None if active[0] is None else torch.cat(active, dim=1)
        return DialogueOut(torch.cat(logits, dim=1), active, torch.tensor([x_NTD.shape[1]]))
