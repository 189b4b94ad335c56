"""Kaldi's binary archives of float matrices and vectors, and the scp tables that point into them.

An entry is: key, a space, ``\\0B``, then for a matrix ``FM `` (float32) or ``DM `` (float64), ``\\4`` and rows as
int32, ``\\4`` and columns as int32, the values row by row; for a vector ``FV `` or ``DV `` and one size.
Little-endian throughout (Kaldi, "Kaldi I/O mechanisms").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core import SonantError, require
from ..core.files import write_text
from .kaldi import read_entries

KINDS = {b"FM ": ("<f4", 2), b"DM ": ("<f8", 2), b"FV ": ("<f4", 1), b"DV ": ("<f8", 1)}


def write_ark(stream: BinaryIO, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
    """Write float32 matrices (T, D) one after another. Keys must not hold spaces."""
    for key, x_TD in arrays:
        require(key and not any(c.isspace() for c in key), f"'{key}' cannot be a key of an ark: it holds a space")
        stream.write(key.encode() + b" \0BFM ")
        for size in x_TD.shape:
            stream.write(b"\4" + np.array(size, "<i4").tobytes())
        stream.write(np.ascontiguousarray(x_TD, "<f4").tobytes())


def write_ark_scp(ark: Path) -> None:
    """Write ``<ark>.scp`` beside an ark: ``key path:offset``."""
    lines = [f"{key} {path.absolute()}:{offset}\n" for key, (path, offset) in scan_ark(ark)]
    write_text(ark.with_suffix(".scp"), "".join(lines))


def scan_ark(path: Path) -> Iterator[tuple[str, tuple[Path, int]]]:
    """(key, (ark, offset of its ``\\0B``)) of every entry of an ark, or of a scp that points into arks."""
    if path.suffix == ".scp":
        for key, value in read_entries(path).items():
            file, colon, offset = value.rpartition(":")
            require(colon and offset.isdigit(), f"{path}: '{key}' reads '{value}', expected file.ark:offset")
            ark = Path(file)
            beside = path.parent / ark.name
            yield key, (beside if not ark.is_file() and beside.is_file() else ark, int(offset))
        return
    with path.open("rb") as stream:
        while key := _key(stream, path):
            offset = stream.tell()
            dtype, shape = _header(stream, path)
            stream.seek(int(np.prod(shape)) * dtype.itemsize, 1)
            yield key, (path, offset)


def read_ark_array(path: Path, offset: int) -> np.ndarray:
    """The matrix or vector that begins at ``offset``."""
    with path.open("rb") as stream:
        stream.seek(offset)
        dtype, shape = _header(stream, path)
        count = int(np.prod(shape))
        values = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
    require(len(values) == count, f"'{path}' breaks off in the array at byte {offset}")
    return values.reshape(shape)


def _key(stream: BinaryIO, path: Path) -> str:
    name = bytearray()
    while (byte := stream.read(1)) not in (b" ", b""):
        name += byte
        require(len(name) < 4096, f"'{path}' is no binary Kaldi ark: no key found")
    require(byte or not name.strip(), f"'{path}' breaks off after the key '{bytes(name)!r}'")
    try:
        return name.decode().strip()
    except UnicodeDecodeError:
        raise SonantError(f"'{path}' is no binary Kaldi ark: a key is not text") from None


def _header(stream: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    mark, kind = stream.read(2), stream.read(3)
    if mark != b"\0B" or kind not in KINDS:
        raise SonantError(
            f"'{path}' holds an entry of kind {kind!r}; sonant reads uncompressed binary arks of floats. "
            "Convert it with: copy-feats --compress=false ark:IN ark:OUT"
        )
    name, dimensions = KINDS[kind]
    sizes = []
    for _ in range(dimensions):
        field = stream.read(5)
        require(len(field) == 5 and field[:1] == b"\4", f"'{path}' is damaged: an entry has no size")
        sizes.append(int.from_bytes(field[1:], "little", signed=True))
    require(min(sizes) >= 0, f"'{path}' is damaged: an entry has a negative size")
    return np.dtype(name), tuple(sizes)
