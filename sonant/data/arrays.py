"""Frames on disk: one float32 array per utterance, in five formats, with an index that says what they are.

``npy`` and ``pt`` are a file per utterance; ``npz``, ``h5`` and ``ark`` are one file for all, put together from a
folder of parts when the writer closes, so that an interrupted extraction goes on where it was and no broken file is
ever seen. The index is ``index.json`` in the folder, or ``<name>.index.json`` beside a single file.

Letters: T frames, D dimensions.
"""

from __future__ import annotations

import contextlib
import glob
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import FrameGeometry, MissingExtra, SonantError, require, unknown
from ..core.files import write_atomically, write_json
from ..version import __version__
from .ark import read_ark_array, scan_ark, write_ark, write_ark_scp

FORMATS = ("npy", "pt", "npz", "h5", "ark")
SINGLE = ("npz", "h5", "ark")  # one file holds all utterances
Format = Literal["npy", "pt", "npz", "h5", "ark"]


class ArrayWriter:
    """Writes arrays by key; ``complete`` holds the keys that are safely on disk, also those of earlier runs.

    Args:
        path: folder; for npz, h5 and ark also a file of that suffix.
        format: one of npy, pt, npz, h5, ark.
        facts: what the index shall say: ``geometry`` (fields of a FrameGeometry), ``layer``, ``model``, ``dim``.
        dtype: of the numbers on disk; float64 for tools that insist on it, int32 for numbers of units (npy alone).

    Raises:
        SonantError: unknown format, or the place already holds arrays with other facts.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: Format = "npy",
        facts: dict[str, Any] | None = None,
        dtype: Literal["float32", "float64", "int32"] = "float32",
    ):
        if format not in FORMATS:
            raise unknown("array format", format, FORMATS)
        require(dtype == "float32" or format == "npy", f"arrays of {dtype} are written as npy alone, not {format}")
        self.dtype = np.dtype(dtype)
        self.format, self.facts = format, json.loads(json.dumps(facts or {}))
        self.file, self.index = _places(Path(path), format)
        if self.file is not None and format == "h5":
            _h5py("writing .h5")
        self.folder = self.index.parent if self.file is None else self.file.with_name(f".{self.file.name}.parts")
        self._check()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_index(done=False)
        part = format if self.file is None else "npy"
        self.complete = {_key(file, self.folder) for file in self.folder.rglob(f"*.{part}") if _visible(file)}
        if self.file is not None and self.file.is_file():
            with ArrayReader(self.file) as there:
                self.complete |= set(there)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.close()

    def write(self, key: str, x_TD: np.ndarray) -> None:
        """Write the (T, D) frames of an utterance, or its (D,) vector, whole or not at all."""
        x_TD = np.ascontiguousarray(x_TD, dtype=self.dtype)
        require(x_TD.ndim in (1, 2), f"the array of '{key}' must be (frames, dimensions), got shape {x_TD.shape}")
        _check_key(key)
        if self.file is None and self.format == "pt":
            import torch

            write_atomically(self.folder / f"{key}.pt", lambda stream: torch.save(torch.from_numpy(x_TD), stream))
        else:
            write_atomically(self.folder / f"{key}.npy", lambda stream: np.save(stream, x_TD, allow_pickle=False))
        self.complete.add(key)

    def close(self) -> None:
        """Put single files together and finish the index."""
        parts = sorted(_key(file, self.folder) for file in self.folder.rglob("*.npy") if _visible(file))
        if self.file is not None and (parts or not self.file.is_file()):
            self._assemble(parts)
        if self.file is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._write_index(done=True)

    def _assemble(self, parts: list[str]) -> None:
        def arrays() -> Iterator[tuple[str, np.ndarray]]:
            if self.file.is_file():
                fresh = set(parts)
                with ArrayReader(self.file) as there:
                    yield from ((key, there[key]) for key in there if key not in fresh)
            for key in parts:
                yield key, np.load(self.folder / f"{key}.npy", allow_pickle=False)

        write = {"npz": _write_npz, "h5": _write_h5, "ark": write_ark}[self.format]
        write_atomically(self.file, lambda stream: write(stream, arrays()))
        if self.format == "ark":
            write_ark_scp(self.file)

    def _check(self) -> None:
        """Refuse to mix arrays of different models or layers."""
        known = _read_index(self.index)
        for name in ("format", "layer", "model", "features", "geometry", "dim", "units"):
            ours = self.format if name == "format" else self.facts.get(name)
            if known is not None and known.get(name) != ours:
                raise SonantError(
                    f"'{self.index.parent}' already holds arrays with {name} {known.get(name)!r}, and these have "
                    f"{ours!r}; choose another place or delete it"
                )

    def _write_index(self, *, done: bool) -> None:
        index = {"format": self.format, **self.facts, "sonant": __version__}
        write_json(self.index, {**index, "complete": done, **({"arrays": len(self.complete)} if done else {})})


class ArrayReader(Mapping[str, np.ndarray]):
    """Arrays by key: a folder of .npy, .pt or .npz files, one .npz or .h5 file, a Kaldi ark (or its scp), or the
    tensors of a SpectDataSet folder by the index that ``sonant prepare spect`` writes.

    Keys of a folder are paths beneath it without suffix. A key that is not there is also looked up by its last
    part, the base name, where that is unique. Arrays are read when asked for, as float32.

    Attributes:
        facts: what the index says, empty when there is none.
    """

    def __init__(self, path: str | Path):
        path = Path(path)
        require(path.exists(), f"no arrays at '{path}'")
        self.path = path
        self._zip = self._h5 = None
        self._files: dict[str, Any] = {}
        if path.is_dir():
            self.facts = _read_index(path / "index.json") or {}
            single = [path / f"features.{suffix}" for suffix in SINGLE]
            found = next((file for file in single if file.is_file()), None)
            self._open_file(found) if found is not None and self.facts else self._open_folder()
        else:
            self.facts = _read_index(path.with_suffix(".index.json")) or _read_index(path.parent / "index.json") or {}
            self._open_file(path)
        self._by_name = _unique_names(self._files)

    @property
    def geometry(self) -> FrameGeometry | None:
        """Where the frames lie, None when the index does not say."""
        geometry = self.facts.get("geometry")
        return None if geometry is None else FrameGeometry(**geometry)

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __contains__(self, key: object) -> bool:
        return key in self._files or key in self._by_name

    def __getitem__(self, key: str) -> np.ndarray:
        """(T, D) float32, or (D,) where a vector was stored. Raises KeyError for an unknown key."""
        with self._explained(key) as place:
            return np.asarray(self._read(place), dtype=np.float32)

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array; for .npy files and HDF5 without reading it."""
        with self._explained(key) as place:
            if isinstance(place, Path) and (place.suffix == ".pt" or self._spect):
                return tuple(_load_pt(place, mmap=True).shape)
            if isinstance(place, Path) and place.suffix == ".npy":
                return np.load(place, mmap_mode="r", allow_pickle=False).shape
            if isinstance(place, tuple) and place[0] is self._h5 and self._h5 is not None:
                return place[0][place[1]].shape
        return self[key].shape

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[Any]:
        """The place of an array; what goes wrong with it in the block becomes one line."""
        place = self._files[key if key in self._files else self._by_name[key]]
        try:
            yield place
        except SonantError:
            raise
        except (OSError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
            why = "it holds Python objects, which are not read" if "allow_pickle" in str(error) else error
            raise SonantError(f"the array '{key}' of '{self.path}' cannot be read: {why}") from None

    def __enter__(self) -> ArrayReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        for file in (self._zip, self._h5):
            if file is not None:
                file.close()

    @property
    def _spect(self) -> bool:
        """Whether the index stands for the tensors of a SpectDataSet folder elsewhere."""
        return self.facts.get("format") == "spect"

    def _open_folder(self) -> None:
        if self._spect:
            first, last = str(self.facts.get("prefix", "")), str(self.facts.get("suffix", ".pt"))
            files = sorted((self.path / str(self.facts["files"])).glob(f"{glob.escape(first)}*{glob.escape(last)}"))
            self._files = {file.name[len(first) : len(file.name) - len(last)]: file for file in files}
            require(self._files, f"'{self.path / self.facts['files']}' holds no {first}*{last}; were its files moved?")
            return
        files = [file for file in sorted(self.path.rglob("*")) if file.suffix in (".npy", ".pt", ".npz")]
        self._files = {_key(file, self.path): file for file in files if _visible(file)}
        require(
            self._files, f"'{self.path}' holds no .npy, .pt or .npz file; give the folder that sonant extract wrote"
        )

    def _open_file(self, path: Path) -> None:
        if path.suffix == ".npz":
            check_zip(path)
            self._zip = np.load(path, allow_pickle=False)
            self._files = {key: (self._zip, key) for key in self._zip.files}
        elif path.suffix in (".h5", ".hdf5"):
            h5py = _h5py("reading .h5")
            try:
                self._h5 = h5py.File(path, "r")
            except OSError as error:
                raise SonantError(f"'{path}' is no HDF5 file: {error}") from None
            keys: list[str] = []
            self._h5.visititems(lambda name, item: keys.append(name) if isinstance(item, h5py.Dataset) else None)
            self._files = {key: (self._h5, key) for key in keys}
        elif path.suffix in (".ark", ".scp"):
            self._files = dict(scan_ark(path))
        elif path.suffix in (".npy", ".pt"):
            self._files = {path.stem: path}
        else:
            raise SonantError(f"'{path}' is none of .npz, .h5, .ark, .scp, .npy, .pt, nor a folder of arrays")
        require(self._files, f"'{path}' holds no array")

    def _read(self, place: Any) -> Any:
        if isinstance(place, tuple):
            file, key = place
            if file is self._zip:
                return file[key]
            if file is self._h5 and file is not None:
                return file[key][()]
            return read_ark_array(file, key)
        if place.suffix == ".pt" or self._spect:
            return _load_pt(place)
        loaded = np.load(place, allow_pickle=False)
        if place.suffix == ".npy":
            return loaded
        with loaded:
            require(len(loaded.files) == 1, f"'{place}' holds {len(loaded.files)} arrays; expected one per utterance")
            return loaded[loaded.files[0]]


def holds_arrays(path: str | Path) -> bool:
    """Whether a place is arrays that sonant wrote, or a single file of a format that only arrays have."""
    path = Path(path)
    if path.is_dir():
        return "format" in (_read_index(path / "index.json") or {})  # others have files of this name too
    return path.is_file() and path.suffix in (".npz", ".h5", ".hdf5", ".ark")


def check_zip(path: str | Path) -> None:
    """Raise SonantError unless a file is a ``.npz`` archive, be its arrays good or not."""
    path = Path(path)
    require(path.is_file(), f"no archive '{path}'; give a .npz file")
    require(path.stat().st_size, f"'{path}' is empty (0 bytes): its writing or copying failed; make it again")
    require(
        zipfile.is_zipfile(path),
        f"'{path}' is no .npz archive of arrays: it was cut short or is another kind of file; copy or make it again",
    )


def _places(path: Path, format: str) -> tuple[Path | None, Path]:
    """(single file or None, index file)."""
    if format not in SINGLE:
        require(not path.is_file(), f"'{path}' is a file; give the folder for the arrays")
        return None, path / "index.json"
    if path.suffix == f".{format}":
        return path, path.with_suffix(".index.json")
    return path / f"features.{format}", path / "index.json"


def _read_index(path: Path) -> dict | None:
    if not path.is_file():
        return None
    try:
        index = json.loads(path.read_text())
        return index if isinstance(index, dict) else {}
    except ValueError as error:
        raise SonantError(f"the index '{path}' is no JSON: {error}") from None


def _key(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix().removesuffix(file.suffix)


def _visible(file: Path) -> bool:
    return not file.name.startswith(".")


def _check_key(key: str) -> None:
    parts = key.split("/")
    require(
        key and not key.startswith("/") and ".." not in parts and not any(part.startswith(".") for part in parts),
        f"'{key}' cannot name an array: names must not be empty, absolute, hidden or contain '..'",
    )
    require("\0" not in key and "\\" not in key, f"'{key}' cannot name an array: it holds a backslash or a zero byte")


def _unique_names(keys: Mapping[str, Any]) -> dict[str, str]:
    """base name -> key, where only one key has that name."""
    names: dict[str, str | None] = {}
    for key in keys:
        name = key.rsplit("/", 1)[-1]
        names[name] = None if name in names else key
    return {name: key for name, key in names.items() if key is not None}


def _load_pt(path: Path, *, mmap: bool = False) -> np.ndarray:
    return load_tensor(path, mmap=mmap).float().numpy()


def load_tensor(path: Path, *, mmap: bool = False):
    """The tensor of a ``.pt`` file, which may hold nothing else; with ``mmap`` it is read when it is looked at."""
    import torch

    from ..core.torch_files import read_torch

    loaded = read_torch(path, mmap=mmap)
    require(isinstance(loaded, torch.Tensor), f"'{path}' holds a {type(loaded).__name__}, expected one tensor")
    return loaded


def _write_npz(stream, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for key, array in arrays:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_h5(stream, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
    with _h5py("writing .h5").File(stream, "w") as file:
        for key, array in arrays:
            file.create_dataset(key, data=array)


def _h5py(purpose: str):
    try:
        import h5py
    except ImportError:
        raise MissingExtra("h5py", "h5", purpose) from None
    return h5py
