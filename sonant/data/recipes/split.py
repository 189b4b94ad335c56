"""A corpus divided at random into parts for training, validation and test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ...core import numpy_generator, require
from ..manifest import Manifest
from ._common import Skipped, write

ABOUT = "train, valid and test parts of a prepared corpus, by utterance or by speaker"
PARTS = ("train", "valid", "test")


def prepare(
    source: Path | None,
    out: Path,
    *,
    train: float = 0.8,
    valid: float = 0.1,
    test: float = 0.1,
    by: Literal["utterance", "speaker"] = "utterance",
    seed: int = 0,
    strict: bool = False,
) -> Manifest:
    """Make the manifests OUT/train, OUT/valid and OUT/test from a prepared corpus; its audio stays where it is.

    train   part of the utterances; train, valid and test make 1
    valid   the same for validation
    test    the same for the test
    by      utterance: every speaker may be in all parts; speaker: in one only
    seed    another one divides otherwise
    strict  stop at the first unusable file instead of skipping it
    """
    require(source is not None, "give the prepared corpus: sonant prepare split CORPUS OUT")
    shares = (train, valid, test)
    require(
        min(shares) >= 0 and train > 0 and abs(sum(shares) - 1) < 1e-6,
        f"train, valid and test are parts that make 1, got {train:g}, {valid:g} and {test:g}",
    )
    corpus = Manifest.open(source)
    part_U = _divided(corpus, shares, by=by, seed=seed)
    made = []
    for number, name in enumerate(PARTS):
        own = np.flatnonzero(part_U == number)
        require(len(own) or not shares[number], f"nothing is left for {name}: {_count(corpus, by)} are too few")
        if len(own):
            items = ((corpus.utterance(int(index)), None) for index in own)
            made.append(
                write(items, Path(out) / name, name=f"{corpus.folder.name} {name}", skipped=Skipped(strict=strict))
            )
    return made[0]


def _divided(corpus: Manifest, shares: tuple[float, ...], *, by: str, seed: int) -> np.ndarray:
    """(U,) the number of each utterance's part; groups in random order go where their middle falls."""
    group_U = np.arange(len(corpus)) if by == "utterance" else np.asarray(corpus.table.speaker)
    require(group_U.min(initial=0) >= 0, "some utterances have no speaker: divide by utterance")
    _, group_U, size_G = np.unique(group_U, return_inverse=True, return_counts=True)
    order_G = numpy_generator(seed, "parts", by).permutation(len(size_G))
    middle_G = np.empty(len(size_G))
    middle_G[order_G] = (np.cumsum(size_G[order_G]) - size_G[order_G] / 2) / size_G.sum()
    part_G = np.searchsorted(np.cumsum(shares)[:-1], middle_G, side="right")
    return part_G[group_U]


def _count(corpus: Manifest, by: str) -> str:
    return f"{len(corpus)} utterances" if by == "utterance" else f"{len(corpus.speakers)} speakers"
