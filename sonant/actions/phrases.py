"""The phrase test: does a model of dialogue hear whether a phrase is at its end? As lines of ``results.jsonl``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..build import load
from ..core import Representation, check_device, require, samples_of
from ..data.activity import activity_frames, joined
from ..data.dialogue_pool import WORD_GAP_S
from ..data.phrases import Phrase, read_phrases
from ..evaluation.turn_taking.phrases import PLACES, Cut, phrase_regions, region_means, share_higher, summary
from ..evaluation.turn_taking.probabilities import probabilities
from ..reports import Result
from .perturb import all_of

SIGNALS = ("p_now", "p_future", "p_next")
BATCH = 20  # phrases at a time
UNCHANGED = "none"  # as ``perturb.all_of`` calls it


@dataclass(frozen=True)
class Heard:
    """What a model says about one phrase.

    Attributes:
        phrase: with the times of its words, also where a perturbation moved them.
        wave_L: what it heard in the speaker's channel.
        shift: (T,) probability that the silent partner takes over, by signal.
        rate: frames per second.
    """

    phrase: Phrase
    wave_L: np.ndarray
    sample_rate: int
    shift: dict[str, np.ndarray]
    rate: float


def phrase_test(
    model: str | Path | Representation,
    folder: str | Path,
    *,
    perturb: Sequence[str] = (),
    completion: Mapping[str, str] | None = None,
    cut: Cut = "analysis",
    silence: float = 2.0,
    device: str = "cpu",
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Result], dict[str, list[Heard]]]:
    """Score a model on phrases as they are, and changed.

    Args:
        model: what ``sonant.load`` takes, or a representation; it needs a dialogue.
        folder: phrases with TextGrids (``data.phrases``).
        perturb: what else to do to them, each by itself (``actions.perturb``).
        completion: words that complete short phrases, beside those that are known.
        cut: where the regions lie (``evaluation.turn_taking.phrases``).
        silence: seconds after the last word; what the file holds there is kept, the rest is silence.

    Returns:
        Lines for every signal and place (mean over files of every region) and for pairs (how often the short phrase
        has the higher probability at the completion point), and what the model said, by perturbation.

    Raises:
        SonantError: a model that listens to no dialogues, phrases without alignment, an unknown perturbation.
    """
    check_device(device)
    require(silence >= 0, f"the silence after a phrase lasts 0 s or more, got {silence:g}")
    changes = all_of(perturb)
    representation = (model if isinstance(model, Representation) else load(model, device=device)).eval()
    require(
        representation.dialogue is not None,
        "this model listens to no dialogues; train one with a section 'dialogue' (sonant train vap) or import one",
    )
    phrases = read_phrases(folder, completion=completion)
    called = name or ("" if isinstance(model, Representation) else str(model))
    lines, heard = [], {}
    for change, made in changes.items():
        began = time.perf_counter()
        changed = made(phrases, representation.sample_rate)
        heard[change] = []
        for batch in _batches(changed, silence=silence, sample_rate=representation.sample_rate):
            heard[change] += _listen(representation, batch)
            if progress is not None:
                progress(sum(map(len, heard.values())), len(phrases) * len(changes))
        seconds = round(time.perf_counter() - began, 3)
        shown = {"perturb": change, "regions": cut, "silence": silence}
        for task, figure, settings, extra in scores(heard[change], cut):
            line = Result(
                task=task, figure=figure, settings={**settings, **shown}, model=called, data=Path(folder).name,
                seconds=seconds, extra=extra,
            )  # fmt: skip
            lines.append(line)
    return lines, heard


def scores(heard: Sequence[Heard], cut: Cut) -> Iterable[tuple[str, dict, dict, dict]]:
    """(task, figures, settings, extra) of every place and of the pairs, for each signal."""
    for signal in heard[0].shift:
        means = {place: {one.phrase.name: at(one, place, signal, cut) for one in _of(heard, place)} for place in PLACES}
        for place, by_name in means.items():
            found = summary(list(by_name.values()))
            if found:
                extra = {"sd": {name: one["sd"] for name, one in found.items()}, "files": len(by_name)}
                figure = {name: one["mean"] for name, one in found.items()}
                yield "phrases", figure, {"signal": signal, "place": place}, extra
        pairs = [
            (means["short@SCP"][short.phrase.name], means["long@SCP"][long.phrase.name])
            for short, long in paired(heard)
        ]
        if pairs:
            settings = {"signal": signal, "place": "short above long@SCP"}
            yield "phrase_pairs", share_higher(pairs), settings, {"pairs": len(pairs)}


def at(one: Heard, place: str, signal: str, cut: Cut) -> dict[str, float]:
    """The mean probability of a shift in every region around a point of a phrase."""
    point = one.phrase.eot if place.endswith("EOT") else one.phrase.scp
    return region_means(one.shift[signal], phrase_regions(point, one.rate, cut=cut))


def paired(heard: Sequence[Heard]) -> list[tuple[Heard, Heard]]:
    """(short, long) of every topic and voice that has both."""
    long = {(one.phrase.topic, one.phrase.voice): one for one in heard if one.phrase.long}
    keys = [((one.phrase.topic, one.phrase.voice), one) for one in heard if not one.phrase.long]
    return [(one, long[key]) for key, one in keys if key in long]


def _of(heard: Sequence[Heard], place: str) -> list[Heard]:
    return [one for one in heard if one.phrase.long == place.startswith("long")]


def _batches(changed, *, silence: float, sample_rate: int) -> Iterable[list[tuple[Phrase, np.ndarray]]]:
    """Phrases some at a time, each with ``silence`` seconds after its last word."""
    batch = []
    for phrase, wave_L in changed:
        wanted = samples_of(phrase.eot + silence, sample_rate)
        batch.append((phrase, np.pad(wave_L[:wanted], (0, max(wanted - len(wave_L), 0)))))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@torch.no_grad()
def _listen(representation: Representation, batch: Sequence[tuple[Phrase, np.ndarray]]) -> list[Heard]:
    """What the model says: the phrase is speaker 0, the partner is silent."""
    dialogue, device = representation.dialogue, next(representation.parameters()).device
    rate = dialogue.geometry.rate
    lengths = [len(wave_L) for _, wave_L in batch]
    waves_BL = np.stack([np.pad(wave_L, (0, max(lengths) - len(wave_L))) for _, wave_L in batch]).astype(np.float32)
    waves = torch.from_numpy(waves_BL)
    if dialogue.channels == 2:
        waves = torch.stack([waves, torch.zeros_like(waves)], dim=1)
    activity_BTC = np.stack([_activity(phrase, rate, max(lengths) / representation.sample_rate) for phrase, _ in batch])
    told = (torch.from_numpy(activity_BTC).to(device),) if dialogue.cfg.activity else ()
    out = representation.converse(waves.to(device), torch.tensor(lengths, device=device), *told)
    found = []
    for (phrase, wave_L), logits, T, active_TC in zip(batch, out.logits, out.lengths_B, activity_BTC, strict=True):
        logits = logits[: min(int(T), len(active_TC))].cpu()
        said = probabilities(logits, active_TC, dialogue.cfg.projection)
        shift = {signal: said[signal][:, 1] for signal in SIGNALS}
        found.append(Heard(phrase, wave_L, representation.sample_rate, shift, rate))
    return found


def _activity(phrase: Phrase, rate: float, seconds: float) -> np.ndarray:
    words = joined([(onset, offset) for _, onset, offset in phrase.words], WORD_GAP_S)
    return activity_frames([words, []], rate=rate, duration=seconds)
