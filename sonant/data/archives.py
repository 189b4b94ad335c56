"""Feature archives of the word-embedding and frame-representation recipes: ``.npz`` of arrays by key, and pair files.

    plain      <key>                  (T, D) features of an utterance, word or term
    extracted  <key>.z, <key>.c       (T, D) frames of a model: its encoder, its context
    aligned    <key>.X, <key>.Y       (L, D) both sides of a pair, row i aligned with row i
    frames     word1.npy, word2.npy   (P, D) frame pairs, row i aligned with row i
    lists      pairs_keys.list        two segment keys a line
               pairs_paths.pkl        the DTW path of each, (i, j) tuples from the last frame to the first

``data.keys`` takes the keys apart; ``data.arrays.ArrayReader`` reads any ``.npz`` of arrays lazily.

Letters: T frames, D dimensions, L rows of an aligned pair, P frame pairs, K steps of a path.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..core import SonantError, require, seconds_of
from ..core.files import write_atomically, write_text
from ..core.plain_pickle import read_plain_pickle
from .alignments import read_rows
from .arrays import ArrayReader, check_zip
from .keys import FRAME_RATE, Corpus, parse_key
from .pairs import NO_LABEL, Pair

X, Y = ".X", ".Y"


def write_archive(path: str | Path, arrays: Iterable[tuple[str, np.ndarray]], *, compressed: bool = True) -> None:
    """Write (key, array) pairs one after another to an ``.npz``, atomically; arrays keep their types."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED

    def write(stream) -> None:
        with zipfile.ZipFile(stream, "w", kind, allowZip64=True) as archive:
            for key, array in arrays:
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

    write_atomically(path, write)


def shapes_of(path: str | Path) -> dict[str, tuple[int, ...]]:
    """key -> shape of every array of an ``.npz``, in its order, from the headers alone.

    Raises SonantError when the file is no archive or holds something else than plain arrays.
    """
    check_zip(path)
    shapes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    shapes[name.removesuffix(".npy")] = _header(member)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise SonantError(f"'{path}' is no .npz archive of plain arrays: {error}") from None
    require(shapes, f"'{path}' holds no array")
    return shapes


def _header(stream) -> tuple[int, ...]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(stream)
    if kind.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    return shape


def frame_counts(path: str | Path, *, suffix: str = "") -> dict[str, int]:
    """key -> number of frames of an archive; ``suffix``: of the keys that end in it alone (``.c``)."""
    shapes = {key: shape for key, shape in shapes_of(path).items() if key.endswith(suffix)}
    require(shapes, f"'{path}' has no key that ends in '{suffix}'")
    for key, shape in shapes.items():
        require(
            len(shape) == 2 and shape[0] > 0, f"the array '{key}' of '{path}' must be (frames, dimensions): {shape}"
        )
    return {key: int(shape[0]) for key, shape in shapes.items()}


class Extracted(Mapping[str, np.ndarray]):
    """One layer of an extracted archive by plain keys: ``archive["a_s0101a_000010-000070"]`` is ``....c``.

    Args:
        path: the ``.npz``.
        layer: ``z`` or ``c``; None: the archive has plain keys.
    """

    def __init__(self, path: str | Path, layer: str | None = "c"):
        self.reader, self.ending = ArrayReader(path), f".{layer}" if layer else ""
        self.keys_there = [key.removesuffix(self.ending) for key in self.reader if key.endswith(self.ending)]
        layers = sorted({key.rpartition(".")[2] for key in self.reader if "." in key})
        require(self.keys_there, f"'{path}' has no layer '{layer}'; it has: {', '.join(layers) or 'plain keys'}")

    def __len__(self) -> int:
        return len(self.keys_there)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_there)

    def __getitem__(self, key: str) -> np.ndarray:
        return self.reader[key + self.ending]


