"""Where the frames of a benchmark's subsets come from: a model on audio, or arrays on disk.

Letters: T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core import FrameGeometry, Representation, SonantError, require, unknown
from ..data.arrays import ArrayReader
from ..data.manifest import Utterance
from ..data.sources import find_utterances
from ..data.zerospeech import Subset
from ..evaluation.encode import encode_utterances

Places = Mapping[str, Path]  # name of a subset -> its folder, and "" -> the folder of all


def places_of(given: Sequence[str], names: Sequence[str] = ()) -> dict[str, Path]:
    """``FOLDER`` and ``NAME=FOLDER`` by name, the first under an empty one; ``names``: those that are known."""
    places: dict[str, Path] = {}
    for text in given:
        name, sign, place = str(text).partition("=")
        if not sign:
            name, place = "", str(text)
        elif names and name not in names:
            raise unknown("subset", name, names)
        require(Path(place).exists(), f"no file or folder '{place}'")
        places[name] = Path(place)
    return places


class FromAudio:
    """Frames that a model makes.

    Args:
        representation: the model.
        name: what it is called.
        places: where the audio lies.
        layer: of the model; None: its default.
        batch_seconds: audio per batch, padding included.

    Attributes:
        geometry: of the frames.
        description, train_set: what a submission says of them.
    """

    def __init__(
        self, representation: Representation, name: str, places: Places, *, layer: str | None, batch_seconds: float
    ):
        self.model, self.name, self.places, self.batch_seconds = representation, name, places, batch_seconds
        self.layer = layer or representation.default_layer
        self.geometry = representation.geometry
        size = representation.dim_of(self.layer)
        self.description = f"{name}: layer {self.layer}, {size} dimensions at {self.geometry.rate:g} Hz"
        data = representation.config.get("training", {}).get("data")
        trained_on = data.get("train") if isinstance(data, Mapping) else data
        self.train_set = str(trained_on or "<what the system was trained on>")

    def arrays(self, subset: Subset, done: set[str]) -> tuple[int, Iterator[tuple[str, np.ndarray]]]:
        """How many utterances of a subset are not ``done``, and their names with (T, D) frames."""
        todo = {name: found for name, found in self._utterances(subset).items() if name not in done}
        names = {utterance.id: name for name, utterance in todo.items()}
        options = {"layer": self.layer, "batch_seconds": self.batch_seconds, "strict": True}
        encoded = encode_utterances(self.model, list(todo.values()), **options)
        return len(todo), ((names[utterance.id], x_TD) for utterance, x_TD in encoded)

    def _utterances(self, subset: Subset) -> dict[str, Utterance]:
        place = self._place(subset)
        by_name: dict[str, Utterance] = {}
        for utterance in [] if place is None else find_utterances(place):
            name = utterance.id.rsplit("/", 1)[-1]
            require(name not in by_name, f"two recordings below '{place}' are called '{name}'; names must be unique")
            by_name[name] = utterance
        return by_name

    def _place(self, subset: Subset) -> Path | None:
        if subset.name in self.places:
            return self.places[subset.name]
        root = self.places.get("")
        return next((root / source for source in subset.sources if (root / source).is_dir()), None) if root else None


class FromArrays:
    """Frames on disk, in folders called like the subsets; attributes as ``FromAudio``."""

    def __init__(self, place: Path, *, rate: str | None):
        self.reader = ArrayReader(place)
        geometry = self.reader.geometry if rate is None else _geometry_of(rate)
        require(
            geometry is not None,
            "the frame rate of these features is not known (no index beside them): give it in Hz, such as 100",
        )
        self.geometry = geometry
        self.name = str(self.reader.facts.get("model") or place)
        self.description, self.train_set = f"features of {self.name}", "<what the system was trained on>"

    def arrays(self, subset: Subset, done: set[str]) -> tuple[int, Iterator[tuple[str, np.ndarray]]]:
        """As ``FromAudio.arrays``."""
        ends = [f"/{source}" for source in (subset.folder, *subset.sources)]
        keys = {}
        for key in self.reader:
            folder, _, name = f"/{key}".rpartition("/")
            if any(folder.endswith(end) for end in ends) and name not in done:
                keys[name] = key
        return len(keys), ((name, self.reader[key]) for name, key in keys.items())


def _geometry_of(rate: str) -> FrameGeometry:
    try:
        exact = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        raise SonantError(f"the rate must be a number of frames per second such as 100, got '{rate}'") from None
    return FrameGeometry(exact.numerator, hop=exact.denominator, window=exact.denominator)
