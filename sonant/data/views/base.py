"""What every view is: a numbering of examples, batches of them for every epoch, and how one is read.

A view holds no state. The global batch ``index`` of an epoch is a pure function of ``index`` and of the epoch's
``key``; so is the audio of an example, given also the example's own seed. ``key=None`` asks for the fixed order
without any randomness in what is chosen (validation).

Letters: L samples, V views of one utterance.
"""

from __future__ import annotations

import numpy as np

from ...core import derive_seed
from ..pool import Pool
from ..shuffle import permute

BUCKET = 16  # batches whose items are sorted by length


class View:
    """Base of the views.

    Attributes:
        pool: the utterances.
        steps: batches in an epoch, the same in every epoch.
        missing: how many of the examples that were listed the pool lacks (views of lists).
        even: whether every process must get equally many examples of a batch, in validation too (views that are
            compared across the batch); what is left over is then left out.
        together: how many neighbours in a batch belong together (share a speaker, say).
        local_window: samples of the local views, 0 where a view has none.
        multichannel: ``read`` gives the channels of one recording and not several views.
    """

    pool: Pool
    steps: int
    missing: int = 0
    even: bool = False
    together: int = 1
    local_window: int = 0
    multichannel: bool = False

    def batch(self, index: int, key: int | None) -> np.ndarray:
        """(n,) int64 example numbers of the global batch ``index`` of an epoch."""
        raise TypeError(f"{type(self).__name__} defines no batch")

    def utterance_of(self, example: int) -> int:
        """The utterance, as a number of the pool, that an example is part of."""
        return example

    def partner_of(self, example: int) -> int:
        """The utterance that the other side of an example is part of (views of pairs)."""
        raise TypeError(f"{type(self).__name__} has no pairs")

    def word_of(self, example: int) -> int:
        """The number of the word that both sides of an example hold (views of pairs)."""
        raise TypeError(f"{type(self).__name__} has no pairs")

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """(L,) or (V, L) float32 samples of an example, (T, D) of a pool of arrays; two of them in views of pairs."""
        raise TypeError(f"{type(self).__name__} defines no read")

    def read_local(self, example: int, *, key: int | None, seed: int) -> np.ndarray | None:
        """(W, L) float32 shorter crops of an example beside its views, where a view has any."""
        return None

    def labels(self, example: int, *, key: int | None, seed: int) -> dict[str, np.ndarray]:
        """What is known of an example beside its audio, by the name it has in ``Batch.extras``; of equal shapes."""
        return {}

    def size(self, examples: np.ndarray) -> int:
        """Samples (or frames) to which a global batch of ``examples`` is padded."""
        raise TypeError(f"{type(self).__name__} defines no size")

    def spare(self, index: int, key: int | None, *, position: int, attempt: int) -> int:
        """What stands in for an example that cannot be read: ``attempt`` counts from 1.

        First the others that belong together with it, then what stands at its place in the following batches.
        """
        examples = self.batch(index, key)
        together = min(self.together, len(examples))
        if attempt < together:
            first = position - position % together
            block = examples[first : first + together]
            return int(block[(position - first + attempt) % len(block)])
        examples = self.batch((index + attempt - together + 1) % self.steps, key)
        return int(examples[position % len(examples)])


def cut_batch(total: int, *, size: int, index: int, key: int | None) -> np.ndarray:
    """Batch ``index`` of ``range(total)`` in the order of ``key``, cut into batches of ``size``."""
    positions = np.arange(index * size, min((index + 1) * size, total))
    return positions if key is None else permute(positions, total, key)


def cut_bucketed(lengths: np.ndarray, *, size: int, index: int, key: int | None, batches: int) -> np.ndarray:
    """Batch ``index`` of ``range(len(lengths))`` in the order of ``key``, with items of like length together.

    The order is cut into stretches of ``BUCKET`` batches, whose items are sorted by length; batches of a stretch come
    in random order. ``batches``: how many full batches an epoch has; what is left over is left out.
    """
    if key is None or index >= batches:
        return cut_batch(len(lengths), size=size, index=index, key=key)
    index = int(permute(np.array([index]), batches, key, "batches")[0])
    stretch, place = divmod(index, BUCKET)
    first = stretch * BUCKET * size
    end = min(first + BUCKET * size, batches * size)
    items = permute(np.arange(first, end), len(lengths), key)
    return items[np.argsort(lengths[items], kind="stable")][place * size : (place + 1) * size]


def random_start(length: int, window: int, *path: int | str) -> int:
    """Where a window of ``window`` samples begins in ``length`` samples, drawn by ``path``; 0 if it is no shorter."""
    return derive_seed(*path) % (length - window + 1) if length > window else 0
