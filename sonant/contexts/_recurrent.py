"""What the recurrent contexts share: layers run one after the other, so that each one's output can be had.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, State, require
from sonant.core.streaming import numbers
from sonant.nn.lstm_step import lstm_step


@dataclass(frozen=True)
class RecurrentConfig:
    """Settings of a recurrent context."""

    dim: int = 256  # of every layer's state; CPC uses 256 (CPC-big 512), APC 512
    layers: int = 1  # CPC 1, CPC-small 2, APC 3, CPC-big 4
    residual: bool = False  # true: layers add their input to their output (APC)
    residual_on: Literal["later", "equal", "inner"] = "later"
    # later: every layer but the first (APC without a prenet, s3prl); equal: every layer whose input has its own width,
    # the first one too on a prenet (APC's release); inner: as equal, but the last layer's output stays without the sum

    dropout: float = 0.0  # of every layer's output but the last one's, before the residual sum, while training
    dropout_last: bool = False  # true: of the last layer's output too (s3prl)
    prenet: int = 0  # linear layers with ReLU below the recurrent ones, each dim wide (an option of APC's release)
    prenet_dropout: float = 0.0  # after each of them, while training
    over: Literal["time", "batch", "none"] = "time"
    # for comparison with imported models only. batch: the state runs from one utterance to the next, at each frame
    # apart, as in a published APC that confused the two axes; none: from nowhere to nowhere, as in that code with one
    # utterance at a time. With batch an utterance's frames depend on its neighbours in the batch

    def __post_init__(self):
        require(
            self.dim >= 1 and self.layers >= 1,
            f"a recurrent context needs dim and layers of at least 1, got dim {self.dim}, layers {self.layers}",
        )
        require(self.prenet >= 0, f"prenet of a recurrent context must be at least 0, got {self.prenet}")
        for name in ("dropout", "prenet_dropout"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} of a recurrent context must lie in [0, 1), got {value}")


class Recurrent(FrameModule):
    """A stack of unidirectional recurrent layers that start from zero at every utterance.

    Padding lies after the real frames and a layer never looks ahead, so that it needs no packing.
    """

    kind: ClassVar[type[nn.RNNBase]]
    past, future = None, 0

    def __init__(self, cfg: RecurrentConfig, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.past = None if cfg.over == "time" else 0
        dims = (in_dim, *(cfg.dim for _ in range(cfg.prenet + cfg.layers - 1)))
        self.prenet = nn.ModuleList(nn.Linear(dim, cfg.dim) for dim in dims[: cfg.prenet])
        self.rnns = nn.ModuleList(self.kind(dim, cfg.dim, batch_first=True) for dim in dims[cfg.prenet :])

    @property
    def layers(self) -> tuple[str, ...]:
        """``prenet``, if there is one, and ``layer_1`` .. up to the last but one, whose output is the context's own."""
        return (*("prenet" for _ in self.prenet[:1]), *(f"layer_{i}" for i in range(1, self.cfg.layers)))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        cfg, outputs, x_BTD = self.cfg, [], frames.x_BTD
        for linear in self.prenet:
            x_BTD = F.dropout(linear(x_BTD).relu(), cfg.prenet_dropout, self.training)
        if self.prenet:
            outputs.append(frames.with_x(x_BTD).masked())
        for i, rnn in enumerate(self.rnns):
            y_BTD = self._run(rnn, x_BTD)
            if cfg.dropout_last or i + 1 < cfg.layers:
                y_BTD = F.dropout(y_BTD, cfg.dropout, self.training)
            x_BTD = y_BTD + x_BTD if self._adds(i, x_BTD.shape[-1]) else y_BTD
            outputs.append(frames.with_x(x_BTD).masked())
        return outputs[-1], dict(zip(self.layers, outputs, strict=False))

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> list[State]:
        """Zeros, for each layer as its kind takes them; see ``core.Streamable``."""
        require(
            self.cfg.over == "time",
            f"a recurrent context with over: {self.cfg.over} carries nothing from frame to frame of an utterance, so "
            "that it cannot be streamed; it is for comparison with imported models only",
        )
        zeros_1BD = torch.zeros(1, batch, self.dim, device=device, dtype=dtype)
        return [(zeros_1BD, zeros_1BD) if self.kind is nn.LSTM else zeros_1BD for _ in self.rnns]

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """See ``core.Even``."""
        own = self.begin(batch, device=device, dtype=dtype)
        return {"own": own, "number": torch.tensor(-early, device=device)}, early

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """As many frames as are given."""
        if isinstance(state, dict):
            return self._even(x_BTD, state)
        if x_BTD.shape[1] == 0:
            return x_BTD.new_zeros(len(x_BTD), 0, self.dim), state
        after = []
        for linear in self.prenet:
            x_BTD = linear(x_BTD).relu()
        for i, (rnn, own) in enumerate(zip(self.rnns, state, strict=True)):
            y_BTD, own = lstm_step(rnn, x_BTD, own) if self.kind is nn.LSTM else rnn(x_BTD, own)
            x_BTD = y_BTD + x_BTD if self._adds(i, x_BTD.shape[-1]) else y_BTD
            after.append(own)
        return x_BTD, after

    def _even(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """Frame by frame; the state stays zero until the beginning."""
        own, outputs, T = state["own"], [], x_BTD.shape[1]
        for frame_BD, number in zip(x_BTD.unbind(1), numbers(state["number"], T).unbind(), strict=True):
            y_BTD, own = self.step(frame_BD[:, None], own)
            own = _zero_where(number < 0, own)
            outputs.append(y_BTD)
        return torch.cat(outputs, dim=1), {"own": own, "number": state["number"] + T}

    def _adds(self, layer: int, width: int) -> bool:
        """Whether a layer, counted from 0, adds its input of this width to its output."""
        if not self.cfg.residual or width != self.dim:
            return False
        return {"later": layer > 0, "equal": True, "inner": layer + 1 < self.cfg.layers}[self.cfg.residual_on]

    def _run(self, rnn: nn.RNNBase, x_BTD: Tensor) -> Tensor:
        B, T, _ = x_BTD.shape
        if B == 0 or T == 0:
            return x_BTD.new_zeros(B, T, self.dim)
        if self.cfg.over == "batch":
            return rnn(x_BTD.transpose(0, 1))[0].transpose(0, 1)
        if self.cfg.over == "none":
            return rnn(x_BTD.flatten(0, 1)[:, None])[0].view(B, T, -1)
        return rnn(x_BTD)[0]


def _zero_where(mask: Tensor, state: State) -> State:
    if isinstance(state, Tensor):
        return state.masked_fill(mask, 0.0)
    return type(state)(_zero_where(mask, own) for own in state)
