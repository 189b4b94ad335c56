"""What the workers share that predict features of the clean chunk from every frame of the encoder.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2; Ravanelli et al. 2020 (arXiv:2001.09239), Sec. 2.2:

    target   features, their first and second derivatives in time (``deltas``), normalised by mean and standard
             deviation over the training data, brought to the number of the encoder's frames (cut, or the last repeated)
    head     layers of 256 with PReLU, a linear layer
    loss     mean squared error of ``stack`` consecutive frames of the target around each frame of the encoder, zeros
             beyond the ends

Letters: B utterances, T frames, D channels of the target, K frames predicted from one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames, LossOut, require
from sonant.features._savgol import regression_targets
from sonant.nn.prelu_mlp import PReLUMLP
from sonant.nn.statistics import PooledStatistics
from sonant.objectives.stacked_error import stacked_error

from ._worker import Clean, Seen, Worker, WorkerConfig, share_of


@dataclass(frozen=True)
class RegressionConfig(WorkerConfig):
    """Settings of the head and of the target."""

    hidden: int = 256  # channels of a hidden layer
    layers: int = 1  # hidden layers
    dropout: float = 0.0  # after each of them
    stack: int = 1  # K, odd; PASE+ predicts 7
    deltas: int = 0  # 1: with slopes; 2: with slopes and curvatures (PASE+)
    normalise: bool = True  # to mean 0 and variance 1 over the training data, by a survey before the first step

    def __post_init__(self):
        super().__post_init__()
        require(self.hidden >= 1 and self.layers >= 0, f"hidden must be at least 1 and layers 0, got {self}")
        require(0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}")
        require(self.stack >= 1 and self.stack % 2, f"stack must be odd and at least 1, got {self.stack}")
        require(self.deltas in (0, 1, 2), f"deltas must be 0, 1 or 2, got {self.deltas}")


class Regression(Worker):
    """Predicts what ``features`` make of the clean chunk.

    Args:
        cfg: settings of head and target.
        features: waveforms -> frames with the hop of the encoder.
        geometry, in_dim: of the encoder's frames.
        settings: those of ``features``: workers whose features have equal ones share the computation.
    """

    def __init__(
        self,
        cfg: RegressionConfig,
        *,
        features: FrameModule,
        geometry: FrameGeometry,
        in_dim: int,
        settings: Hashable = None,
    ):
        super().__init__(cfg)
        self.name = type(self).__module__.rpartition(".")[2]
        require(
            features.geometry.hop == geometry.hop,
            f"the worker {self.name} predicts {features.geometry.rate:g} targets a second, and the encoder gives "
            f"{geometry.rate:g} frames: let the target's frames be {geometry.hop} samples apart",
        )
        self.features, self.geometry = features, geometry
        self.key = (self.name, id(self) if settings is None else settings, cfg.deltas)
        self.dim = features.dim * (1 + cfg.deltas)
        out = self.dim * cfg.stack
        self.head = PReLUMLP(in_dim, out, hidden=cfg.hidden, layers=cfg.layers, dropout=cfg.dropout)
        self.statistics = PooledStatistics(self.dim) if cfg.normalise else None

    def loss(self, seen: Seen) -> LossOut:
        """Mean squared error over utterances, frames, channels and the frames predicted from one."""
        hidden_BTH, layer = self.head.blocks(seen.anchor.x_BTD), self.head.out
        target_BTD = self.target(seen.clean, size=hidden_BTH.shape[1]).x_BTD.to(layer.weight.dtype)
        share_BT = share_of(seen.anchor.lengths_B, target_BTD).to(layer.weight.dtype)
        return LossOut(stacked_error(hidden_BTH, layer.weight, layer.bias, target_BTD=target_BTD, share_BT=share_BT))

    def predict(self, anchor: Frames) -> Tensor:
        """(B, T, D K) predictions: channel d of the frame k - K // 2 later is number d K + k."""
        return self.head(anchor.x_BTD)

    def survey(self, clean: Clean) -> None:
        if self.statistics is not None:
            self.statistics.add(self._raw(clean, size=self.geometry.frames(clean.frames.x_BTD.shape[1])))

    def target(self, clean: Clean, *, size: int) -> Frames:
        """Frames (B, size, D), as many of each utterance as the encoder gives, zero past each length."""
        raw = self._raw(clean, size=size)
        return raw if self.statistics is None else self.statistics.normalised(raw)

    @torch.no_grad()
    def _raw(self, clean: Clean, *, size: int) -> Frames:
        """The target before it is normalised."""
        require(
            bool((self.features.geometry.frames(clean.frames.lengths_B) > 0).all()),
            f"a chunk is too short for a frame of the target of the worker {self.name}: lengthen data.chunk_seconds",
        )
        options = {"lengths_B": self.geometry.frames(clean.frames.lengths_B), "size": size, "deltas": self.cfg.deltas}
        return clean.once(
            (*self.key, size), lambda: regression_targets(self.features, clean.frames, memo=clean.memo, **options)
        )


def shift_of(geometry: FrameGeometry) -> float:
    """What features call ``frame_shift``: milliseconds from one frame of the encoder to the next."""
    return 1000 * geometry.hop / geometry.sample_rate
