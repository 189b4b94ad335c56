"""One unit vector for every utterance, from the whole of it or from crops.

Letters: D channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from ..core import Representation, SonantError, require, samples_of, unknown
from ..data.manifest import Utterance
from .encode import EMBEDDING, Item, encode_items, read_utterance

Pool = Literal["mean", "statistics"]
CROPPED = "\x00"  # parts the name of an utterance from the number of its crop


def utterance_vectors(
    representation: Representation,
    utterances: Sequence[Utterance],
    *,
    layer: str | None = None,
    pool: Pool = "mean",
    crops: int = 0,
    crop_seconds: float = 4.0,
    batch_seconds: float = 120.0,
    strict: bool = False,
    on_error: Callable[[str, SonantError], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """(D,) by utterance id: the vector at length 1, or the mean of those of ``crops`` crops, each at length 1.

    The dot product of two such means is the mean cosine over all pairs of crops. Utterances that cannot be read are
    reported through ``on_error`` and left out; with ``strict`` they raise.

    Args:
        layer: None: ``embedding`` for models that have one, else the default layer.
        pool: of frames, for layers that are not the embedding: their mean, or mean and standard deviation.
        crops: how many, equally far apart from start to end; 0: the utterance as a whole. One that is no longer than
            a crop is taken whole.
        crop_seconds: length of a crop.
    """
    require(crops >= 0 and crop_seconds > 0, "crops must be at least 0 and their length above 0 s")
    if pool not in ("mean", "statistics"):
        raise unknown("pool", pool, ["mean", "statistics"])
    layer = layer or (EMBEDDING if representation.embedding is not None else representation.default_layer)
    items = [item for u in utterances for item in _items(u, representation.sample_rate, crops, crop_seconds)]
    sums: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    options = {"layer": layer, "batch_seconds": batch_seconds, "strict": strict}
    for done, (key, x) in enumerate(encode_items(representation, items, on_error=_told_once(on_error), **options), 1):
        name = key.partition(CROPPED)[0]
        sums[name] = sums.get(name, 0.0) + unit(x if layer == EMBEDDING else pooled(x, pool))
        counts[name] = counts.get(name, 0) + 1
        if progress is not None:
            progress(done, len(items))
    return {name: total / counts[name] for name, total in sums.items()}


def pooled(x_TD: np.ndarray, pool: Pool) -> np.ndarray:
    """(D,) mean of the frames, or (2 D,) mean and population standard deviation; (D,) vectors as they are."""
    if x_TD.ndim == 1:
        return x_TD
    require(len(x_TD) > 0, "an utterance is too short for a frame of this model")
    mean_D = x_TD.mean(0, dtype=np.float64)
    return mean_D if pool == "mean" else np.concatenate([mean_D, x_TD.std(0, dtype=np.float64)])


def unit(x_D: np.ndarray) -> np.ndarray:
    """The same direction at length 1, in float64; zeros stay zeros."""
    x_D = np.asarray(x_D, np.float64)
    return x_D / max(float(np.linalg.norm(x_D)), 1e-12)


def _items(utterance: Utterance, rate: int, crops: int, crop_seconds: float) -> list[Item]:
    if crops == 0 or utterance.duration <= crop_seconds:
        return [Item(utterance.id, utterance.duration, lambda: read_utterance(utterance, rate))]
    length = samples_of(crop_seconds, rate)

    def crop(number: int) -> np.ndarray:
        wave = read_utterance(utterance, rate)
        start = round(number * (len(wave) - length) / max(crops - 1, 1)) if crops > 1 else (len(wave) - length) // 2
        return wave[start : start + length]

    return [
        Item(f"{utterance.id}{CROPPED}{number}", crop_seconds, lambda number=number: crop(number))
        for number in range(crops)
    ]


def _told_once(on_error: Callable[[str, SonantError], None] | None) -> Callable[[str, SonantError], None] | None:
    """A file is told of once, not once per crop."""
    if on_error is None:
        return None
    told: set[str] = set()

    def tell(key: str, error: SonantError) -> None:
        name = key.partition(CROPPED)[0]
        if name not in told:
            told.add(name)
            on_error(name, error)

    return tell
