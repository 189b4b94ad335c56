"""Submission folders of the ZeroSpeech benchmarks: which sub-folders, files, numbers and descriptions they hold.

    abxLS    task 1 on LibriSpeech (zerospeech.com, tasks/task_1): dev-clean, dev-other, test-clean, test-other, one
             float64 .npy an utterance; meta.yaml and params.yaml as the toolbox zerospeech-benchmarks 0.9 reads them
    abx17    the same toolbox on the test set of 2017: <language>/{1s,10s,120s}
    zr2017   track 1 of the challenge of 2017: <language>/{1s,10s,120s}/<name>.fea, lines of time and values; German and
             Wolof are called LANG1 and LANG2
    zr2021   the challenge of 2021: phonetic/<subset>/<name>.txt and semantic/<set>/<kind>/<name>.txt, lines of values;
             its lexical and syntactic parts are probabilities of a language model, not frames

An array has at least two frames. Nothing else may lie in the sub-folders.

Letters: T frames, D dimensions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import FrameGeometry, SonantError, require
from ..core.config import merge, read_yaml
from ..core.files import write_atomically, write_text

Benchmark = Literal["abxLS", "abx17", "zr2017", "zr2021"]
BENCHMARKS = ("abxLS", "abx17", "zr2017", "zr2021")
LIBRISPEECH = ("dev-clean", "dev-other", "test-clean", "test-other")
LANGUAGES = {"english": "", "french": "", "mandarin": "", "german": "LANG1", "wolof": "LANG2"}  # and their other names
DURATIONS = ("1s", "10s", "120s")
SUFFIX = {"abxLS": ".npy", "abx17": ".npy", "zr2017": ".fea", "zr2021": ".txt"}
METRICS = {"angular": "cosine", "euclidean": "euclidean", "kl": "kl_symmetric"}  # what the benchmarks call distances
GROUP_SIZE, X_ACROSS, SEED = 10, 5, 3459  # tokens of a group, speakers of X, seed: the settings of published scores


@dataclass(frozen=True)
class Subset:
    """A part of a benchmark that is extracted and scored on its own.

    Attributes:
        name: such as ``dev-clean`` or ``english/1s``.
        folder: of its arrays beneath the submission.
        sources: folders beneath the benchmark's data in one of which its audio lies.
    """

    name: str
    folder: str
    sources: tuple[str, ...]


def subsets_of(benchmark: Benchmark) -> list[Subset]:
    """The parts of a benchmark, in its own order."""
    if benchmark == "abxLS":
        return [Subset(name, name, (name, f"phonetic/{name}")) for name in LIBRISPEECH]
    if benchmark == "zr2021":
        phonetic = [Subset(name, f"phonetic/{name}", (f"phonetic/{name}", name)) for name in LIBRISPEECH]
        kinds = [f"semantic/{part}/{kind}" for part in ("dev", "test") for kind in ("librispeech", "synthetic")]
        return phonetic + [Subset(name, name, (name,)) for name in kinds]
    found = []
    for language, other in LANGUAGES.items():
        for duration in DURATIONS:
            places = [f"{name}/{duration}" for name in (language, other) if name]
            sources = (*places, *(f"test/{place}" for place in places))
            own = (other or language) if benchmark == "zr2017" else language
            found.append(Subset(f"{language}/{duration}", f"{own}/{duration}", sources))
    return found


def write_array(path: Path, x_TD: np.ndarray, geometry: FrameGeometry) -> None:
    """Write the frames of an utterance as the suffix of ``path`` says: ``.npy``, ``.txt`` or ``.fea``.

    Raises SonantError when there are fewer than two frames.
    """
    require(
        x_TD.ndim == 2 and len(x_TD) >= 2,
        f"'{path.stem}' has {len(x_TD)} frame(s), and the benchmark asks for at least two; is the audio cut short?",
    )
    x_TD = np.asarray(x_TD, dtype=np.float64)
    if path.suffix == ".npy":
        write_atomically(path, lambda stream: np.save(stream, x_TD, allow_pickle=False))
        return
    if path.suffix == ".fea":
        time_T1 = geometry.time_of(np.arange(len(x_TD)))[:, None]
        x_TD = np.concatenate([time_T1, x_TD], axis=1)
    text = io.StringIO()
    np.savetxt(text, x_TD, fmt="%.9g")  # what tells float32 numbers apart
    write_text(path, text.getvalue())


def read_array(path: Path) -> np.ndarray:
    """(T, D) frames of a file that ``write_array`` wrote."""
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        x = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise SonantError(f"'{path}' holds no array of frames: {error}") from None
    return x[:, 1:] if path.suffix == ".fea" else x


def params(benchmark: Benchmark, *, step: float, distance: str) -> dict[str, Any] | None:
    """What ``params.yaml`` holds; None for benchmarks without one."""
    if benchmark not in ("abxLS", "abx17"):
        return None
    shared = {
        "quiet": False,
        "feature_size": step,
        "cuda": False,
        "distance_mode": "euclidian" if distance == "euclidean" else METRICS[distance],  # as they spell it
        "max_size_group": GROUP_SIZE,
        "max_x_across": X_ACROSS,
        "score_file_type": ".npy",
    }
    if benchmark == "abx17":
        return {**shared, "mode": "all", "result_filename": "score_phonetic.csv"}
    names = {"speaker_mode": "all", "context": "all", "seed": SEED, "result_filename": "score_all_phonetic"}
    return {**shared, **names}


def meta(
    benchmark: Benchmark, *, step: float, distance: str, description: str, train_set: str
) -> dict[str, Any] | None:
    """What ``meta.yaml`` holds, with ``<...>`` where only the author knows; None for benchmarks without one."""
    if benchmark == "zr2017":
        return None
    if benchmark == "zr2021":
        return {
            "author": "<authors of the submission>",
            "affiliation": "<their university or company>",
            "description": description,
            "open_source": True,
            "train_set": train_set,
            "visually_grounded": False,
            "gpu_budget": 0.0,
            "parameters": {
                "phonetic": {"metric": METRICS[distance], "frame_shift": step},
                "semantic": {"metric": METRICS[distance].replace("kl_symmetric", "cosine"), "pooling": "mean"},
            },
        }
    return {
        "benchmark_name": benchmark,
        "model_info": {"system_description": description, "train_set": train_set, "gpu_budget": "<GPU hours>"},
        "publication": {
            "author_label": "<short name, such as Author et al.>",
            "authors": "<authors, with commas between>",
            "paper_title": "<title>",
            "paper_url": "<URL>",
            "publication_year": datetime.now(UTC).year,
            "institution": "<university or company>",
            "team": "<team>",
        },
        "open_source": True,
        "code_url": "<URL of the code>",
    }


def write_descriptions(
    folder: Path, own_meta: Mapping[str, Any] | None, own_params: Mapping[str, Any] | None, *, given: Path | None
) -> list[str]:
    """Write ``meta.yaml`` and ``params.yaml``; what ``given`` (a YAML file like meta.yaml) says goes before our own.

    A ``meta.yaml`` that is there is kept: its author has filled it in. Returns the keys that are still open.
    """
    import yaml

    if own_params is not None:
        write_text(folder / "params.yaml", yaml.safe_dump(dict(own_params), sort_keys=False))
    if own_meta is None:
        return []
    place = folder / "meta.yaml"
    if given is not None:
        own_meta = merge(own_meta, read_yaml(given))
    elif place.is_file():
        own_meta = read_yaml(place)
    write_text(place, yaml.safe_dump(dict(own_meta), sort_keys=False, allow_unicode=True))
    return _open_keys(own_meta)


def _open_keys(values: Mapping[str, Any], above: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _open_keys(value, f"{above}{key}.")
        elif isinstance(value, str) and value.startswith("<") and value.endswith(">"):
            found.append(f"{above}{key}")
    return found
