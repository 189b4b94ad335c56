"""What local and global info max share: chunks of two crops, told from chunks of another utterance.

Letters: B utterances over all processes, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Batch, Frames, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.objectives.cosine_distance import cosine
from sonant.objectives.mutual_information import Bound, mutual_information

from ._few import no_loss, too_few
from ._shared_draw import shared_generator


@dataclass(frozen=True)
class InfoMaxConfig:
    """Settings of the objective."""

    bound: Bound = "bce"  # of the mutual information (Sec. 2)
    frames: int | None = None  # that a chunk holds, from a random place of its crop; null: the crop as a whole
    discriminator: Literal["mlp", "cosine"] = "mlp"  # cosine: no weights
    hidden: int = 256  # channels of the mlp's hidden layer

    def __post_init__(self):
        require(self.frames is None or self.frames >= 1, f"frames must be at least 1 or null, got {self.frames}")


class InfoMax(ViewsMethod):
    """Two chunks of an utterance make a positive pair; with the second of another utterance, a negative one."""

    def __init__(self, cfg: InfoMaxConfig, **body):
        super().__init__(cfg, **body)
        self.discriminator = None
        if cfg.discriminator == "mlp":
            D = self.embedding.dim  # mine and nce see differences of scores alone, so that a bias cancels
            self.discriminator = nn.Sequential(
                nn.Linear(2 * D, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, 1, bias=cfg.bound == "bce")
            )

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """(B, D) vectors of the first and (B, D) of the second chunks."""
        views_B2L = self.views_of(batch)[:, :2]
        if self.cfg.frames is None:
            return self.vectors(views_B2L, batch).unbind(1)
        return tuple(self._chunk(view_BL, batch, f"chunk {v}") for v, view_BL in enumerate(views_B2L.unbind(1)))

    def _chunk(self, view_BL: Tensor, batch: Batch, purpose: str) -> Tensor:
        """(B, D) vectors of random chunks of one view."""
        size = self.cfg.frames
        lengths_B = batch.lengths_B.clamp(max=view_BL.shape[1])
        frames = self.context(self.encoder(Frames.of_wave(view_BL, lengths_B, batch.sample_rate)))
        spare = [n - size for n in frames.lengths_B.tolist()]
        require(
            min(spare) >= 0,
            f"a chunk of {size} frames does not fit into a crop of {size + min(spare)}; lengthen the crops "
            "(data.chunk_seconds) or lower method.frames",
        )
        firsts = [int(torch.randint(n + 1, (), generator=batch.generator(b, purpose))) for b, n in enumerate(spare)]
        place_BT = torch.tensor(firsts, device=view_BL.device)[:, None] + torch.arange(size, device=view_BL.device)
        x_BTD = frames.x_BTD.gather(1, place_BT[:, :, None].expand(-1, -1, frames.dim))
        return self.embedding(Frames(x_BTD, torch.full_like(frames.lengths_B, size), frames.geometry))

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """The bound over all pairs; parts: acc, the share of utterances whose positive pair outscores the negative."""
        x_BD, other_BD = map(gather_with_gradient, embedded)
        B = len(x_BD)
        if too_few(self, B, least=2, advice="there is no other to tell it from; raise data.batch_size"):
            return no_loss("acc")
        shift = int(torch.randint(1, B, (), generator=shared_generator(batch, "shift")))
        positive_B, negative_B = self._score(x_BD, other_BD), self._score(x_BD, other_BD.roll(shift, 0))
        loss = mutual_information(positive_B, negative_B, bound=self.cfg.bound)
        return LossOut(total=loss, parts={"acc": (positive_B > negative_B).double().mean()}, count=B)

    def _score(self, x_BD: Tensor, other_BD: Tensor) -> Tensor:
        if self.discriminator is None:
            return cosine(x_BD, other_BD)
        return self.discriminator(torch.cat([x_BD, other_BD], dim=1)).squeeze(1)
