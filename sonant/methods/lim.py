"""LIM, local info max: two short chunks of an utterance told from chunks of two utterances.

Ravanelli and Bengio 2019, "Learning speaker representations with mutual information" (arXiv:1812.00271), Secs. 2 and 3:
chunks c_1, c_2 come from random places of one utterance and c_r of another, and a discriminator g is trained on
g(c_1, c_2) against g(c_1, c_r). Here c_1 and c_2 come from two crops, and c_r is the c_2 of another utterance of the
batch, which is rolled by a random shift. A chunk is so many frames of the encoder, brought to one vector by the
section ``embedding`` (``pool: mean`` in the paper's manner).

Lepage and Dehak (sslsv) compare whole crops by their cosine: ``frames: null``, ``discriminator: cosine``, bound nce.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._info_max import InfoMax, InfoMaxConfig


@dataclass(frozen=True)
class Config(InfoMaxConfig):
    """Settings of the objective: chunks of one frame."""

    frames: int | None = 1


class Method(InfoMax):
    """Local info max on any encoder, context and embedding."""

    def chance(self) -> float | None:
        """2 log 2 with bce and a discriminator that starts near 0; None where it depends on the batch."""
        return 2 * math.log(2) if self.cfg.bound == "bce" and self.discriminator is not None else None
