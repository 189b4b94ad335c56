"""Units: the centroids that k-means found, as a folder, and the unit of every frame.

``centroids.safetensors`` holds (K, D) float32, ``units.json`` the model and layer they are of, the frame rate, the
inertia and the fingerprints of what they were fitted on. A folder with one ``k_<K>`` in it stands for that one.

Letters: T frames, D channels, K units.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core import FrameGeometry, SonantError, require
from ..core.files import write_atomically, write_json
from ..version import __version__

CENTROIDS, FACTS = "centroids.safetensors", "units.json"
AT_ONCE = 2**22  # distances computed together


@dataclass(frozen=True)
class Units:
    """Centroids and what is known of them.

    Attributes:
        centroids_KD: (K, D) float32.
        facts: ``model``, ``layer``, ``geometry``, ``k``, ``inertia`` (mean squared distance per frame), ``frames``, ...
    """

    centroids_KD: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def geometry(self) -> FrameGeometry:
        return FrameGeometry(**self.facts["geometry"])

    @property
    def digest(self) -> str:
        """Tells these centroids from others."""
        whole = np.ascontiguousarray(self.centroids_KD, dtype="<f4")
        return hashlib.sha256(repr(whole.shape).encode() + whole.tobytes()).hexdigest()[:16]

    def of(self, x_TD: np.ndarray) -> np.ndarray:
        """(T,) int32 the unit of every frame: the nearest centroid by squared distance, the first of equally near."""
        centroids_KD = self.centroids_KD
        require(
            x_TD.ndim == 2 and x_TD.shape[1] == centroids_KD.shape[1],
            f"these units are of frames with {centroids_KD.shape[1]} channels (T, D), got shape {x_TD.shape}",
        )
        square_K = np.square(centroids_KD).sum(1)
        step = max(AT_ONCE // len(centroids_KD), 1)
        parts = [x_TD[i : i + step] for i in range(0, len(x_TD), step)]
        found = [(square_K - 2 * part @ centroids_KD.T).argmin(1).astype(np.int32) for part in parts]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int32)


def classes_of(facts: dict[str, Any]) -> int | None:
    """How many units there are, where the index of arrays says that these are numbers of units (T, ..); else None."""
    units = facts.get("units")
    return int(units["k"]) if isinstance(units, dict) and units.get("form") in ("units", "dialogue") else None


def one_hot(x_TD: np.ndarray, classes: int | None) -> np.ndarray:
    """(T, K) float32: units, the first number of each frame, as frames that are 1 there; with None the array itself."""
    if classes is None:
        return x_TD
    unit_T = x_TD[:, 0].astype(np.int64)
    require(
        len(unit_T) == 0 or (unit_T.min() >= 0 and unit_T.max() < classes),
        f"units from {unit_T.min(initial=0)} to {unit_T.max(initial=0)}, and their index says that there are {classes}",
    )
    return np.eye(classes, dtype=np.float32)[unit_T]


def write_units(folder: str | Path, units: Units) -> None:
    """Write a units folder; ``units.json``, which makes it whole, comes last."""
    from safetensors.numpy import save

    data = save({"centroids": np.ascontiguousarray(units.centroids_KD, dtype=np.float32)})
    write_atomically(Path(folder) / CENTROIDS, lambda stream: stream.write(data))
    write_json(Path(folder) / FACTS, {**units.facts, "digest": units.digest, "sonant": __version__})


def find_units(path: str | Path) -> Path:
    """The units folder that a path means. Raises SonantError where there is none, or more than one."""
    path = Path(path)
    if (path / FACTS).is_file():
        return path
    below = sorted(file.parent for file in path.glob(f"*/{FACTS}"))
    require(below, f"no units at '{path}' (no {FACTS}); make them with: sonant units fit MODEL DATA OUT --k K")
    require(len(below) == 1, f"'{path}' holds several units; give one of: {', '.join(map(str, below))}")
    return below[0]


def read_units(path: str | Path) -> Units:
    """The units of a folder that ``write_units`` made. Raises SonantError when a file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = find_units(path)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        centroids_KD = load((folder / CENTROIDS).read_bytes())["centroids"]
        units = Units(centroids_KD, facts)
        sound = facts["k"] == len(centroids_KD) and facts["digest"] == units.digest and units.geometry.rate > 0
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise SonantError(f"'{folder}' holds no readable units ({' '.join(str(error).split())}); fit anew") from None
    require(sound, f"'{folder}': {CENTROIDS} and {FACTS} are not of the same fit; fit anew with --overwrite-kmeans")
    return units
