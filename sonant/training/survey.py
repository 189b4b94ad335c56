"""What a method looks at before its first step: statistics of the data, such as those that normalise targets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from ..core import Batch, Method, derive_seed, seed_everything
from ..core.distributed import rank


@torch.no_grad()
def survey(method: Method, loader, *, seed: int, device: torch.device) -> tuple[int, float]:
    """Show a method the first ``survey_batches`` batches of this process, in evaluation mode.

    Args:
        loader: of the training data; its first steps are going to give the same batches again.
        seed: of the run.

    Returns:
        How many batches it asked for, and the seconds of audio in them (of this process).
    """
    seen = [0, 0.0]

    def shown(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            seen[0] += 1
            seen[1] += batch.seconds
            yield batch.to(device)

    seed_everything(derive_seed(seed, "survey", rank()))
    was_training = method.training
    with contextlib.closing(loader.batches(0, method.survey_batches)) as batches:
        method.eval().survey(shown(batches))
    method.train(was_training)
    return int(seen[0]), seen[1]
