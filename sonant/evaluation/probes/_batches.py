"""Which utterances make the batch of a step: a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import derive_seed, numpy_generator

POOL = 16  # batches whose utterances are sorted by length among each other


class LengthBatches:
    """Every epoch in another order; utterances of like length together, so that little is padding.

    Args:
        lengths: of the utterances, in any unit.
        batch_size: utterances in a batch; the last of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, lengths: Sequence[float], *, batch_size: int, seed: int):
        self.lengths, self.size, self.seed = np.asarray(lengths), batch_size, seed
        self.steps = -(-len(self.lengths) // batch_size)
        self._epoch: tuple[int, list[np.ndarray]] = (-1, [])

    def __call__(self, step: int) -> np.ndarray:
        """Numbers of the utterances of a step, counted from 0."""
        epoch, place = divmod(step, self.steps)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._order(numpy_generator(self.seed, "probe batches", epoch)))
        return self._epoch[1][place]

    def crop(self, step: int):
        """Where the crops of a step begin: a function of (position in the batch, length, what is wanted)."""

        def begin(number: int, length: int, wanted: int) -> int:
            share = derive_seed(self.seed, "crop", step, number) / 2**63
            return min(int(share * (length - wanted + 1)), length - wanted)

        return begin

    def _order(self, generator: np.random.Generator) -> list[np.ndarray]:
        order = generator.permutation(len(self.lengths))
        pools = [order[i : i + POOL * self.size] for i in range(0, len(order), POOL * self.size)]
        order = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = [order[i : i + self.size] for i in range(0, len(order), self.size)]
        return [batches[i] for i in generator.permutation(len(batches))]
