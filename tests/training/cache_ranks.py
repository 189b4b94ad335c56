"""One process of the test of gradient caches in two processes: python cache_ranks.py OUT."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from test_gradient_cache import batch_parts

from sonant.training.distributed import processes

if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes("cpu") as place:
        torch.save(batch_parts(place.rank, place.world), Path(sys.argv[1]) / f"rank{place.rank}.pt")
