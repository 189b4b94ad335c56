"""Voice activity projection: from the frames of one or two channels to what both speakers will do.

    stereo    each channel: down -> channel layers; both: cross layers -> one from two -> head; each: activity head
    mono      down; + what both speakers did -> channel layers -> head
    units     mono on the frames of a language model of units, which also foretells the next unit

Units of January 2022: Ekstedt, the first code of voice activity projection. Mono of 2022: Ekstedt and Skantze
(arXiv:2205.09812), Sec. 3; mono and stereo of 2023: Ekstedt, the voice activity projection code; at 5 to 50 Hz: Inoue
et al. 2024 (arXiv:2401.04868), Sec. 3.

Letters: B dialogues, N sequences (B x channels, those of a dialogue side by side), T frames, D channels of a frame,
C = 2 speakers, W windows of the history (5, or 5 of each speaker), K classes or units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames, State, require
from sonant.core.dialogue import DialogueOut

from . import dialogue_steps as steps
from .activity_history import Oldest, activity_history, of_both_speakers
from .alibi_transformer import Layer, Style, slopes_of
from .attention import Memory, causal_bias
from .dialogue_parts import WINDOWS, Combine, Condition, Down
from .full_attention import sinusoids

ActivityFrom = Literal["both", "channel"]
MOST_BINS = 8  # of one speaker, of discrete projection: 65,536 classes


@dataclass(frozen=True)
class DialogueConfig:
    """Section ``dialogue`` of a configuration. The defaults are the stereo model of 2023 at 50 Hz."""

    channels: Literal[1, 2] = 2  # 1: both speakers in one channel, which needs activity: true to tell them apart
    stride: int = 2  # frames of the context to one of the model; 1: no down-sampling
    kernel: int = 5  # of the down-sampling convolution, in frames of the context
    padding: Literal["causal", "none"] = "causal"  # none: with kernel = stride, the real-time models
    activity: bool = False  # the model is told who is active now (mono)
    history: bool = False  # and the share of speaker 0 in five windows of the past (``nn.activity_history``)
    history_oldest: Oldest = "filled"  # never: as all published models were trained, the oldest window always 0.5
    history_of: Literal["first", "both"] = "first"  # speakers whose shares are told; both: of language models of units
    told_norm: Literal["told", "sum"] = "told"  # what is normalised: what the model is told, or the frame with it
    style: Style = "gpt"  # of the layers (``nn.alibi_transformer``): gpt, gpt_2022, transformer
    heads: int = 4
    ff: int | None = None  # width of the feed-forward nets; null: three times the width of the model
    channel_layers: int = 1  # of each channel by itself; mono models of 2022 have 4, of 2023 1 + 3
    cross_layers: int = 3  # of both channels, each looking at the other; mono models have 0
    width: int | None = None  # frames that a frame of a layer sees, itself included; null: the whole past
    dropout: float = 0.1
    projection: Literal["discrete", "independent", "comparative"] = "discrete"
    bins_s: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)  # of the projected future, in seconds
    next_unit: Literal["none", "context", "last"] = "none"  # frames that foretell the next unit too: those of the
    # context (the first tier), or of the last layer
    units: int | None = None  # that there are; null: as many as the features have channels

    def __post_init__(self):
        require(
            min(self.stride, self.kernel, self.heads, len(self.bins_s)) >= 1 and self.kernel >= self.stride,
            f"dialogue: stride, kernel, heads and bins must be at least 1 and the kernel no shorter than the stride, "
            f"got stride {self.stride}, kernel {self.kernel}, heads {self.heads}, {len(self.bins_s)} bins",
        )
        require(self.activity or not self.history, "dialogue: history: true needs activity: true")
        require(
            self.channels == 2 or self.cross_layers == 0,
            "dialogue: a model of one channel has no other to look at; set cross_layers: 0",
        )
        require(
            self.channels == 1 or not self.activity,
            "dialogue: a model of two channels hears who is active; leave activity out, or set channels: 1",
        )
        require(
            self.next_unit == "none" or (self.channels == 1 and self.stride == 1),
            "dialogue: next_unit is of one sequence of units, a frame each; set channels: 1, stride: 1, kernel: 1",
        )
        require(self.units is None or self.units >= 2, f"dialogue: units must be at least 2, got {self.units}")
        require(self.channel_layers >= 0 and self.cross_layers >= 0, "dialogue: layers must be at least 0")
        require(self.width is None or self.width >= 1, f"dialogue: width must be at least 1 or null, got {self.width}")
        require(0 <= self.dropout < 1, f"dialogue: dropout must lie in [0, 1), got {self.dropout}")
        require(
            self.projection != "discrete" or len(self.bins_s) <= MOST_BINS,
            f"dialogue: {len(self.bins_s)} bins have 4^{len(self.bins_s)} classes; take at most {MOST_BINS}, or "
            "projection: independent",
        )

    @property
    def windows(self) -> int:
        """W, numbers of a frame's history; 0 without one."""
        return WINDOWS * (1 + (self.history_of == "both")) if self.history else 0

    @property
    def outputs(self) -> int:
        """Logits of a frame."""
        bins = 2 * len(self.bins_s)
        return {"discrete": 1 << min(bins, 2 * MOST_BINS), "independent": bins, "comparative": 1}[self.projection]


