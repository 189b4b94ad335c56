"""Which utterances belong to which part: lists of ids in text files, an id a line.

    train.txt  val.txt  test.txt            of a division
    0_fold_train.txt  0_fold_val.txt        of folds: contiguous pieces of train and val together, each once val

and divisions of dialogues in which nobody speaks in two parts.
Letters: U utterances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..core import numpy_generator, require
from ..core.files import read_lines, write_text

NAMES = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}  # part -> names of its list


def read_ids(path: str | Path) -> list[str]:
    """The ids of a list. Raises SonantError for one without any, or with an id twice."""
    ids = [line.strip() for line in read_lines(path, "the list of ids") if line.strip()]
    require(ids, f"'{path}' holds no ids; expected one a line")
    double = next((one for one, last in zip(sorted(ids)[1:], sorted(ids), strict=False) if one == last), None)
    require(double is None, f"'{path}' holds the id '{double}' twice")
    return ids


def write_ids(path: str | Path, ids: Sequence[str]) -> None:
    """Write a list, atomically."""
    write_text(path, "".join(f"{one}\n" for one in ids))


def read_parts(folder: str | Path, *, fold: int | None = None) -> dict[str, list[str]]:
    """Part -> its ids, of the lists in a folder; a part without a list is left out.

    Args:
        fold: take train and valid of this fold.

    Raises:
        SonantError: no list for training, or an id in two of them.
    """
    folder, found = Path(folder), {}
    for part, names in NAMES.items():
        prefix = f"{fold}_fold_" if fold is not None and part != "test" else ""
        path = next(
            (folder / f"{prefix}{name}.txt" for name in names if (folder / f"{prefix}{name}.txt").is_file()), None
        )
        if path is not None:
            found[part] = read_ids(path)
    wanted = "train.txt" if fold is None else f"{fold}_fold_train.txt"
    require(
        "train" in found, f"'{folder}' has no {wanted}; expected lists of ids, such as train.txt, val.txt, test.txt"
    )
    seen: dict[str, str] = {}
    for part, ids in found.items():
        for one in ids:
            require(one not in seen, f"the id '{one}' is in the lists of '{folder}' for {seen.get(one)} and for {part}")
            seen[one] = part
    return found


def folds(ids: Sequence[str], count: int) -> Iterator[tuple[list[str], list[str]]]:
    """(train, val) of each fold: ``count`` contiguous pieces as equal as can be, of which each is val once."""
    require(2 <= count <= len(ids), f"{len(ids)} utterances cannot be {count} folds: give 2 to {len(ids)}")
    edges = np.cumsum([0] + [len(ids) // count + (number < len(ids) % count) for number in range(count)]).tolist()
    for first, last in zip(edges, edges[1:], strict=False):
        yield [*ids[:first], *ids[last:]], list(ids[first:last])


def write_folds(folder: str | Path, ids: Sequence[str], count: int) -> None:
    """Write ``<i>_fold_train.txt`` and ``<i>_fold_val.txt`` of all folds."""
    for number, (train, val) in enumerate(folds(ids, count)):
        write_ids(Path(folder) / f"{number}_fold_train.txt", train)
        write_ids(Path(folder) / f"{number}_fold_val.txt", val)


def read_speakers(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Dialogue -> who speaks in it, of a table ``session speaker speaker`` (spaces, tabs or commas between)."""
    found = {}
    for number, line in enumerate(read_lines(path, "the table of speakers"), start=1):
        fields = line.replace(",", " ").split()
        require(len(fields) != 1, f"'{path}' line {number} does not read 'session speaker speaker': '{line[:60]}'")
        if fields:
            found[fields[0]] = tuple(fields[1:])
    require(found, f"'{path}' holds no speakers")
    return found


def divided_by_speakers(speakers_U: Sequence[tuple[str, ...]], shares: Sequence[float], *, seed: int) -> np.ndarray:
    """(U,) the part of each dialogue so that nobody speaks in two parts; -1: left out, for its speakers do.

    All parts but the first are collected, the last first: speakers one after the other, each with those that he or she
    talks to, until the dialogues among them are as many as the share. The first part is what shares nobody with them.
    """
    generator = numpy_generator(seed, "parts", "speakers")
    part_U = np.zeros(len(speakers_U), dtype=np.int64)
    for part in range(len(shares) - 1, 0, -1):
        wanted = round(shares[part] * len(speakers_U))
        free = [number for number in range(len(speakers_U)) if part_U[number] == 0]
        inside, taken = _circle(speakers_U, free, wanted, generator)
        for number in free:
            if inside.intersection(speakers_U[number]):
                part_U[number] = part if number in taken else -1
    return part_U


def _circle(
    speakers_U: Sequence[tuple[str, ...]], free: list[int], wanted: int, generator: np.random.Generator
) -> tuple[set[str], set[int]]:
    """Speakers that talk mostly to each other, and at least ``wanted`` of the dialogues ``free`` among them."""
    of: dict[str, list[int]] = {}
    for number in free:
        for speaker in speakers_U[number]:
            of.setdefault(speaker, []).append(number)
    names = sorted(of)
    order = [names[k] for k in generator.permutation(len(names))]
    inside: set[str] = set()
    taken: set[int] = set()
    near: list[str] = []
    while len(taken) < wanted and (near or order):
        speaker = near.pop(0) if near else order.pop(0)
        if speaker in inside:
            continue
        inside.add(speaker)
        for number in of[speaker]:
            near += [other for other in speakers_U[number] if other not in inside]
            if inside.issuperset(speakers_U[number]):
                taken.add(number)
    return inside, taken
