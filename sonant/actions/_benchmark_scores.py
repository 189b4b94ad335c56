"""The ABX scores of a submission's subsets, where their item files are at hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..core import require
from ..core.files import write_text
from ..data.zerospeech import SEED, SUFFIX, Benchmark, Subset, read_array
from ..evaluation.abx import Items, abx, read_items
from ..reports import Result
from ._benchmark_frames import Places, places_of

SPEAKERS = ("within", "across")


@dataclass(frozen=True)
class Task:
    """A score of a subset: the kind of items, their context, and what their file may be called."""

    granularity: str
    context: str
    names: tuple[str, ...]


def tasks_of(benchmark: Benchmark, subset: Subset) -> list[Task]:
    """The scores of a subset, each within and across speakers."""
    if benchmark == "abxLS":
        triphone, phoneme = (f"triphone-{subset.name}",), (f"phoneme-{subset.name}",)
        return [
            Task("triphone", "within", triphone),
            Task("phoneme", "within", phoneme),
            Task("phoneme", "any", phoneme),
        ]
    if subset.name.startswith("semantic"):
        return []
    if benchmark == "zr2021":
        return [Task("triphone", "within", (subset.name, f"triphone-{subset.name}"))]
    language, duration = subset.name.split("/")
    together = [f"{language}-{duration}", f"{language}_{duration}"]
    return [Task("triphone", "within", (subset.name, *together, f"{subset.name}/{duration}"))]


class ItemFiles:
    """Item files by name: those given as ``NAME=FILE``, or found in the folders given or beside the audio."""

    def __init__(self, given: Sequence[str], audio: Places):
        self.named = places_of(given)
        roots = [self.named.pop("")] if "" in self.named else list(audio.values())
        self.roots = [root for root in roots if root.is_dir()]

    def find(self, names: Sequence[str]) -> Path | None:
        """The first of ``names`` that is there."""
        for name in names:
            if name in self.named:
                return self.named[name]
            for root in self.roots:
                found = sorted(root.rglob(f"{name}.item"))
                if found:
                    return found[0]
        return None


def score_submission(
    out: Path,
    benchmark: Benchmark,
    subsets: Sequence[Subset],
    *,
    items: ItemFiles,
    rate: Fraction,
    name: str,
    settings: Mapping[str, Any],
) -> list[Result]:
    """Every score whose item file is there, as results and as the table that the benchmark's own tools write.

    Args:
        out: the submission.
        subsets: those that it holds.
        rate: frames per second.
        name: what is scored.
        settings: distance, max_group_size, max_x_across, device.
    """
    results: list[Result] = []
    for subset in subsets:
        for task in tasks_of(benchmark, subset):
            path = items.find(task.names)
            if path is None:
                continue
            tokens = read_items(path)
            arrays = _arrays(out / subset.folder, SUFFIX[benchmark], tokens)
            about = {"benchmark": benchmark, "granularity": task.granularity, "items": path.name}
            for speaker in SPEAKERS:
                options = {**settings, "rate": rate, "speaker": speaker, "context": task.context}
                if speaker == "within":
                    options["max_x_across"] = None
                scored = abx(arrays, tokens, slicing="librilight", seed=SEED, **options)
                results.append(
                    Result(
                        task="abx",
                        figure={"error": scored.error},
                        settings={**scored.settings, **about},
                        model=name,
                        data=subset.name,
                        seconds=scored.seconds,
                    )
                )
    if results:  # the challenges refuse folders that they do not know
        inside = benchmark in ("abxLS", "abx17")
        _write_table(benchmark, out / "scores" if inside else out.with_name(f"{out.name}-scores"), results)
    return results


def _arrays(folder: Path, suffix: str, tokens: Items) -> dict[str, Any]:
    files = {file: folder / f"{file}{suffix}" for file in tokens.files}
    lost = [file for file, place in files.items() if not place.is_file()]
    require(
        not lost,
        f"{tokens.source} names {len(lost)} file(s) that '{folder}' lacks, such as '{lost[0] if lost else ''}'",
    )
    return {file: read_array(place) for file, place in files.items()}


def _write_table(benchmark: Benchmark, folder: Path, results: Sequence[Result]) -> None:
    """The CSV file of the benchmark's own tools."""
    rows = [_row(benchmark, result) for result in results]
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(folder / ("score_all_phonetic.csv" if benchmark == "abxLS" else "score_phonetic.csv"), text.getvalue())


def _row(benchmark: Benchmark, result: Result) -> dict[str, Any]:
    s, score = result.settings, f"{result.figures['error']:.4f}"
    if benchmark == "abxLS":
        row = {"subset": result.data, "speaker_mode": s["speaker"], "context_mode": s["context"]}
        return {**row, "granularity": s["granularity"], "score": score, "pooling": s["pooling"], "seed": SEED}
    if benchmark == "zr2021":
        part, kind = result.data.split("-")
        return {"dataset": part, "sub-dataset": kind, "type": s["speaker"], "score": score}
    language, duration = result.data.split("/")
    return {"language": language, "duration": duration, "type": s["speaker"], "score": score}
