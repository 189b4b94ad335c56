"""ZeroSpeech submissions: the folder that a benchmark asks for, and its scores where the item files are at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..build import load
from ..core import Representation, require, unknown
from ..core.files import read_lines, write_text
from ..data.zerospeech import (
    BENCHMARKS,
    GROUP_SIZE,
    METRICS,
    SUFFIX,
    X_ACROSS,
    Benchmark,
    Subset,
    meta,
    params,
    subsets_of,
    write_array,
    write_descriptions,
)
from ..reports import Result
from ._benchmark_frames import FromArrays, FromAudio, places_of
from ._benchmark_scores import ItemFiles, score_submission

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Submission:
    """What was written.

    Attributes:
        folder: the submission.
        files: subset -> how many arrays it holds.
        absent: subsets without audio or features.
        open: keys of ``meta.yaml`` that only the author can fill in.
        scores: one result a score.
    """

    folder: Path
    files: dict[str, int]
    absent: list[str]
    open: list[str]
    scores: list[Result]


def submit(
    out: str | Path,
    *,
    model: str | Path | Representation | None = None,
    audio: Sequence[str] = (),
    features: str | Path | None = None,
    rate: str | None = None,
    benchmark: Benchmark = "abxLS",
    items: Sequence[str] = (),
    layer: str | None = None,
    distance: str = "angular",
    max_group_size: int | None = GROUP_SIZE,
    max_x_across: int | None = X_ACROSS,
    about: str | Path | None = None,
    device: str = "cpu",
    batch_seconds: float = 120.0,
    progress: Progress | None = None,
) -> Submission:
    """Write a submission folder; what is there already is not made again. Score it where item files are found.

    Args:
        out: the folder.
        model: what ``sonant.load`` takes, or a representation; needs ``audio``.
        audio: the benchmark's data, or ``SUBSET=FOLDER`` for single subsets (several may be given).
        features: arrays extracted before, in folders called like the subsets, in place of a model.
        rate: frames per second of the features, as decimal text; None: from their index.
        benchmark: see ``data.zerospeech``.
        items: where item files are looked for, or ``NAME=FILE`` for single ones; none: beside the audio.
        layer: of the model; None: its default.
        distance: between frames: ``angular`` (the benchmarks' "cosine"), ``euclidean`` or ``kl``.
        max_group_size, max_x_across: sub-sampling of the scores; the benchmarks' 10 and 5; None: complete.
        about: YAML file whose keys go into ``meta.yaml``.
        device: where the model and the distances are computed.
        batch_seconds: audio per batch, padding included.
        progress: called with (done, all) of the arrays of a subset.

    Raises:
        SonantError: no such benchmark or subset, nothing to extract, foreign files in the folder, or frames of another
            model, layer or rate in it.
    """
    if benchmark not in BENCHMARKS:
        raise unknown("benchmark", benchmark, BENCHMARKS)
    if distance not in METRICS:
        raise unknown("distance of the benchmarks", distance, METRICS)
    out, subsets = Path(out), subsets_of(benchmark)
    places = places_of(audio, [subset.name for subset in subsets])
    require((model is None) != (features is None), "give either a model with the audio, or features")
    require(features is not None or places, "a model needs the benchmark's audio: give its folder")
    if features is not None:
        frames = FromArrays(Path(features), rate=rate)
    elif isinstance(model, Representation):
        frames = FromAudio(model, "a model", places, layer=layer, batch_seconds=batch_seconds)
    else:
        frames = FromAudio(load(model, device=device), str(model), places, layer=layer, batch_seconds=batch_seconds)
    _of_one_origin(out, frames.description)
    files = {subset.name: _write(subset, frames, out, SUFFIX[benchmark], progress) for subset in subsets}
    absent = [name for name, count in files.items() if not count]
    require(
        len(absent) < len(files),
        f"no audio or features for any subset of {benchmark}: looked for folders called {', '.join(absent[:4])}, ... "
        f"(give single ones as {absent[0] if absent else ''}=FOLDER)",
    )
    open_keys = _describe(out, benchmark, frames, distance=distance, about=about)
    settings = {"distance": distance, "max_group_size": max_group_size, "max_x_across": max_x_across, "device": device}
    scores = score_submission(
        out,
        benchmark,
        [subset for subset in subsets if files[subset.name]],
        items=ItemFiles(items, places),
        rate=Fraction(frames.geometry.sample_rate, frames.geometry.hop),
        name=frames.name,
        settings=settings,
    )
    return Submission(out, files, absent, open_keys, scores)


def _of_one_origin(out: Path, origin: str) -> None:
    """Refuse to go on with a folder that holds other frames; beside it, for the benchmarks know no such file in it."""
    place = out.with_name(f"{out.name}-origin.txt")
    if out.is_dir() and place.is_file():
        there = " ".join(read_lines(place))
        require(
            there == origin,
            f"'{out}' holds frames of {there}, and these are of {origin}; give another folder, or delete it",
        )
    write_text(place, f"{origin}\n")


def _write(subset: Subset, frames: FromAudio | FromArrays, out: Path, suffix: str, progress: Progress | None) -> int:
    """Write what a subset lacks; how many arrays it then holds."""
    folder = out / subset.folder
    for path in folder.rglob(".*.part"):  # of a run that was killed while writing
        path.unlink()
    there = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    foreign = [path.name for path in there if path.suffix != suffix]
    require(
        not foreign,
        f"'{folder}' holds {len(foreign)} file(s) that no submission has, such as '{foreign[0] if foreign else ''}'",
    )
    done = {path.stem for path in there}
    count, arrays = frames.arrays(subset, done)
    for number, (name, x_TD) in enumerate(arrays, start=1):
        write_array(folder / f"{name}{suffix}", x_TD, frames.geometry)
        if progress is not None:
            progress(len(done) + number, len(done) + count)
    return len(done) + count


def _describe(
    out: Path, benchmark: Benchmark, frames: FromAudio | FromArrays, *, distance: str, about: str | Path | None
) -> list[str]:
    """Write ``meta.yaml`` and ``params.yaml``; the keys that are still open."""
    step = frames.geometry.hop / frames.geometry.sample_rate
    own_meta = meta(benchmark, step=step, distance=distance, description=frames.description, train_set=frames.train_set)
    own_params = params(benchmark, step=step, distance=distance)
    return write_descriptions(out, own_meta, own_params, given=None if about is None else Path(about))
