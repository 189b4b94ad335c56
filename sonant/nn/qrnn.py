"""Quasi-recurrent layers: gates by a convolution over one or two frames, memory by a recurrence without weights.

Bradbury, Merity, Xiong and Socher 2016 (arXiv:1611.01576), Sec. 2, with the gate named as in their code and in PASE+
(Ravanelli et al. 2020, arXiv:2001.09239): f lets the new value IN, where the paper's lets the old one through.

    [z; f; o] = W [x_t; x_{t-1}] + b        z = tanh(z), f = sigmoid(f), o = sigmoid(o)
    c_t = f_t z_t + (1 - f_t) c_{t-1}       h_t = o_t c_t ("fo" pooling), or h_t = c_t without output gate ("f")

Zoneout (Sec. 2.1) keeps single channels of c as they are: f is 0 there while training, and (1 - p) f when evaluating.

Letters: B utterances, T frames, N channels in, D channels out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import require
from .linear_recurrence import linear_recurrence

FEW = 32  # frames below which gathering the weights of a convolution takes longer than what it saves


class QRNNState(NamedTuple):
    """What a layer knows of the past: its memory (B, D), and the last frame that it read (B, N)."""

    memory_BD: Tensor
    frame_BN: Tensor


class QRNNLayer(nn.Module):
    """(B, T, N) -> (B, T, D); frames never see later ones.

    Args:
        in_dim, dim: N and D.
        window: frames that the gates see, 1 or 2.
        output_gate: false: h is c itself.
        zoneout: share of channels that keep their memory at a frame, in [0, 1).
    """

    def __init__(self, in_dim: int, dim: int, *, window: int = 2, output_gate: bool = True, zoneout: float = 0.0):
        super().__init__()
        require(min(in_dim, dim) >= 1, f"qrnn: dimensions must be at least 1, got {in_dim} and {dim}")
        require(window in (1, 2), f"qrnn: window must be 1 or 2 frames, got {window}")
        require(0 <= zoneout < 1, f"qrnn: zoneout must lie in [0, 1), got {zoneout}")
        self.in_dim, self.dim, self.window, self.output_gate, self.zoneout = in_dim, dim, window, output_gate, zoneout
        self.linear = nn.Linear(window * in_dim, (3 if output_gate else 2) * dim)

    def start(self, x_BTN: Tensor) -> QRNNState:
        """The state before the first frame: zeros."""
        B, dtype = len(x_BTN), torch.promote_types(x_BTN.dtype, torch.float32)
        return QRNNState(x_BTN.new_zeros(B, self.dim, dtype=dtype), x_BTN.new_zeros(B, self.in_dim))

    def forward(
        self, x_BTN: Tensor, state: QRNNState | None = None, lengths_B: Tensor | None = None
    ) -> tuple[Tensor, QRNNState]:
        """Frames, and the state after the last one.

        Args:
            x_BTN: frames.
            state: as the call before returned it, to go on where that ended; None: the beginning.
            lengths_B: real frames of each utterance, after which the state is taken; None: all of them.
        """
        state = self.start(x_BTN) if state is None else state
        gates = self._gates(x_BTN, state.frame_BN)
        gates = gates.to(torch.promote_types(gates.dtype, torch.float32)).split(self.dim, dim=2)
        keep_BTD, value_BTD = self._step(gates[0], gates[1])
        memory_BTD = linear_recurrence(keep_BTD, value_BTD, state.memory_BD)
        out_BTD = torch.sigmoid(gates[2]) * memory_BTD if self.output_gate else memory_BTD
        end = QRNNState(_last(memory_BTD, state.memory_BD, lengths_B), _last(x_BTN, state.frame_BN, lengths_B))
        return out_BTD.to(x_BTN.dtype), end

    def _gates(self, x_BTN: Tensor, before_BN: Tensor) -> Tensor:
        """(B, T, 2 D or 3 D) what the linear map gives of each frame and, with window 2, of the one before it."""
        if self.window == 1:
            return self.linear(x_BTN)
        x_BPN = torch.cat([before_BN[:, None].to(x_BTN.dtype), x_BTN], dim=1)
        if x_BTN.device.type != "cpu" or x_BTN.shape[1] < FEW or x_BTN.dtype == torch.float64:
            return self.linear(torch.cat([x_BPN[:, 1:], x_BPN[:, :-1]], dim=2))
        # the same as a convolution on an image of height 1 with channels last, which CPUs are faster at
        own, earlier = self.linear.weight.split(self.in_dim, dim=1)
        image_BN1P = x_BPN.transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
        gates = F.conv2d(image_BN1P, torch.stack([earlier, own], dim=2)[:, :, None], self.linear.bias)
        return gates[:, :, 0].transpose(1, 2)

    def _step(self, z_BTD: Tensor, f_BTD: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and summand of the recurrence; 1 - f is sigmoid(-f), which is exact for open gates too."""
        keep_BTD, enter_BTD = torch.sigmoid(-f_BTD), torch.sigmoid(f_BTD)
        if self.zoneout and self.training:
            move_BTD = torch.rand_like(f_BTD) >= self.zoneout
            keep_BTD, enter_BTD = keep_BTD.masked_fill(~move_BTD, 1.0), enter_BTD * move_BTD
        elif self.zoneout:
            enter_BTD = (1 - self.zoneout) * enter_BTD
            keep_BTD = 1 - enter_BTD
        return keep_BTD, enter_BTD * torch.tanh(z_BTD)


class QRNN(nn.Module):
    """A stack of QRNN layers of one width.

    Args:
        in_dim, dim, window, output_gate, zoneout: as of a layer.
        layers: their number.
        dropout: of every layer's output but the last one's, while training.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        layers: int = 1,
        window: int = 2,
        output_gate: bool = True,
        zoneout: float = 0.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        require(layers >= 1, f"qrnn: layers must be at least 1, got {layers}")
        require(0 <= dropout < 1, f"qrnn: dropout must lie in [0, 1), got {dropout}")
        self.dropout = dropout
        self.layers = nn.ModuleList(
            QRNNLayer(dim if i else in_dim, dim, window=window, output_gate=output_gate, zoneout=zoneout)
            for i in range(layers)
        )

    def forward(
        self, x_BTN: Tensor, states: list[QRNNState] | None = None, lengths_B: Tensor | None = None
    ) -> tuple[list[Tensor], list[QRNNState]]:
        """The output (B, T, D) of every layer, and their states after the last frame.

        Args:
            x_BTN: (B, T, N) frames.
            states: as the call before returned them, to go on where that ended: pieces give what the whole gives;
                None: the beginning.
            lengths_B: real frames of each utterance, after which the states are taken; None: all of them.
        """
        outputs, ends = [], []
        for i, layer in enumerate(self.layers):
            x_BTN, end = layer(x_BTN, None if states is None else states[i], lengths_B)
            outputs.append(x_BTN)
            ends.append(end)
            x_BTN = F.dropout(x_BTN, self.dropout, self.training)  # the last layer's goes nowhere
        return outputs, ends


def _last(x_BTD: Tensor, before_BD: Tensor, lengths_B: Tensor | None) -> Tensor:
    """The frame at the end of each length, or what was before where that is zero."""
    if x_BTD.shape[1] == 0:
        return before_BD
    if lengths_B is None:
        return x_BTD[:, -1]
    at_B = (lengths_B.clamp(max=x_BTD.shape[1]) - 1).clamp(min=0)
    last_BD = x_BTD[torch.arange(len(at_B), device=at_B.device), at_B]
    return torch.where(lengths_B[:, None] > 0, last_BD, before_BD.to(last_BD.dtype))
