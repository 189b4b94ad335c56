"""The encoder of PASE and PASE+: band-pass filters, strided convolutions, a quasi-recurrent layer, dense skips.

Pascual, Ravanelli, Serra, Bonafonte and Bengio 2019 (arXiv:1904.03416), Sec. 2.1; Ravanelli et al. 2020
(arXiv:2001.09239), Sec. 2.2; the recipe of SpeechBrain. On waveforms at 16 kHz a frame is 160 samples:

    h_1 = block(wave)  ..  h_8 = block(h_7)     block: mirrored ends, convolution, batch norm, PReLU; the first is sinc
    y   = linear(qrnn(h_8)) + sum_i linear_i(mean over the frames of h_i that one frame of h_8 stands for)
    z   = (y - mean) / deviation                batch norm without weights

The defaults are PASE+ (7,832,896 parameters). The others:

    PASE          {rnn: none, skips: none, dim: 100}                                                5,818,020
    the recipe    {padding: centred, slopes: one, skips: all, dim: 100, lowest_hz: 50, kernels: [251, 21, 11, ..]}
                                                                                                    7,586,604

Averages come before the linear map of a skip, which is the same and much cheaper, since one frame is 160 of h_1.
PASE+ takes T // T' frames of h_i for a frame, of T and T' that the utterance has: one fewer than the strides say
where the last is short of samples, so that its skips drift. Here groups are what the strides say
(``skip_average: mean``); imported models keep theirs (``stretch``; for the recipe's own kind of mean ``legacy``).

Letters: B utterances, L samples, C channels, T frames, P frames with the mirrored ones, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, mask_of, require
from sonant.nn.group_means import GroupName, group_means
from sonant.nn.norm import BatchNorm
from sonant.nn.norm_prelu import NormPReLU, mirrored
from sonant.nn.qrnn import QRNN
from sonant.nn.sinc import SincConv


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # of the output; PASE and the recipe 100
    channels: tuple[int, ...] = (64, 64, 128, 128, 256, 256, 512, 512)  # of every block
    kernels: tuple[int, ...] = (251, 20, 11, 11, 11, 11, 11, 11)  # their taps; the recipe's second 21
    strides: tuple[int, ...] = (1, 10, 2, 1, 2, 1, 2, 2)  # their strides
    front: Literal["sinc", "conv"] = "sinc"  # the first block's filters: band-passes, or learnt tap by tap
    lowest_hz: float = 30.0  # lower edge of the first band-pass before training; the recipe 50
    padding: Literal["pase", "centred"] = "pase"
    # mirrored frames. centred (recipe): kernel // 2 on both sides; pase: one fewer in front for a stride above 1 or an
    # even kernel. At 16 kHz n samples give n // 160 frames, or one more where less than 10 are missing; centred:
    # n / 160 rounded up
    slopes: Literal["channel", "one"] = "channel"  # of a PReLU: one a channel from 0 on; or one in all from 0.25 on
    rnn: Literal["qrnn", "gru", "lstm", "none"] = "qrnn"  # on the blocks; gru and lstm run in both directions
    rnn_dim: int = 512  # its units; of gru and lstm one half for each direction
    rnn_layers: int = 1
    skips: Literal["inner", "all", "none"] = "inner"  # from every block but the last (PASE+), from all (the recipe)
    skip_average: GroupName = "mean"  # stretch and legacy: for imported models, see above
    output_norm: bool = True
    output: Literal["frames", "avg_norm", "avg_concat", "avg_norm_concat"] = "frames"
    # with the mean over the utterance: taken off; beside each frame; both

    def __post_init__(self):
        sizes = (*self.channels, *self.kernels, *self.strides, self.dim, self.rnn_dim, self.rnn_layers)
        require(
            len(self.channels) == len(self.kernels) == len(self.strides) > 0,
            f"pase: channels, kernels and strides must be of the same length, got {len(self.channels)}, "
            f"{len(self.kernels)} and {len(self.strides)}",
        )
        require(min(sizes) >= 1, f"pase: sizes must be at least 1, got {self}")
        require(
            all(kernel >= stride for kernel, stride in zip(self.kernels, self.strides, strict=True)),
            f"pase: kernels {self.kernels} below strides {self.strides} would skip samples",
        )
        require(
            self.rnn not in ("gru", "lstm") or self.rnn_dim % 2 == 0,
            f"pase: rnn_dim must be even for the two directions of {self.rnn}, got {self.rnn_dim}",
        )


class _Kept(NamedTuple):
    """What a block gives: frames and mirrored ends (B, C, P), the frames alone (B, C, T), and their numbers."""

    x_BCP: Tensor
    x_BCT: Tensor
    lengths_B: Tensor | None  # None: nothing is padded


class _Block(nn.Module):
    """Convolution, batch norm and PReLU on frames whose ends are mirrored already."""

    def __init__(self, cfg: Config, number: int, *, in_dim: int, sample_rate: int):
        super().__init__()
        dim, kernel, self.stride = cfg.channels[number], cfg.kernels[number], cfg.strides[number]
        if cfg.front == "sinc" and number == 0:
            kernel += 1 - kernel % 2
            self.sinc = SincConv(
                dim, kernel=kernel, stride=self.stride, sample_rate=sample_rate, lowest_hz=cfg.lowest_hz
            )
        else:
            self.sinc, self.conv = None, nn.Conv1d(in_dim, dim, kernel, stride=self.stride)
        uneven = cfg.padding == "pase" and kernel > 1 and (self.stride > 1 or kernel % 2 == 0)
        self.kernel, self.left, self.right = kernel, kernel // 2 - int(uneven), kernel // 2
        shared = cfg.slopes == "one"
        self.act = NormPReLU(dim, slopes=1 if shared else dim, slope=0.25 if shared else 0.0)

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        return source.stack(kernel=self.kernel, stride=self.stride, left=self.left, right=self.right)

    def convolve(self, x_BCP: Tensor) -> Tensor:
        """(B, C, P) -> (B, D, T)."""
        if self.sinc is None:
            return self.conv(x_BCP)
        return F.conv1d(x_BCP, self.sinc.filters().to(x_BCP.dtype)[:, None], stride=self.stride)


class Encoder(FrameModule):
    """(B, L, 1) waveforms -> (B, T, dim), or twice dim with the mean beside each frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        require(in_dim == 1 and source.hop == 1, "pase: the encoder reads waveforms; leave out 'features'")
        self.cfg, self.dim = cfg, cfg.dim * (1 + cfg.output.endswith("concat"))
        before = (in_dim, *cfg.channels[:-1])
        self.blocks = nn.ModuleList(
            _Block(cfg, i, in_dim=width, sample_rate=source.sample_rate) for i, width in enumerate(before)
        )
        self.geometry, levels = source, []
        for block in self.blocks:
            self.geometry = block.stack(self.geometry)
            levels.append(self.geometry)
        self.rnn = _recurrent(cfg)
        self.linear = nn.Linear(cfg.channels[-1] if self.rnn is None else cfg.rnn_dim, cfg.dim)
        skipping = {"all": len(before), "inner": len(before) - 1, "none": 0}[cfg.skips]
        self.skips = nn.ModuleList(nn.Linear(width, cfg.dim, bias=False) for width in cfg.channels[:skipping])
        self.sizes = [self.geometry.hop // level.hop for level in levels[:skipping]]
        for level in levels[:skipping]:
            self.geometry = _with_group(self.geometry, level)
        self.norm = BatchNorm(cfg.dim, affine=False) if cfg.output_norm else None
        two_way, averaged = cfg.rnn in ("gru", "lstm"), cfg.output != "frames"
        drifting = skipping and cfg.skip_average != "mean"
        self.past = None if cfg.rnn != "none" or averaged or drifting else 0
        self.future = None if two_way or averaged else 0

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        wave_BL, lengths_B = frames.x_BTD[:, :, 0], self.geometry.frames(frames.lengths_B)
        groups, geometry = self.geometry.frames(wave_BL.shape[1]), self._geometry(frames)
        if groups == 0 or len(wave_BL) == 0:
            return Frames(wave_BL.new_zeros(len(wave_BL), groups, self.dim), lengths_B, geometry)
        padded = bool((frames.lengths_B < wave_BL.shape[1]).any())
        counts_B, averages = lengths_B if padded else None, []
        for i, kept in enumerate(self.outputs_of(wave_BL, frames.lengths_B if padded else None)):
            if i < len(self.skips):
                averages.append(self._skip(i, kept, counts_B, groups))
        x_BTD = self.linear(self._recur(kept.x_BCT.transpose(1, 2), counts_B))
        for skip_BTD in averages:
            x_BTD = x_BTD + skip_BTD
        if self.norm is not None:
            x_BTD = self.norm(x_BTD, mask_of(lengths_B, groups))
        return self._with_mean(Frames(x_BTD, lengths_B, geometry).masked())

    def outputs_of(self, wave_BL: Tensor, lengths_B: Tensor | None = None) -> Iterator[_Kept]:
        """The output of one block after the other; ``lengths_B`` (B,) samples, None: nothing is padded."""
        blocks = [*self.blocks, None]
        x_BCP = mirrored(wave_BL[:, None], lengths_B, left=blocks[0].left, right=blocks[0].right)
        for block, following in zip(blocks[:-1], blocks[1:], strict=True):
            y_BCT = block.convolve(x_BCP)
            if lengths_B is not None:
                lengths_B = block.stack(FrameGeometry(1)).frames(lengths_B)
            left, right = (0, 0) if following is None else (following.left, following.right)
            x_BCP = block.act(y_BCT, lengths_B, left=left, right=right)
            yield _Kept(x_BCP, x_BCP[:, :, left : left + y_BCT.shape[2]], lengths_B)

    def _geometry(self, frames: Frames) -> FrameGeometry:
        return replace(self.geometry, offset=self.geometry.offset + frames.geometry.offset)

    def _skip(self, number: int, kept: _Kept, counts_B: Tensor | None, groups: int) -> Tensor:
        """(B, T, D) what a block adds to the output."""
        linear, x_BCT, how = self.skips[number], kept.x_BCT, self.cfg.skip_average
        if how == "legacy":  # mixes channels: the linear map cannot wait
            x_BCT = linear(x_BCT.transpose(1, 2)).transpose(1, 2)
        x_BCT = group_means(x_BCT, kept.lengths_B, counts_B, size=self.sizes[number], groups=groups, how=how)
        return x_BCT.transpose(1, 2) if how == "legacy" else linear(x_BCT.transpose(1, 2))

    def _recur(self, x_BTC: Tensor, lengths_B: Tensor | None) -> Tensor:
        if self.rnn is None:
            return x_BTC
        if isinstance(self.rnn, QRNN):
            return self.rnn(x_BTC)[0][-1]
        if lengths_B is None:
            return self.rnn(x_BTC)[0]
        packed = nn.utils.rnn.pack_padded_sequence(
            x_BTC, lengths_B.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        return nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x_BTC.shape[1])[0]

    def _with_mean(self, frames: Frames) -> Frames:
        output, x_BTD = self.cfg.output, frames.x_BTD
        if output == "frames":
            return frames
        mean_B1D = x_BTD.sum(1, keepdim=True) / frames.lengths_B.clamp(min=1)[:, None, None]
        if output.startswith("avg_norm"):
            x_BTD = x_BTD - mean_B1D
        if output.endswith("concat"):
            x_BTD = torch.cat([x_BTD, mean_B1D.expand_as(x_BTD)], dim=2)
        return frames.with_x(x_BTD).masked()


def _recurrent(cfg: Config) -> nn.Module | None:
    if cfg.rnn == "none":
        return None
    if cfg.rnn == "qrnn":
        return QRNN(cfg.channels[-1], cfg.rnn_dim, layers=cfg.rnn_layers)
    kind = nn.GRU if cfg.rnn == "gru" else nn.LSTM
    return kind(cfg.channels[-1], cfg.rnn_dim // 2, cfg.rnn_layers, batch_first=True, bidirectional=True)


def _with_group(geometry: FrameGeometry, level: FrameGeometry) -> FrameGeometry:
    """``geometry`` with a window that reaches over all frames of ``level`` that one frame stands for, too."""
    group = geometry.hop - level.hop + level.window  # samples
    before = max(geometry.offset - level.offset, 0)
    behind = max(level.offset + group - geometry.offset - geometry.window, 0)
    return replace(
        geometry,
        offset=geometry.offset - before,
        window=geometry.window + before + behind,
        tail=geometry.tail + behind,
    )
