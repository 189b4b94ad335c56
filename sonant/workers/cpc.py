"""CPC as a worker: every frame tells the frames after it from all others of the chunk.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Secs. 2.2 and 2.3, on the frames that all workers share: the
encoder's output both predicts and is predicted, by one linear map for each horizon. Neighbouring frames share samples,
so that the nearest futures are left out.

Letters: B utterances, T frames, S = T - K anchors, K horizons (H of them predicted), D channels.
Knowing nothing scores log of the number of frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import FrameGeometry, LossOut, require
from sonant.nn.predictors import LinearPredictor
from sonant.objectives.candidates import pool_of
from sonant.objectives.contrast import contrast_ahead, mean_loss

from ._worker import Seen, WorkerConfig
from ._worker import Worker as BaseWorker


@dataclass(frozen=True)
class Config(WorkerConfig):
    """Settings of the task."""

    horizons: int = 12  # K, frames ahead
    skip: int = 2  # nearest futures left out: predict skip + 1 .. K

    def __post_init__(self):
        super().__post_init__()
        require(0 <= self.skip < self.horizons, f"cpc: need 0 <= skip < horizons, got {self.skip}, {self.horizons}")


class Worker(BaseWorker):
    """InfoNCE over the frames of each chunk."""

    parts = ("acc",)

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        super().__init__(cfg)
        self.ahead = range(cfg.skip + 1, cfg.horizons + 1)
        self.predict = LinearPredictor(in_dim, in_dim, futures=len(self.ahead))

    def loss(self, seen: Seen) -> LossOut:
        """Mean over utterances of the mean over anchors and horizons; parts: acc, the share that is told right."""
        z, K = seen.anchor, self.cfg.horizons
        S = z.x_BTD.shape[1] - K
        require(
            int(z.lengths_B.min()) > K,
            f"cpc: {K} horizons need chunks of more than {K} frames: lengthen data.chunk_seconds or lower horizons",
        )
        pool = pool_of(z.with_x(z.x_BTD / z.dim), "utterance", None)  # scores are means over channels
        anchors = (z.lengths_B - K).tolist()
        pred_BSHD = self.predict(z.x_BTD[:, :S])
        loss_BSH, hit_BSH, real_BS = contrast_ahead(pred_BSHD, pool, ahead=self.ahead, anchors=anchors)
        loss, _ = mean_loss(loss_BSH, real_BS, "utterances")
        acc, _ = mean_loss(hit_BSH.to(loss_BSH.dtype), real_BS, "utterances")
        return LossOut(loss, {"acc": acc})
