"""A few frames of a long short-term memory, without what the library spends on arranging the weights each time.

Letters: B sequences, T frames, D channels, G = 4 D gates.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 8  # frames from which the library's own loop is faster on a CPU


def lstm_step(rnn: nn.LSTM, x_BTN: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """``rnn(x_BTN, state)`` of one unidirectional layer, batch first; equal to rounding.

    Args:
        state: output and memory, (1, B, D) each.
    """
    if x_BTN.shape[1] >= FEW or x_BTN.device.type != "cpu":
        return rnn(x_BTN, state)
    gates_BTG = F.linear(x_BTN, rnn.weight_ih_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0)
    h_BD, c_BD = state[0][0], state[1][0]
    outputs = []
    for gates_BG in gates_BTG.unbind(1):
        enter, keep, value, leave = (gates_BG + F.linear(h_BD, rnn.weight_hh_l0)).chunk(4, dim=1)
        c_BD = keep.sigmoid() * c_BD + enter.sigmoid() * value.tanh()
        h_BD = leave.sigmoid() * c_BD.tanh()
        outputs.append(h_BD)
    return torch.stack(outputs, dim=1), (h_BD[None], c_BD[None])
