"""Random draws about the batches of all processes together, the same in each of them."""

from __future__ import annotations

import torch

from sonant.core import Batch, generator
from sonant.core.distributed import same_as_first


def shared_generator(batch: Batch, purpose: str) -> torch.Generator:
    """A CPU generator from the first example of the global batch."""
    own = torch.tensor([batch.seeds[0] if batch.seeds else 0], device=batch.lengths_B.device)
    return generator(int(same_as_first(own)), purpose)
