"""ABX discriminability: is X, another token of phone a, nearer to a token A of a than to a token B of phone b?

Schatz et al., 2013 (Interspeech); Kahn et al., 2020 (arXiv:1912.07875, Libri-light); Nguyen et al., 2020
(arXiv:2011.11588, ZeroSpeech 2021). Definitions as in the tools libri-light, libriabx2 and fastabx, whose scores
on complete cells are reproduced.

    d(x, y)    DTW of frame distances, divided by the length of the path
    error      share of triples (a, b, x) with d(x, b) < d(x, a), ties count one half, in a cell
    score      mean over cells (contexts, X speakers), then over speakers, then over ordered phone pairs

Letters: N tokens, F frames, D dimensions, T frames of one file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..core import Representation, require, unknown
from ..data.audio import audio_info, find_audio
from ..data.manifest import Utterance
from ..nn._dtw_tiles import cut
from ..nn.dtw import PairwiseDTW
from ..nn.frame_distance import DISTANCES, Distance, ZeroFrames
from ._abx_cells import Job, Speaker, SpeakerDraw, Tokens, draw, plan
from ._abx_count import Cells, count_cells
from ._abx_frames import prepare, span_features
from ._abx_items import SLICINGS, Items, Slicing, exact_rate, read_items
from ._abx_result import ABXResult, Tally
from .encode import encode_utterances

__all__ = ["ABXResult", "Items", "abx", "abx_of_model", "evaluator", "read_items"]

Context = Literal["within", "any"]
Precision = Literal["float32", "float64"]
Pooling = Literal["none", "mean", "hamming"]
Progress = Callable[[int, int], None]

_AT_ONCE = 2**20  # distances of small blocks that are computed and counted together


def abx(
    features: Mapping[str, Any],
    items: Items | str | Path,
    *,
    rate: int | str | float | Fraction,
    speaker: Speaker,
    context: Context,
    distance: Distance,
    max_group_size: int | None,
    slicing: Slicing,
    max_x_across: int | None = None,
    pooling: Pooling = "none",
    normalise: bool | None = None,
    zero_frames: ZeroFrames = "apart",
    precision: Precision | None = None,
    seed: int = 0,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    keep_cells: bool = False,
) -> ABXResult:
    """Score features on the tokens of an item file.

    The error rate lies in [0, 1]; lower is better, chance is 0.5. Settings that change what a score means have
    no default. The ZeroSpeech score is ``context="within"``, ``distance="angular"``, ``slicing="librilight"``.

    Args:
        features: name of a file, as in the item file -> (T, D) array or tensor; (T,) unit ids for ``identical``.
        items: tokens, or the path of an item file.
        rate: frames a second, exactly: an int, a Fraction or a decimal string.
        speaker: ``within``: A, B and X of one speaker; ``across``: X of another speaker than A and B.
        context: ``within``: A, B and X have the same neighbouring phones; ``any``: neighbours don't matter.
        distance: between frames. ``angular`` is arccos(cos) / pi (ZeroSpeech tools call it "cosine"), ``cosine``
            is 1 - cos, ``euclidean``, ``kl`` the symmetric divergence of probabilities, ``identical`` 0 or 1.
        max_group_size: tokens of one (context, speaker, phone) that are used; None: all.
        slicing: how times become frames, see ``_abx_items.spans``: ``librilight`` leaves out the last frame.
        max_x_across: X speakers used for one (context, speaker, phone) in the across task; None: all.
        pooling: ``none``, or one vector a token before comparing: ``mean``, or ``hamming`` (weighted mean).
        normalise: bring frames to norm 1 first; None: for angular and cosine (libriabx2: always).
        zero_frames: frames of zeros when frames are normalised, see ``nn.frame_distance.unit_frames``.
        precision: of the distances, ``float32`` or ``float64``; None: float64 for ``context="within"``, where a
            cell holds few triples and rounding a near tie the other way moves the score by 1e-6 and more, else
            float32, as in the tools.
        seed: of the two sub-samplings, which depend on it and on the tokens, not on their order.
        threads: CPU threads; None: as many as this process may use.
        device: where distances are computed.
        progress: called with (pairs done, pairs in all).
        keep_cells: keep the score of every cell in the result.

    Raises:
        SonantError: a setting that does not exist, items or features that don't fit, no cell at all.
    """
    begin = time.perf_counter()
    settings = {
        "rate": str(rate),
        "speaker": speaker,
        "context": context,
        "distance": distance,
        "slicing": slicing,
        "max_group_size": max_group_size,
        "max_x_across": max_x_across,
        "pooling": pooling,
        "normalise": normalise,
        "zero_frames": zero_frames,
        "precision": precision or ("float64" if context == "within" else "float32"),
        "seed": seed,
    }
    _check(settings)
    items = items if isinstance(items, Items) else read_items(items)
    spanned = span_features(items, features, rate=exact_rate(rate), slicing=slicing)
    tokens = _tokens(items, spanned.kept_N, context)
    used_N = np.arange(len(tokens)) if max_group_size is None else draw(tokens, size=max_group_size, seed=seed)
    drawn = None if max_x_across is None else SpeakerDraw(tokens, size=max_x_across, seed=seed)
    jobs = list(plan(tokens, used_N, speaker, drawn))
    frames, first_N, length_N = prepare(spanned, settings)
    tally, kept = Tally(tokens), []
    with PairwiseDTW(frames, first_N, length_N, normalise="path", threads=threads, device=device) as engine:
        if not engine.compiled and torch.device(device).type == "cpu":
            print("sonant: ABX without numba is slower; install it with: pip install 'sonant[abx]'", file=sys.stderr)
        for cells in _scored(engine, jobs, tokens, within=speaker == "within", drawn=drawn, progress=progress):
            tally.add(cells)
            kept.extend([cells] if keep_cells else [])
    require(tally.cells, _no_cell(items, len(spanned.kept_N), tokens, settings))
    table = tally.table()
    result = ABXResult(
        error=0.0,
        settings=settings,
        phones=tokens.phones,
        speakers=tokens.speakers,
        contexts=tokens.contexts,
        table=table,
        cells=Cells.joined(kept) if keep_cells else None,
        items=len(used_N),
        skipped=len(items) - len(spanned.kept_N),
        n_cells=tally.cells,
        n_triples=tally.triples,
        n_pairs=sum(job.block.pairs for job in jobs),
        seconds=time.perf_counter() - begin,
    )
    return replace(result, error=result.collapse("all")["all"])


def abx_of_model(
    representation: Representation,
    items: Items | str | Path,
    audio: str | Path | Mapping[str, str | Path],
    *,
    layer: str | None = None,
    batch_seconds: float = 120.0,
    **settings: Any,
) -> ABXResult:
    """Encode the audio that an item file names, on the device of the model, and score one layer.

    Args:
        audio: a folder, searched for files whose names without suffix are those of the item file; or the path
            of each name.
        layer: one of ``representation.layers``; None: its default.
        batch_seconds: audio encoded at once, padding included.
        settings: as ``abx``, without features and rate, which the model gives.

    Raises:
        SonantError: as ``abx``; audio that is missing, ambiguous or unreadable.
    """
    items = items if isinstance(items, Items) else read_items(items)
    found = encode_utterances(
        representation, audio_of(items, audio), layer=layer, batch_seconds=batch_seconds, strict=True
    )
    features = {utterance.id: x_TD for utterance, x_TD in found}
    geometry = representation.geometry
    return abx(features, items, rate=Fraction(geometry.sample_rate, geometry.hop), **settings)


def evaluator(
    items: str | Path,
    audio: str | Path | Mapping[str, str | Path],
    *,
    speaker: Speaker = "across",
    layer: str | None = None,
    context: Context = "within",
    distance: Distance = "angular",
    slicing: Slicing = "librilight",
    max_group_size: int | None = None,
) -> Callable[[Representation, int], dict[str, float]]:
    """An evaluation to call during training with (representation, step); a small item file makes it quick.

    The defaults are the ZeroSpeech score on complete cells. Returns ``{"abx_<speaker>": error}``. Items and
    audio are looked up now, so that a mistake in them shows before training begins.
    """
    tokens = read_items(items)
    paths = {utterance.id: utterance.path for utterance in audio_of(tokens, audio)}

    def evaluate(representation: Representation, step: int) -> dict[str, float]:
        result = abx_of_model(
            representation,
            tokens,
            paths,
            layer=layer,
            speaker=speaker,
            context=context,
            distance=distance,
            slicing=slicing,
            max_group_size=max_group_size,
        )
        return {f"abx_{speaker}": result.error}

    return evaluate


def audio_of(items: Items, audio: str | Path | Mapping[str, str | Path]) -> list[Utterance]:
    """The audio files that items name, as whole utterances of their first channel."""
    if isinstance(audio, Mapping):
        paths, place = {name: [Path(path)] for name, path in audio.items()}, "the given audio"
    else:
        paths, place = {}, f"'{audio}'"
        for path in find_audio(audio):
            paths.setdefault(path.stem, []).append(path)
    files = items.files
    missing = [name for name in files if name not in paths]
    require(
        not missing,
        f"{len(missing)} of the {len(files)} files of {items.source} are not in {place}: {', '.join(missing[:5])}"
        f"{', ...' if len(missing) > 5 else ''}; audio is found by the names in the item file, without suffix",
    )
    for name in files:
        several = ", ".join(map(str, paths[name]))
        require(len(paths[name]) == 1, f"'{name}' is the name of several audio files: {several}")
    infos = {name: audio_info(paths[name][0]) for name in files}
    return [
        Utterance(id=name, path=str(paths[name][0]), duration=info.duration, sample_rate=info.sample_rate)
        for name, info in infos.items()
    ]


def _check(settings: dict[str, Any]) -> None:
    """Reject settings that do not exist, naming those that do."""
    allowed = {
        "speaker": ("within", "across"),
        "context": ("within", "any"),
        "distance": DISTANCES,
        "slicing": SLICINGS,
        "pooling": ("none", "mean", "hamming"),
        "zero_frames": ("apart", "uniform"),
        "precision": ("float32", "float64"),
    }
    for name, choices in allowed.items():
        if settings[name] not in choices:
            raise unknown(f"ABX setting for {name}", settings[name], choices)
    size, speakers = settings["max_group_size"], settings["max_x_across"]
    require(size is None or size >= 2, f"max_group_size must be None or at least 2 tokens, got {size}")
    require(speakers is None or speakers >= 1, f"max_x_across must be None or at least 1 speaker, got {speakers}")
    require(
        speakers is None or settings["speaker"] == "across",
        "max_x_across is about X of other speakers: it needs speaker='across'",
    )
    require(
        settings["distance"] != "identical" or settings["pooling"] == "none",
        "units cannot be averaged: distance 'identical' needs pooling 'none'",
    )


def _tokens(items: Items, kept_N: np.ndarray, context: Context) -> Tokens:
    """The labels of the items that have frames, as numbers."""

    def numbers(labels: list) -> tuple[np.ndarray, tuple]:
        names = sorted(set(labels))
        index = {name: i for i, name in enumerate(names)}
        return np.array([index[label] for label in labels], np.int64), tuple(names)

    kept = kept_N.tolist()
    phone_N, phones = numbers([items.phone[i] for i in kept])
    speaker_N, speakers = numbers([items.speaker[i] for i in kept])
    if context == "within":
        require(
            items.previous is not None and items.following is not None,
            f"{items.source} has no columns prev-phone and next-phone, which context='within' compares",
        )
        around = [" ".join(pair) for pair in zip(items.previous or (), items.following or (), strict=True)]
        context_N, contexts = numbers([around[i] for i in kept])
    else:
        context_N, contexts = np.zeros(len(kept), np.int64), ("any",)
    names = tuple(f"{items.file[i]} {items.onset[i]} {items.offset[i]}" for i in kept)
    return Tokens(phone_N, speaker_N, context_N, phones, speakers, contexts, names)


def _scored(
    engine: PairwiseDTW,
    jobs: list[Job],
    tokens: Tokens,
    *,
    within: bool,
    drawn: SpeakerDraw | None,
    progress: Progress | None,
) -> Iterator[Cells]:
    """The cells of every job; small jobs are done many at a time."""
    total, done = sum(job.block.pairs for job in jobs), 0

    def count(task: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Cells:
        return count_cells(tokens, *task, within=within, drawn=drawn)

    for part in cut(np.array([job.block.pairs for job in jobs]), _AT_ONCE) if jobs else []:
        outputs = engine.run([job.block for job in jobs[part]])
        tasks = [
            (*direction, distances)
            for job, both in zip(jobs[part], outputs, strict=True)
            for direction, distances in zip(job.directions(), both, strict=False)
        ]
        yield from engine.map(count, tasks)
        done += sum(job.block.pairs for job in jobs[part])
        if progress is not None:
            progress(done, total)


def _no_cell(items: Items, kept: int, tokens: Tokens, settings: dict[str, Any]) -> str:
    """What to say when no cell was found."""
    speaker, context = settings["speaker"], settings["context"]
    same = "the same speaker and the same neighbouring phones" if context == "within" else "the same speaker"
    needs = (
        f"two tokens of one phone and one of another with {same}"
        if speaker == "within"
        else f"tokens of two phones with {same}, and one of the first phone by another speaker"
    )
    return (
        f"no ABX cell in {items.source} for speaker='{speaker}', context='{context}': a cell needs {needs}; "
        f"it has {kept} tokens with frames (of {len(items)}), {len(tokens.phones)} phones, {len(tokens.speakers)} "
        f"speakers, {len(tokens.contexts)} contexts. Usual causes: too few items, one speaker only, a wrong rate; "
        f"context='any' needs least"
    )
