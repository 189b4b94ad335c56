"""The clean waveform from the frames: a decoder that becomes a denoiser where the run distorts.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2: transposed convolutions with PReLU, an MLP, mean absolute error.

Letters: B utterances, T frames, C channels, L samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames, LossOut, mask_of, require
from sonant.nn.norm_prelu import NormPReLU
from sonant.nn.prelu_mlp import PReLU, PReLUMLP

from ._worker import Seen, WorkerConfig, check_hop, mean_over_real
from ._worker import Worker as BaseWorker


@dataclass(frozen=True)
class Config(WorkerConfig):
    """Settings of the decoder."""

    dims: tuple[int, ...] = (512, 256, 128)  # channels after each transposed convolution
    kernel: int = 30  # of each, in what it makes
    strides: tuple[int, ...] = (4, 4, 10)  # together the hop of the encoder
    hidden: int = 64  # of the MLP; 256 in SpeechBrain's recipe
    norm: Literal["none", "batch"] = "none"  # after each transposed convolution; batch: SpeechBrain's recipe

    def __post_init__(self):
        super().__post_init__()
        require(
            len(self.dims) == len(self.strides) >= 1 and min(*self.dims, *self.strides, self.hidden) >= 1,
            f"waveform: dims and strides must be as many and positive, and hidden too, got {self}",
        )
        require(
            all(self.kernel >= stride and (self.kernel - stride) % 2 == 0 for stride in self.strides),
            f"waveform: kernel must be at least each stride, and both even or both odd, got {self.kernel} and "
            f"{list(self.strides)}",
        )


class Worker(BaseWorker):
    """Frames -> samples, mean absolute error with the clean chunk."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        super().__init__(cfg)
        check_hop("waveform", math.prod(cfg.strides) * source.hop, geometry)
        ins = (in_dim, *cfg.dims[:-1])
        self.deconvs = nn.ModuleList(
            nn.ConvTranspose1d(a, b, cfg.kernel, stride, padding=(cfg.kernel - stride) // 2)
            for a, b, stride in zip(ins, cfg.dims, cfg.strides, strict=True)
        )
        self.acts = nn.ModuleList(
            NormPReLU(dim, slopes=dim, slope=0.0) if cfg.norm == "batch" else PReLU(dim, 0.0) for dim in cfg.dims
        )
        self.head = PReLUMLP(cfg.dims[-1], 1, hidden=cfg.hidden)

    def decode(self, frames: Frames) -> Tensor:
        """(B, T hop) samples; what padding holds never changes those of the frames before it."""
        x_BCT, lengths_B = frames.x_BTD.transpose(1, 2), frames.lengths_B
        padded = bool((lengths_B < x_BCT.shape[2]).any())
        for deconv, act in zip(self.deconvs, self.acts, strict=True):
            x_BCT, lengths_B = deconv(x_BCT), lengths_B * deconv.stride[0]
            if isinstance(act, NormPReLU):
                x_BCT = act(x_BCT, lengths_B if padded else None)
            else:
                x_BCT = act(x_BCT, channels_first=True)
            if padded:
                x_BCT = x_BCT.masked_fill(~mask_of(lengths_B, x_BCT.shape[2])[:, None], 0.0)
        return self.head.channels_first(x_BCT)[:, 0]

    def loss(self, seen: Seen) -> LossOut:
        """Mean absolute error over the samples that frames stand for."""
        wave_BL, made_BL = seen.clean.frames.x_BTD[..., 0], self.decode(seen.anchor)
        L = min(wave_BL.shape[1], made_BL.shape[1])
        lengths_B = torch.minimum(seen.clean.frames.lengths_B, seen.anchor.lengths_B * math.prod(self.cfg.strides))
        return LossOut(mean_over_real((made_BL[:, :L] - wave_BL[:, :L]).abs(), lengths_B))