class Dialogue(nn.Module):
    """All that stands on the frames of the context. ``geometry``: where its frames lie on the samples.

    Args:
        source: geometry of the context.
        in_dim: width of the context, which is that of the model.
    """

    def __init__(self, cfg: DialogueConfig, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.dim = cfg, in_dim
        self.down = None
        if cfg.stride > 1:
            self.down = Down(in_dim, kernel=cfg.kernel, stride=cfg.stride, padding=cfg.padding)
        self.geometry = self.down.stack(source) if self.down else source
        joined = cfg.told_norm == "sum"
        self.condition = Condition(in_dim, windows=cfg.windows, norm=not joined) if cfg.activity else None
        self.told_norm = nn.LayerNorm(in_dim) if cfg.activity and joined else None
        self.channel = nn.ModuleList(self._layer() for _ in range(cfg.channel_layers))
        self.cross = nn.ModuleList(self._layer(cross=True) for _ in range(cfg.cross_layers))
        self.combine = Combine(in_dim) if cfg.channels == 2 else None
        self.activity_head = nn.Linear(in_dim, 1) if cfg.channels == 2 else None
        self.head = nn.Linear(in_dim, cfg.outputs)
        self.unit_head = None
        if cfg.next_unit != "none":
            require(cfg.units is not None, "dialogue: next_unit needs the number of units; set units")
            self.unit_head = nn.Linear(in_dim, cfg.units)
        slopes = None if cfg.style == "transformer" else slopes_of(cfg.heads)
        self.register_buffer("slopes_H", slopes, persistent=False)
        halves = _halves_of_classes(len(cfg.bins_s)) if cfg.projection == "discrete" else None
        self.register_buffer("halves_KP", halves, persistent=False)
        self._initialise()

    @property
    def channels(self) -> int:
        return self.cfg.channels

    def _layer(self, *, cross: bool = False) -> Layer:
        cfg = self.cfg
        ff = cfg.ff or 3 * self.dim
        return Layer(self.dim, heads=cfg.heads, ff=ff, style=cfg.style, cross=cross, dropout=cfg.dropout)

    def _initialise(self) -> None:
        """Normal with deviation 0.02 and no bias, as GPT-2; the activity map orthogonal."""
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=0.02)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        if self.condition is not None:
            nn.init.orthogonal_(self.condition.activity.weight)

    def forward(
        self, frames: Frames, activity_BTC: Tensor | None = None, history_BTW: Tensor | None = None
    ) -> DialogueOut:
        """Logits of every frame.

        Args:
            frames: (N, T', D) of the context; of stereo models both channels of each dialogue side by side.
            activity_BTC: (B, T, 2) of 0 and 1 at this model's rate, for models with ``activity``; what goes beyond the
                frames (a horizon) is left out, and frames beyond it are.
            history_BTW: (B, T, W) for models with ``history``, as ``count_history`` gives it; None: counted from
                ``activity_BTC``, which then has to begin with the dialogue.

        Raises:
            SonantError: activity missing or of another shape, or frames that are not of pairs of channels.
        """
        entered = self.entered(frames, activity_BTC, history_BTW)
        out = self.from_entered(entered)
        if self.cfg.next_unit != "context":
            return out
        unit_BTK = self.unit_head(frames.x_BTD[:, : out.logits.shape[1]])
        return replace(out, unit_logits=unit_BTK.masked_fill(~entered.mask_BT[..., None], 0.0))

    def count_history(self, activity_BTC: Tensor) -> Tensor:
        """(..., T, W) who has spoken how much, of (..., T, 2) activity from the dialogue's beginning on."""
        return self.shares(activity_history(activity_BTC, rate=self.geometry.rate, oldest=self.cfg.history_oldest))

    def shares(self, share_BTW: Tensor) -> Tensor:
        """(..., W) of the history, from the shares of speaker 0 in each window."""
        return of_both_speakers(share_BTW) if self.cfg.history_of == "both" else share_BTW

    def tell(self, x_BTD: Tensor, activity_BTC: Tensor, history_BTW: Tensor | None) -> Tensor:
        """Frames (B, T, D) with what the speakers did so far."""
        x_BTD = x_BTD + self.condition(activity_BTC, history_BTW)
        return x_BTD if self.told_norm is None else self.told_norm(x_BTD)

    def from_entered(self, frames: Frames, *, activity_from: ActivityFrom = "both") -> DialogueOut:
        """Logits of what ``entered`` gave.

        Args:
            activity_from: what the activity head of models of two channels is given: the frames of the last layer, as
                it was trained, or of the last that hears one channel only, as the published real-time loop does.
        """
        bias_HTT = self.bias(frames.x_BTD.shape[1], frames.device)
        x_NTD, alone_NTD = self.layers(frames.x_BTD, bias_HTT)
        logits, activity_BTC = self.heads(x_NTD, alone_NTD if activity_from == "channel" else x_NTD)
        real_BT = frames.mask_BT[:: self.channels]
        logits = logits.masked_fill(~real_BT.view(*real_BT.shape, *[1] * (logits.dim() - 2)), 0.0)
        if activity_BTC is not None:
            activity_BTC = activity_BTC.masked_fill(~real_BT[..., None], 0.0)
        unit_BTK = self.unit_head(x_NTD).masked_fill(~real_BT[..., None], 0.0) if self.cfg.next_unit == "last" else None
        return DialogueOut(logits, activity_BTC, frames.lengths_B[:: self.channels], unit_BTK)

    def through(
        self,
        x_NTD: Tensor,
        bias_HTT: Tensor | Memory,
        *,
        first: int | Tensor = 0,
        activity_from: ActivityFrom = "both",
    ) -> tuple[Tensor, Tensor | None]:
        """Logits and activity logits of frames (N, T, D), the first of them number ``first``; ``bias_HTT`` as of the
        layers."""
        x_NTD, alone_NTD = self.layers(x_NTD, bias_HTT, first=first)
        return self.heads(x_NTD, alone_NTD if activity_from == "channel" else x_NTD)

    def layers(self, x_NTD: Tensor, bias_HTT: Tensor | Memory, *, first: int | Tensor = 0) -> tuple[Tensor, Tensor]:
        """(N, T, D) of the last layer, and of the last that hears one channel only; arguments as ``through``."""
        if self.cfg.style == "transformer":
            x_NTD = x_NTD + sinusoids(x_NTD.shape[1], self.dim, device=x_NTD.device, first=first).to(x_NTD.dtype)
        for layer in self.channel:
            x_NTD = layer(x_NTD, bias_HTT)
        alone_NTD = x_NTD
        for layer in self.cross:
            x_NTD = layer(x_NTD, bias_HTT, _pairs(x_NTD).flip(1).flatten(0, 1))
        return x_NTD, alone_NTD

    def heads(self, x_NTD: Tensor, active_NTD: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the projection from (N, T, D), and those of activity from ``active_NTD``; none of mono models."""
        logits = self.head(x_NTD if self.combine is None else self.combine(_pairs(x_NTD)))
        if self.cfg.projection == "independent":
            logits = logits.unflatten(-1, (2, -1))
        elif self.cfg.projection == "comparative":
            logits = logits[..., 0]
        if self.activity_head is None:
            return logits, None
        return logits, _pairs(self.activity_head(active_NTD))[..., 0].transpose(1, 2)

    def begin(
        self,
        batch: int,
        *,
        device: torch.device | str,
        dtype: torch.dtype,
        width: int | None = None,
    ) -> State:
        """The state before the first frame; see ``core.Streamable``.

        Args:
            batch: sequences, two for each dialogue of a model of two channels.
            width: frames that a frame of a layer sees, itself included, if that is fewer than ``cfg.width``.

        Raises:
            SonantError: neither this width nor that of the configuration is bounded.
        """
        return steps.begin(self, batch, device=device, dtype=dtype, width=width)

    def begin_even(
        self,
        batch: int,
        early: int,
        *,
        device: torch.device | str,
        dtype: torch.dtype,
        width: int | None = None,
        frames: int = 1,
    ) -> tuple[State, int]:
        """See ``core.Even``; ``frames`` of this model come out of every step and have their activity in it. A step
        changes nothing in place and leaves that to ``nn.attention_memory.Ring.put``."""
        place = {"device": device, "dtype": dtype}
        return steps.begin_even(self, batch, early, **place, width=width, frames=frames)

    def step(
        self,
        x_NTD: Tensor,
        state: State,
        activity_BTC: Tensor | None = None,
        *,
        activity_from: ActivityFrom = "both",
    ) -> tuple[DialogueOut, State]:
        """What is said about the frames that (N, T, D) of the context completes; equal to ``forward`` with the width.

        Args:
            activity_BTC: the next frames (B, any number, 2) of it, for models with ``activity``: what comes early
                waits for the audio, and audio waits for it. The history is counted.
            activity_from: as of ``from_entered``.
        """
        x_NTD, state = self.step_entered(x_NTD, state, activity_BTC)
        return steps.say(self, x_NTD, state, activity_from=activity_from)

    def step_entered(self, x_NTD: Tensor, state: State, activity_BTC: Tensor | None = None) -> tuple[Tensor, State]:
        """The first half of ``step``: frames at the model's rate with what the speakers did so far."""
        return steps.enter(self, x_NTD, state, activity_BTC)

    @torch.no_grad()
    def probabilities(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """(..., T, 2) p_now and p_future of logits: each speaker's share of the activity that is expected in the nearer
        and in the farther half of the bins, 0-0.6 and 0.6-2 s with the usual four; of comparative models both the same.
        """
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.cfg.projection == "comparative":
            p = logits.sigmoid()
            share = torch.stack([p, 1 - p], dim=-1)
            return share, share
        if self.cfg.projection == "independent":
            return tuple(x / x.sum(-1, keepdim=True) for x in _halves(logits.sigmoid()))
        expected = (logits.softmax(-1) @ self.halves_KP.to(logits.dtype)).unflatten(-1, (2, 2))
        return (expected / (expected.sum(-1, keepdim=True) + 1e-5)).unbind(-2)

    def entered(self, frames: Frames, activity_BTC: Tensor | None, history_BTW: Tensor | None) -> Frames:
        """Frames at the model's rate, with what the speakers did so far: what the first layer is given."""
        require(
            len(frames.lengths_B) % self.channels == 0,
            f"a model of two channels needs both of each dialogue, got {len(frames.lengths_B)} sequences",
        )
        frames = self.down(frames) if self.down else frames
        if self.condition is None:
            require(activity_BTC is None, "this model hears who is active; leave the activity out")
            return frames
        activity_BTC, history_BTW = self._told(frames, activity_BTC, history_BTW)
        T = min(frames.x_BTD.shape[1], activity_BTC.shape[1])
        past_BTW = None if history_BTW is None else history_BTW[:, :T]
        x_BTD = self.tell(frames.x_BTD[:, :T], activity_BTC[:, :T], past_BTW)
        return Frames(x_BTD, frames.lengths_B.clamp(max=T), frames.geometry).masked()

    def _told(self, frames: Frames, activity_BTC: Tensor | None, history_BTW: Tensor | None):
        """Activity and history, checked; the history counted where the model needs one and none is given."""
        B, rate = len(frames.lengths_B), self.geometry.rate
        needed = int(frames.lengths_B.max()) - 1 if B else 0  # audio may have a frame more
        require(
            activity_BTC is not None
            and activity_BTC.dim() == 3
            and (activity_BTC.shape[0], activity_BTC.shape[2]) == (B, 2)
            and activity_BTC.shape[1] >= needed,
            f"this model is told who is active: give the activity of both speakers, ({B}, {needed} or more, 2) of 0 "
            f"and 1 at {rate:g} Hz, got {None if activity_BTC is None else tuple(activity_BTC.shape)}",
        )
        if not self.cfg.history:
            return activity_BTC, None
        if history_BTW is None:
            history_BTW = self.count_history(activity_BTC)
        wanted = (*activity_BTC.shape[:2], self.cfg.windows)
        require(
            tuple(history_BTW.shape) == wanted,
            f"the activity history must have the shape {wanted}, as count_history gives it, got "
            f"{tuple(history_BTW.shape)}",
        )
        return activity_BTC, history_BTW

    def bias(self, frames: int, device: torch.device) -> Tensor:
        """What every attention adds to its logits: nothing ahead is seen, and distance counts."""
        t = torch.arange(frames, device=device)
        return causal_bias(t, t, width=self.cfg.width, slopes_H=self.slopes_H)


def _halves(bins_CN: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 2, N) bins -> (..., 2) sums over the nearer and over the farther half."""
    half = bins_CN.shape[-1] // 2
    return bins_CN[..., : max(half, 1)].sum(-1), bins_CN[..., half:].sum(-1)


def _halves_of_classes(bins: int) -> Tensor:
    """(K, 4) active bins of every class: soon of both speakers, then later of both. Bit n is bin n of speaker 0."""
    bit_P = torch.arange(2 * bins)
    book_KCN = (torch.arange(1 << 2 * bins)[:, None] >> bit_P & 1).float().unflatten(-1, (2, bins))
    return torch.stack(_halves(book_KCN), dim=1).flatten(1)


def _pairs(x_NTD: Tensor) -> Tensor:
    """(2 B, T, D) -> (B, 2, T, D)."""
    return x_NTD.unflatten(0, (-1, 2))
