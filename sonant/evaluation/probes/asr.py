"""Which characters are said: word and character error rate of a BLSTM with CTC (SUPERB: ASR).

Yang et al. 2021 (arXiv:2105.01051), Sec. 3: two bidirectional LSTM layers of 1024 on projected frames, masked in time
and across channels while training (Park et al. 2019, arXiv:1904.08779, without warping), no language model.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ...core import FrameGeometry, Frames, require
from ...data.manifest import Utterance
from ..edit_distance import error_rate
from ._config import option
from ._ctc import CtcConfig, Transcripts, stacked
from ._task import Example


@dataclass(frozen=True)
class Config(CtcConfig):
    """Defaults for corpora of an hour."""

    steps: int = 2000
    lr: float = 1e-3
    hidden: int = option(256, "units of each direction of the LSTM")
    layers: int = option(2, "of the LSTM")
    dropout: float = option(0.2, "after each of them")
    time_masks: int = option(2, "stretches of up to 0.4 s that are hidden while training")
    channel_masks: int = option(4, "bands of up to a twentieth of the channels that are hidden while training")

    def __post_init__(self):
        super().__post_init__()
        require(self.hidden >= 1 and self.layers >= 1, "the LSTM of asr needs hidden and layers of at least 1")
        require(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}")


SUPERB = {
    "steps": 200_000, "batch_size": 32, "lr": 1e-4, "eval_every": 2000, "patience": 0, "project": 1024, "hidden": 1024,
    "frame_rate": None,
}  # fmt: skip
MASK_SECONDS, MASK_SHARE = 0.4, 0.05


class Task(Transcripts):
    """Characters of the transcript in lower case; words are parted by single spaces."""

    figure = "cer"

    @property
    def wanted(self) -> str:
        return "transcripts"

    def label(self, utterance: Utterance) -> str | None:
        return " ".join((utterance.text or "").lower().split()) or None

    def reader(self, in_dim: int, outputs: int, geometry: FrameGeometry) -> nn.Module:
        return Reader(self.cfg, in_dim=in_dim, outputs=outputs, rate=geometry.rate)

    def score(self, decisions: Sequence[list[str]], examples: Sequence[Example]) -> dict[str, float]:
        """Edits by words, and by characters with spaces, of the references."""
        meant, said = [example.label for example in examples], ["".join(symbols) for symbols in decisions]
        words = ([text.split() for text in texts] for texts in (meant, said))
        return {"wer": error_rate(*words), "cer": error_rate(meant, said)}


class Reader(nn.Module):
    """Projection, masks, stacking, bidirectional LSTM, linear layer: frames (B, T, in_dim) -> (B, T', outputs)."""

    def __init__(self, cfg: Config, *, in_dim: int, outputs: int, rate: float):
        super().__init__()
        self.cfg, self.rate = cfg, rate
        self.stack = cfg.stack(rate)
        dim = cfg.project or in_dim
        self.project = nn.Linear(in_dim, dim) if cfg.project else nn.Identity()
        between = cfg.dropout if cfg.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            dim * self.stack, cfg.hidden, cfg.layers, batch_first=True, bidirectional=True, dropout=between
        )
        self.dropout, self.linear = nn.Dropout(cfg.dropout), nn.Linear(2 * cfg.hidden, outputs)

    def forward(self, frames: Frames) -> Frames:
        frames = frames.with_x(self.project(frames.x_BTD)).masked()
        if self.training:
            frames = self._hidden(frames)
        frames = stacked(frames, self.stack)
        if frames.x_BTD.shape[1] == 0:
            return frames.with_x(frames.x_BTD.new_zeros(len(frames.lengths_B), 0, self.linear.out_features))
        lengths_B = frames.lengths_B.clamp(min=1).cpu()
        packed = pack_padded_sequence(frames.x_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        y_BTD, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=frames.x_BTD.shape[1])
        return frames.with_x(self.linear(self.dropout(y_BTD)))

    def _hidden(self, frames: Frames) -> Frames:
        B, T, D = frames.x_BTD.shape
        hidden_BTD = torch.zeros(B, T, D, dtype=torch.bool, device=frames.device)
        for _ in range(self.cfg.time_masks):
            hidden_BTD |= _bands(frames.lengths_B, T, round(MASK_SECONDS * self.rate))[:, :, None]
        for _ in range(self.cfg.channel_masks):
            size_B = torch.full_like(frames.lengths_B, D)
            hidden_BTD |= _bands(size_B, D, round(MASK_SHARE * D))[:, None, :]
        return frames.with_x(frames.x_BTD.masked_fill(hidden_BTD, 0.0))


def _bands(size_B: Tensor, size: int, widest: int) -> Tensor:
    """(B, size) booleans: a band of 0 to ``widest`` entries somewhere in the first ``size_B``."""
    width_B1 = torch.rand(len(size_B), 1, device=size_B.device) * (widest + 1)
    width_B1 = torch.minimum(width_B1.floor(), size_B[:, None])
    start_B1 = (torch.rand(len(size_B), 1, device=size_B.device) * (size_B[:, None] - width_B1 + 1)).floor()
    place = torch.arange(size, device=size_B.device)
    return (place >= start_B1) & (place < start_B1 + width_B1)
