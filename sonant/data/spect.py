"""SpectDataSet folders, as pydrobert-pytorch and scpc train on: ``feat/``, ``ali/`` and ``ref/`` of one tensor a file.

    feat/<prefix><utterance><suffix>    (T, F) floats; raw audio: (T, 1), T samples
    ali/...                             (T,) whole numbers: the label of every frame
    ref/...                             (R, 3) whole numbers: token, first frame, frame after the last, negative where
                                        not known; or (R,) tokens alone

``ali`` and ``ref`` may be missing. To the rest of sonant the runs of equal labels of ``ali`` are the phones of an
utterance and the tokens of ``ref`` its words.

Letters: T frames, F features, R tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..core import FrameGeometry, require
from ..core.files import read_lines, write_atomically, write_text
from .arrays import load_tensor
from .items import SILENCE, SILENCES
from .manifest import Utterance

FOLDERS = ("feat", "ali", "ref")
TOKENS = "token2id.txt"  # name and number of each label, a line each
Run = tuple[int, int, int]  # label or token, first frame, frame after the last


class SpectDir:
    """A SpectDataSet folder, read tensor by tensor.

    Args:
        folder: the one that holds ``feat``.
        prefix, suffix: of the file names, around the utterance.

    Attributes:
        ids: utterances that have features, and alignments and tokens where these folders are there; sorted.
        incomplete: utterances that lack one of them.
        names: number -> name of labels and tokens, from ``token2id.txt``; empty when there is none.
    """

    def __init__(self, folder: str | Path, *, prefix: str = "", suffix: str = ".pt"):
        self.folder, self.prefix, self.suffix = Path(folder), prefix, suffix
        require(
            (self.folder / "feat").is_dir(), f"'{folder}' holds no folder 'feat', so it is no SpectDataSet directory"
        )
        self.there = [kind for kind in FOLDERS if (self.folder / kind).is_dir()]
        found = [self._ids(kind) for kind in self.there]
        self.ids = sorted(set.intersection(*found))
        self.incomplete = sorted(set.union(*found) - set(self.ids))
        require(
            self.ids,
            f"'{folder}' holds no utterance with {' and '.join(self.there)}: no file there is called "
            f"'{prefix}...{suffix}'; is it another prefix or suffix?",
        )
        self.names = read_tokens(self.folder / TOKENS) if (self.folder / TOKENS).is_file() else {}

    def _ids(self, kind: str) -> set[str]:
        first, last = len(self.prefix), len(self.suffix)
        names = [file.name for file in (self.folder / kind).iterdir() if file.is_file()]
        kept = [name for name in names if name.startswith(self.prefix) and name.endswith(self.suffix)]
        return {name[first : len(name) - last] for name in kept if len(name) > first + last}

    def path(self, kind: str, id: str) -> Path:
        """The file of one tensor."""
        return self.folder / kind / f"{self.prefix}{id}{self.suffix}"

    def shape(self, id: str) -> tuple[int, int]:
        """(T, F) of the features, without reading them where the file allows it."""
        shape = tuple(load_tensor(self.path("feat", id), mmap=True).shape)
        require(
            len(shape) == 2, f"'{self.path('feat', id)}' holds a tensor of shape {shape}, expected (frames, features)"
        )
        return shape

    def ali(self, id: str, frames: int) -> list[Run] | None:
        """The runs of equal labels, of which ``frames`` is the length in all; None when there is no alignment."""
        if "ali" not in self.there:
            return None
        labels_T = _whole_numbers(self.path("ali", id))
        require(
            labels_T.shape == (frames,),
            f"'{self.path('ali', id)}' holds {labels_T.shape} labels for {frames} frames; they must be as many",
        )
        return runs_of(labels_T)

    def ref(self, id: str, frames: int) -> list[Run] | None:
        """Tokens with their places, (-1, -1) where these are not known; None when there are no tokens."""
        if "ref" not in self.there:
            return None
        path = self.path("ref", id)
        rows = _whole_numbers(path)
        if rows.ndim == 1:
            return [(int(token), -1, -1) for token in rows]
        require(
            rows.ndim == 2 and rows.shape[1] == 3, f"'{path}' holds a tensor of shape {rows.shape}, expected (R, 3)"
        )
        runs = []
        for token, start, end in rows.tolist():
            known = start >= 0 and end >= 0
            require(
                not known or start <= end <= frames, f"'{path}': token {token} from {start} to {end} of {frames} frames"
            )
            runs.append((token, start, end) if known else (token, -1, -1))
        return runs


def runs_of(labels_T: np.ndarray) -> list[Run]:
    """Maximal stretches of equal labels, first to last."""
    if len(labels_T) == 0:
        return []
    starts = np.flatnonzero(np.diff(labels_T, prepend=labels_T[0] - 1))
    return [
        (int(labels_T[start]), int(start), int(end))
        for start, end in zip(starts, np.append(starts[1:], len(labels_T)), strict=True)
    ]


def _whole_numbers(path: Path) -> np.ndarray:
    loaded = load_tensor(path)
    require(not loaded.is_floating_point(), f"'{path}' holds {loaded.dtype}, expected whole numbers")
    return loaded.numpy().astype(np.int64)


def read_tokens(path: str | Path) -> dict[int, str]:
    """Number -> name, from lines of both in either order (a name that is a number comes first)."""
    names: dict[int, str] = {}
    for number, line in enumerate(read_lines(path, "the list of tokens"), start=1):
        fields = line.split()
        if not fields:
            continue
        require(len(fields) == 2, f"{path}, line {number}: expected a name and a number, got '{line}'")
        name, value = fields if fields[1].lstrip("-").isdigit() else fields[::-1]
        require(value.lstrip("-").isdigit(), f"{path}, line {number}: expected a name and a number, got '{line}'")
        names[int(value)] = name
    return names


def write_labels(
    folder: str | Path, utterances: Iterable[Utterance], *, frames: Mapping[str, int], geometry: FrameGeometry
) -> int:
    """Write ``ali``, ``ref`` and ``token2id.txt`` of utterances with phones beside their features.

    A frame has the label of the phone that its centre lies in, and that of silence (0) elsewhere. ``ref`` holds the
    phones that are not silence and have a frame.

    Args:
        folder: the SpectDataSet folder.
        frames: utterance -> frames of its features; others are passed over.
        geometry: of the features.

    Returns:
        How many utterances were written.
    """
    folder, kept = Path(folder), [u for u in utterances if u.phones is not None and u.id in frames]
    if not kept:
        return 0
    spoken = {label for u in kept for label, _, _ in u.phones if label.lower() not in SILENCES}
    numbers = {SILENCE: 0, **{label: place for place, label in enumerate(sorted(spoken), start=1)}}
    for u in kept:
        time_T = geometry.time_of(np.arange(frames[u.id]))
        ali_T = np.zeros(frames[u.id], dtype=np.int64)
        rows = []
        for label, onset, offset in u.phones:
            start, end = np.searchsorted(time_T, [onset, offset]).tolist()
            token = numbers.get(label, 0)
            ali_T[start:end] = token
            if token and end > start:
                rows.append((token, start, end))
        _save(folder / "ali" / f"{u.id}.pt", ali_T)
        _save(folder / "ref" / f"{u.id}.pt", np.array(rows, dtype=np.int64).reshape(-1, 3))
    write_text(folder / TOKENS, "".join(f"{label} {number}\n" for label, number in numbers.items()))
    return len(kept)


def _save(path: Path, values: np.ndarray) -> None:
    import torch

    write_atomically(path, lambda stream: torch.save(torch.from_numpy(values), stream))
