"""A corpus divided into parts for training, validation and test: at random, or by lists of ids."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import numpy as np

from ...core import numpy_generator, require
from ..id_lists import NAMES, divided_by_speakers, read_parts, read_speakers, write_folds, write_ids
from ..manifest import Manifest
from ._common import Skipped, write

ABOUT = "train, valid and test parts of a prepared corpus, by utterance or by speaker, or by lists of ids; folds"
PARTS = tuple(NAMES)


def prepare(
    source: Path | None,
    out: Path,
    *,
    train: float = 0.8,
    valid: float = 0.1,
    test: float = 0.1,
    by: Literal["utterance", "speaker"] = "utterance",
    speakers: Path | None = None,
    ids: Path | None = None,
    folds: int = 0,
    fold: int | None = None,
    seed: int = 0,
    strict: bool = False,
) -> Manifest:
    """Make the manifests OUT/train, OUT/valid and OUT/test from a prepared corpus; its audio stays where it is.

    Beside them lie the ids of their utterances: OUT/train.txt, OUT/val.txt and OUT/test.txt.

    train     part of the utterances; train, valid and test make 1
    valid     the same for validation
    test      the same for the test
    by        utterance: every speaker may be in all parts; speaker: in one only
    speakers  with by speaker, who speaks in which dialogue: a table of session, speaker, speaker; dialogues between
              parts are left out
    ids       folder with train.txt, val.txt and test.txt (an id a line), in place of dividing at random
    folds     also write OUT/<i>_fold_train.txt and OUT/<i>_fold_val.txt: so many contiguous pieces of train and valid
              in the order of the corpus, each the validation of one fold
    fold      with ids, train and validate on this fold of the folder, counted from 0
    seed      another one divides otherwise
    strict    stop at the first unusable file instead of skipping it
    """
    require(source is not None, "give the prepared corpus: sonant prepare split CORPUS OUT")
    shares = (train, valid, test)
    require(
        min(shares) >= 0 and train > 0 and abs(sum(shares) - 1) < 1e-6,
        f"train, valid and test are parts that make 1, got {train:g}, {valid:g} and {test:g}",
    )
    require(fold is None or ids is not None, "--fold names one of the folds in the folder --ids; give both")
    require(speakers is None or by == "speaker", "--speakers tells who speaks in a dialogue: give it with --by speaker")
    corpus = Manifest.open(source)
    if ids is not None:
        part_U = _listed(corpus, ids, fold)
    elif speakers is not None:
        part_U = _apart(corpus, speakers, shares, seed=seed)
    else:
        part_U = _divided(corpus, shares, by=by, seed=seed)
    for number, name in enumerate(PARTS):
        wanted = ids is None and shares[number]
        require((part_U == number).any() or not wanted, f"nothing is left for {name}: {_count(corpus, by)} are too few")
    made = [_part(corpus, part_U == number, name, Path(out), strict) for number, name in enumerate(PARTS)]
    if folds:
        write_folds(out, [corpus.table.ids[index] for index in np.flatnonzero((part_U == 0) | (part_U == 1))], folds)
    return made[0]


def _part(corpus: Manifest, own_U: np.ndarray, name: str, out: Path, strict: bool) -> Manifest | None:
    """The manifest of a part, and the list of its ids beside it; None where it has no utterances."""
    own = np.flatnonzero(own_U).tolist()
    if not own:
        return None
    items = ((corpus.utterance(index), None) for index in own)
    made = write(items, out / name, name=f"{corpus.folder.name} {name}", skipped=Skipped(strict=strict))
    write_ids(out / f"{NAMES[name][0]}.txt", [corpus.table.ids[index] for index in own])
    return made


def _listed(corpus: Manifest, folder: Path, fold: int | None) -> np.ndarray:
    """(U,) the part that lists of ids say; -1 where none does."""
    place = {one: index for index, one in enumerate(corpus.table.ids)}
    part_U = np.full(len(corpus), -1)
    for part, ids in read_parts(folder, fold=fold).items():
        known = [place[one] for one in ids if one in place]
        require(known, f"no id for {part} in '{folder}', such as '{ids[0]}', is in '{corpus.folder}'")
        if len(known) < len(ids):
            absent = next(one for one in ids if one not in place)
            told = f"{len(ids) - len(known)} of {len(ids)} ids for {part} are not in '{corpus.folder}', as '{absent}'"
            print(f"sonant: {told}", file=sys.stderr)
        part_U[known] = PARTS.index(part)
    return part_U


def _apart(corpus: Manifest, table: Path, shares: tuple[float, ...], *, seed: int) -> np.ndarray:
    """(U,) the part of each dialogue, with no speaker in two; -1: left out."""
    known = read_speakers(table)
    absent = next((one for one in corpus.table.ids if one not in known), None)
    require(absent is None, f"'{table}' does not tell who speaks in '{absent}'")
    part_U = divided_by_speakers([known[one] for one in corpus.table.ids], shares, seed=seed)
    if (part_U < 0).any():
        print(f"sonant: {(part_U < 0).sum()} dialogues between speakers of two parts are left out", file=sys.stderr)
    return part_U


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