def write_extracted(path: str | Path, layers: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write layers ({"z": {key: (T, D)}, "c": ...}) as the recipes do, compressed."""
    pairs = ((f"{key}.{layer}", array) for layer, arrays in layers.items() for key, array in arrays.items())
    write_archive(path, pairs)


def aligned_keys(path: str | Path) -> dict[str, int]:
    """key -> rows of every pair of an aligned archive. Raises SonantError for a missing or unequal side."""
    counts = frame_counts(path)
    keys = [key.removesuffix(X) for key in counts if key.endswith(X)]
    lone = sorted({key.removesuffix(X).removesuffix(Y) for key in counts} - {k for k in keys if k + Y in counts})
    require(not lone, f"'{path}' is no aligned archive: '{lone[0] if lone else ''}' lacks its {X} or its {Y}")
    for key in keys:
        x, y = counts[key + X], counts[key + Y]
        require(x == y, f"'{path}': the sides of '{key}' have {x} and {y} rows; aligned pairs have the same number")
    return {key: counts[key + X] for key in keys}


def read_aligned(path: str | Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(key, X (L, D), Y (L, D)) of every aligned pair."""
    keys = aligned_keys(path)
    with ArrayReader(path) as arrays:
        for key in keys:
            yield key, arrays[key + X], arrays[key + Y]


def write_aligned(path: str | Path, pairs: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Write (key, X, Y) of aligned pairs, compressed."""
    write_archive(path, ((key + side, array) for key, *both in pairs for side, array in zip((X, Y), both, strict=True)))


def pairs_of_aligned(path: str | Path, corpus: Corpus = "none", *, rate: float = 100.0) -> list[Pair]:
    """The pairs of an aligned archive as a pair list: sides are its arrays ``<key>.X`` and ``<key>.Y``, whole."""
    return [
        Pair(key + X, 0.0, rows / rate, key + Y, 0.0, rows / rate, _label(key, corpus))
        for key, rows in aligned_keys(path).items()
    ]


def read_frame_pairs(word1: str | Path, word2: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Two memory maps (P, D) whose rows are frame pairs. Raises SonantError when their shapes differ."""
    both = []
    for path in (word1, word2):
        try:
            both.append(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise SonantError(f"'{path}' is no .npy file of plain numbers: {error}") from None
    shapes = [array.shape for array in both]
    require(
        len(shapes[0]) == 2 and shapes[0] == shapes[1],
        f"'{word1}' and '{word2}' have shapes {shapes[0]} and {shapes[1]}; frame pairs are two arrays of equal (P, D)",
    )
    return both[0], both[1]


def write_frame_pairs(word1: str | Path, word2: str | Path, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> int:
    """Write aligned pieces ((L, D), (L, D)) one after another as ``word1.npy`` and ``word2.npy``; their rows."""
    sides = [np.concatenate(side) for side in zip(*pairs, strict=True)]
    require(sides and sides[0].shape == sides[1].shape, "frame pairs need pieces of equal shape, and at least one")
    for path, side in zip((word1, word2), sides, strict=True):
        write_atomically(path, lambda stream, side=side: np.save(stream, side, allow_pickle=False))
    return len(sides[0])


def read_pair_keys(path: str | Path) -> list[tuple[str, str]]:
    """The segment keys of every pair of a ``pairs_keys.list``."""
    found = []
    for where, fields in read_rows(path):
        require(len(fields) == 2, f"{where} has {len(fields)} fields, expected two segment keys")
        found.append((fields[0], fields[1]))
    return found


def write_pair_keys(path: str | Path, keys: Iterable[tuple[str, str]]) -> None:
    """Write two segment keys a line."""
    write_text(path, "".join(f"{a} {b}\n" for a, b in keys))


def pairs_of_keys(keys: Iterable[tuple[str, str]], corpus: Corpus) -> list[Pair]:
    """Pairs of archive keys as a pair list: sides are the arrays of the keys, as long as the keys say."""
    pairs = []
    for a, b in keys:
        ends = [
            seconds_of(parsed.end - parsed.start, FRAME_RATE) for parsed in (parse_key(a, corpus), parse_key(b, corpus))
        ]
        label = _label(a, corpus)
        pairs.append(Pair(a, 0.0, ends[0], b, 0.0, ends[1], label if label == _label(b, corpus) else NO_LABEL))
    return pairs


def read_pair_paths(path: str | Path) -> list[np.ndarray]:
    """The DTW paths of a ``pairs_paths.pkl``, each (K, 2) from the first frame pair to the last.

    The file is a pickle of lists of (i, j) from the last to the first; nothing in it is executed.
    """
    paths = []
    stored = read_plain_pickle(path)
    require(isinstance(stored, Sequence) and not isinstance(stored, (str, bytes)), f"{path}: expected a list of paths")
    for number, one in enumerate(stored):
        try:
            steps = np.asarray(one, dtype=np.int64)
        except (ValueError, TypeError, OverflowError):
            steps = np.zeros(0, np.int64)
        require(
            steps.ndim == 2 and steps.shape[1:] == (2,) and (steps >= 0).all() and (np.diff(steps, axis=0) <= 0).all(),
            f"{path}: path {number} is no list of frame pairs (i, j) from the last to the first",
        )
        paths.append(steps[::-1])
    return paths


def write_pair_paths(path: str | Path, paths: Iterable[np.ndarray]) -> None:
    """Write paths (K, 2), first frame pair first, as ``pairs_paths.pkl``."""
    plain = [[(int(i), int(j)) for i, j in reversed(np.asarray(one).tolist())] for one in paths]
    write_atomically(path, lambda stream: stream.write(pickle.dumps(plain, protocol=2)))


def _label(key: str, corpus: Corpus) -> str:
    return NO_LABEL if corpus == "none" else parse_key(key, corpus).label or NO_LABEL
