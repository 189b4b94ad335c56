"""GIM, global info max: what a whole crop says told from what a crop of another utterance says.

Hjelm et al. 2019, Deep InfoMax (arXiv:1808.06670), in the form for speech of Pascual et al. 2019, PASE
(arXiv:1904.03416), Sec. 2.2: the vectors are averages over long stretches, so that what they share is what does not
change within an utterance, its speaker and its channel. ``frames`` takes a stretch of each crop in place of all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._info_max import InfoMax, InfoMaxConfig


@dataclass(frozen=True)
class Config(InfoMaxConfig):
    """Settings of the objective: whole crops."""


class Method(InfoMax):
    """Global info max on any encoder, context and embedding."""

    def chance(self) -> float | None:
        """2 log 2 with bce and a discriminator that starts near 0; None where it depends on the batch."""
        return 2 * math.log(2) if self.cfg.bound == "bce" and self.discriminator is not None else None
