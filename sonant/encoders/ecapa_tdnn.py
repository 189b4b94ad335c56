"""ECAPA-TDNN: time-delay layers with squeeze-excitation whose layers are aggregated, for speaker vectors.

Desplanques, Thienpondt and Demuynck 2020 (arXiv:2005.07143), Sec. 3 and Fig. 2, up to the pooling:

    h_0 = delay(x)                                        kernel 5
    h_b = h_{b-1} + SE(delay(res2(delay(h_{b-1}))))       three blocks, kernel 3, dilation 2, 3, 4
    z   = delay([h_1, h_2, h_3])                          one frame: multi-layer feature aggregation

The pooling by attention is the section ``embedding``: {pool: asp, pooled_norm: true, floor: 1e-12, dim: 192}. On 80 mel
energies that makes 6.2 million parameters at 512 channels and 14.7 at 1024, where ``dim`` is the paper's 1536.

Two published layouts, whose weights do not fit each other:

    speechbrain   (sslsv too) reflected at the ends, the first chunk of Res2 untouched, z = batch norm(relu(conv))
    wespeaker     zeros at the ends, the last chunk untouched, z = relu(conv)

SpeechBrain mirrors a padded batch at its end; here each utterance is mirrored at its own.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.res2net import SERes2Block
from sonant.nn.time_delay import TimeDelay, check_layers


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    channels: int = 1024  # of every block; the paper has 512 and 1024
    dim: int | None = None  # after the aggregation; null: 3 x channels (SpeechBrain, sslsv); paper and wespeaker 1536
    layout: Literal["speechbrain", "wespeaker"] = "speechbrain"
    kernel: int = 5  # frames of the first layer
    dilations: tuple[int, ...] = (2, 3, 4)  # frames between the three taps of each block
    scale: int = 8  # chunks of Res2Net; must divide channels
    squeeze: int = 128  # channels of the squeeze-excitation
    project: int | None = None  # channels of a last linear layer on each frame, for frame-level methods; null: none

    def __post_init__(self):
        given = {"dim": self.dim, "project": self.project}
        sizes = {name: value for name, value in given.items() if value is not None}
        check_layers(
            "ecapa_tdnn",
            channels=self.channels,
            kernel=self.kernel,
            dilations=self.dilations,
            squeeze=self.squeeze,
            **sizes,
        )
        require(
            self.scale >= 2 and self.channels % self.scale == 0,
            f"ecapa_tdnn: scale must be at least 2 and divide channels, got {self.scale} and {self.channels}",
        )
        require(self.kernel % 2 == 1, f"ecapa_tdnn: kernel must be odd, so that frames keep their place: {self.kernel}")


class Encoder(FrameModule):
    """(B, T, in_dim) -> (B, T, dim). Squeeze-excitation lets every frame depend on the whole utterance."""

    past = future = None

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        theirs = cfg.layout == "wespeaker"
        padding, untouched = ("zeros", "last") if theirs else ("reflect", "first")
        aggregated = cfg.dim or len(cfg.dilations) * cfg.channels
        self.first = TimeDelay(in_dim, cfg.channels, kernel=cfg.kernel, padding=padding)
        self.blocks = nn.ModuleList(
            SERes2Block(
                cfg.channels,
                scale=cfg.scale,
                kernel=3,
                dilation=dilation,
                padding=padding,
                untouched=untouched,
                squeeze=cfg.squeeze,
            )
            for dilation in cfg.dilations
        )
        self.aggregate = TimeDelay(len(cfg.dilations) * cfg.channels, aggregated, kernel=1, norm=not theirs)
        self.project = nn.Linear(aggregated, cfg.project) if cfg.project else None
        self.cfg, self.dim = cfg, cfg.project or aggregated
        self.geometry = self.first.stack(source)

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        frames, layers = self.first(frames), []
        for block in self.blocks:
            frames = block(frames)
            layers.append(frames.x_BTD)
        frames = self.aggregate(frames.with_x(torch.cat(layers, dim=2)))
        return frames if self.project is None else frames.with_x(self.project(frames.x_BTD)).masked()
