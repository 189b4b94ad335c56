"""The network of a recogniser: normalise, stack, bidirectional LSTM, one score per unit.

Letters: K layers, B utterances, T frames, D dimensions, C units and the blank, which is number 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ...core import Frames
from ...nn.layer_sum import LayerSum
from ..probes._ctc import stacked
from .config import Config


class Reader(nn.Module):
    """K times frames (B, T, D) -> frames (B, T', C) of scores.

    Args:
        mean_KD, scale_KD: taken from each frame, and multiplied with the rest.
        units: C - 1.
    """

    def __init__(self, cfg: Config, *, mean_KD: Tensor, scale_KD: Tensor, units: int):
        super().__init__()
        self.stack = cfg.stack
        self.register_buffer("mean_KD", mean_KD.clone())
        self.register_buffer("scale_KD", scale_KD.clone())
        self.layers = LayerSum(len(mean_KD))
        self.lstm = nn.LSTM(mean_KD.shape[1] * cfg.stack, cfg.hidden, cfg.layers, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * cfg.hidden, units + 1)
        self.dropout = 0.0

    def set_dropout(self, share: float) -> None:
        """Use this dropout between and after the layers of the LSTM while training."""
        self.dropout = share
        self.lstm.dropout = share if self.lstm.num_layers > 1 else 0.0

    def forward(self, layers: Sequence[Frames], alter: Callable[[Frames], Frames] | None = None) -> Frames:
        """``alter`` is done to the normalised frames, before they are stacked."""
        pairs = zip(layers, self.mean_KD, self.scale_KD, strict=True)
        frames = self.layers([f.with_x((f.x_BTD - mean_D) * scale_D).masked() for f, mean_D, scale_D in pairs])
        if alter is not None:
            frames = alter(frames)
        frames = stacked(frames, self.stack)
        if frames.x_BTD.shape[1] == 0:
            return frames.with_x(frames.x_BTD.new_zeros(len(frames.lengths_B), 0, self.linear.out_features))
        lengths_B = frames.lengths_B.clamp(min=1).cpu()
        packed = pack_padded_sequence(frames.x_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        y_BTD, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=frames.x_BTD.shape[1])
        return frames.with_x(self.linear(F.dropout(y_BTD, self.dropout, self.training)))


def ctc_loss(scores: Frames, targets: Sequence[Sequence[int]]) -> Tensor:
    """(B,) -log p(units) of each utterance by their number; 0 where there are too few frames for them."""
    log_TBC = F.log_softmax(scores.x_BTD.float(), dim=-1).transpose(0, 1)
    sizes_B = torch.tensor([len(target) for target in targets])
    flat = torch.tensor([number for target in targets for number in target], dtype=torch.long)
    lost_B = F.ctc_loss(
        log_TBC, flat.to(log_TBC.device), scores.lengths_B.cpu(), sizes_B, zero_infinity=True, reduction="none"
    )
    return lost_B / sizes_B.clamp(min=1).to(lost_B)
