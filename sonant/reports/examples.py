"""One utterance as a model sees it, kept on file for the report: ``report/example_<k>.npz``.

Letters: L samples, T frames, M mel bands, D dimensions, P phones.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import SonantError, require
from ..core.files import write_atomically
from ..core.geometry import FrameGeometry, seconds_of

ARRAYS = {"wave", "logmel", "frames", "logmel_geometry", "frames_geometry", "labels", "onsets", "offsets", "names"}


@dataclass(frozen=True)
class Example:
    """What a panel of the report shows.

    Attributes:
        name: of the utterance.
        wave_L: (L,) samples in [-1, 1].
        logmel_TM: (T, M) log-mel energies at ``logmel_geometry``.
        frames_TD: (T', D) frames of the representation at ``frames_geometry``.
        logmel_geometry, frames_geometry: where the frames lie on the samples (both at the wave's rate).
        phones: (label, onset, offset) with times in seconds; an empty label is silence.
        model: what made the frames, and ``layer``, which of its layers.
    """

    name: str
    wave_L: np.ndarray
    logmel_TM: np.ndarray
    frames_TD: np.ndarray
    logmel_geometry: FrameGeometry
    frames_geometry: FrameGeometry
    phones: tuple[tuple[str, float, float], ...] = ()
    model: str = ""
    layer: str = ""

    def __post_init__(self):
        require(self.wave_L.ndim == 1, f"example '{self.name}': the wave must be (L,), got {self.wave_L.shape}")
        for label, x in (("log-mel", self.logmel_TM), ("frames", self.frames_TD)):
            good = x.ndim == 2 and min(x.shape) > 0 and bool(np.isfinite(x).all())
            require(good, f"example '{self.name}': {label} must be finite and (T, D), got shape {x.shape}")
        rates = {self.logmel_geometry.sample_rate, self.frames_geometry.sample_rate}
        require(len(rates) == 1, f"example '{self.name}': log-mel and frames are of audio at different rates {rates}")

    @property
    def sample_rate(self) -> int:
        return self.frames_geometry.sample_rate

    @property
    def seconds(self) -> float:
        """Length of the wave."""
        return seconds_of(len(self.wave_L), self.sample_rate)


def save_example(folder: str | Path, example: Example, *, number: int = 0) -> Path:
    """Write ``folder/report/example_<number>.npz`` (``folder`` is the run folder) and return its path."""
    path = Path(folder) / "report" / f"example_{number}.npz"
    arrays = {
        "wave": example.wave_L.astype(np.float32),
        "logmel": example.logmel_TM.astype(np.float32),
        "frames": example.frames_TD.astype(np.float32),
        "logmel_geometry": np.array(dataclasses.astuple(example.logmel_geometry)),
        "frames_geometry": np.array(dataclasses.astuple(example.frames_geometry)),
        "labels": np.array([label for label, _, _ in example.phones], dtype=str),
        "onsets": np.array([onset for _, onset, _ in example.phones], dtype=np.float64),
        "offsets": np.array([offset for _, _, offset in example.phones], dtype=np.float64),
        "names": np.array([example.name, example.model, example.layer], dtype=str),
    }
    write_atomically(path, lambda stream: np.savez_compressed(stream, **arrays))
    return path


def load_example(path: str | Path) -> Example:
    """Read what ``save_example`` wrote. Raises SonantError when the file is damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SonantError(f"{path}: not a readable example ({error})") from None
    lacking = ARRAYS - arrays.keys()
    require(not lacking, f"{path}: not an example of a report, it lacks {', '.join(sorted(lacking))}")
    require(arrays["names"].shape == (3,), f"{path}: 'names' must hold utterance, model and layer")
    name, model, layer = (str(value) for value in arrays["names"])
    times = zip(arrays["labels"].tolist(), arrays["onsets"].tolist(), arrays["offsets"].tolist(), strict=True)
    return Example(
        name=name,
        wave_L=arrays["wave"],
        logmel_TM=arrays["logmel"],
        frames_TD=arrays["frames"],
        logmel_geometry=_geometry(arrays["logmel_geometry"], path),
        frames_geometry=_geometry(arrays["frames_geometry"], path),
        phones=tuple((str(label), float(onset), float(offset)) for label, onset, offset in times),
        model=model,
        layer=layer,
    )


def find_examples(places: Sequence[str | Path]) -> list[Path]:
    """The example files in ``places``: files as they are, folders by what their ``report`` or they hold."""
    found: list[Path] = []
    for place in map(Path, places):
        if place.is_file():
            found.append(place)
        else:
            inside = sorted(place.glob("report/example_*.npz")) or sorted(place.glob("example_*.npz"))
            found += sorted(inside, key=lambda path: (len(path.name), path.name))
    return found


def _geometry(values: np.ndarray, path: str | Path) -> FrameGeometry:
    require(values.shape == (5,), f"{path}: a geometry must be 5 whole numbers, got shape {values.shape}")
    return FrameGeometry(*(int(value) for value in values))
