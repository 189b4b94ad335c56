"""A recording of a dialogue and what a model says about it, as one page.

Letters: L samples, T frames, C = 2 speakers, N bins, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..build import load
from ..core import Representation, check_device, require, samples_of, seconds_of, unknown
from ..data.activity import Activity, activity_frames
from ..data.audio import read_audio
from ..data.dialogue_pool import DialoguePool
from ..data.dialogue_timings.sources import read_dialogues
from ..data.manifest import RECORDINGS, Manifest
from ..evaluation.turn_taking.corpus_statistics import picture
from ..evaluation.turn_taking.probabilities import probabilities
from ..evaluation.turn_taking.regions import Events
from ..evaluation.turn_taking.whole import dialogue_said
from ..objectives.projection import Window, bins_of_class, class_of_bins, projection_bins
from ..objectives.projection_readout import bin_probabilities
from ..reports.card import bins_of
from ..reports.dialogue import NAMES, DialogueTracks, dialogue_page
from ..reports.runs import short_name
from ..reports.window_drawing import WindowView
from .dialogue_events import EventMaker, EventSet, settings_of

DRAWN = {"2023": ("shift", "hold", "short"), "2022": ("shift", "hold", "shift_overlap", "backchannel")}


@dataclass(frozen=True)
class Recording:
    """Both channels of a dialogue and, where it is known, who speaks when (seconds)."""

    name: str
    wave_CL: np.ndarray
    sample_rate: int
    activity: Activity | None

    def until(self, seconds: float | None) -> Recording:
        """The first ``seconds`` of it."""
        if seconds is None:
            return self
        activity = self.activity
        if activity is not None:
            activity = [[(a, min(b, seconds)) for a, b in side if a < seconds] for side in activity]
        return Recording(
            self.name, self.wave_CL[:, : samples_of(seconds, self.sample_rate)], self.sample_rate, activity
        )


def draw_dialogue(
    model: str | Path | Representation,
    place: str | Path,
    out: str | Path,
    *,
    dialogue: str | None = None,
    timings: str | Path | None = None,
    at: Sequence[float] = (),
    seconds: float | None = None,
    event_set: EventSet = "2023",
    kinds: Sequence[str] = (),
    context: float = 10.0,
    step: float = 10.0,
    device: str = "cpu",
) -> dict:
    """Write the page of one dialogue.

    Args:
        model: what ``sonant.load`` takes, or a representation; it needs a dialogue.
        place: a manifest of dialogues, or a recording.
        dialogue: which one of the manifest, by its id; None: its first.
        timings: who speaks when in a recording (``data.dialogue_timings.sources``).
        at: moments in seconds whose windows are drawn by themselves.
        seconds: only the first of them.
        kinds: of events to draw; none: shifts, holds and backchannels.
        context, step: as ``dialogue_said``.

    Returns:
        ``dialogue``, ``seconds``, ``frames``, ``cross_entropy`` (nats; None where the truth or classes are not known),
        ``events`` (how many of each kind) and ``windows`` (one for each of ``at``).

    Raises:
        SonantError: a model that listens to no dialogues or is told who is active where that is not known, no such
            dialogue or moment.
    """
    check_device(device)
    representation = (model if isinstance(model, Representation) else load(model, device=device)).eval()
    head = representation.dialogue
    require(
        head is not None,
        "this model listens to no dialogues; train one with a section 'dialogue' (sonant train vap) or import one",
    )
    recording = read_recording(place, representation.sample_rate, dialogue=dialogue, timings=timings).until(seconds)
    require(
        recording.activity is not None or not head.cfg.activity,
        "this model is told who is active; give --timings, or a manifest with voice activity",
    )
    said = _Said(representation, recording, context=context, step=step)
    events = _events(recording, said, event_set, kinds)
    views = [said.view(moment) for moment in at]
    facts = {
        "dialogue": recording.name,
        "seconds": recording.wave_CL.shape[1] / recording.sample_rate,
        "frames": len(said.logits),
        "cross_entropy": said.cross_entropy(),
        "events": {kind: len(found) for kind, found in events.items()},
        "windows": [_plain(view) for view in views],
    }
    called = "the model" if isinstance(model, Representation) else short_name(str(model))
    dialogue_page(out, _tracks(called, recording, said, events, facts), windows=views)
    return facts


def read_recording(
    place: str | Path, sample_rate: int, *, dialogue: str | None = None, timings: str | Path | None = None
) -> Recording:
    """A dialogue of a manifest, or a file with its timings; one channel gets a silent partner."""
    place = Path(place)
    if (place / RECORDINGS).is_file():
        pool = DialoguePool(Manifest.open(place), sample_rate=sample_rate)
        names = [pool.id(number) for number in range(len(pool))]
        if dialogue is not None and dialogue not in names:
            raise unknown("dialogue", dialogue, names)
        number = names.index(dialogue) if dialogue is not None else 0
        return Recording(names[number], pool.read(number), sample_rate, pool.activity_of(number))
    require(place.is_file(), f"'{place}' is neither a manifest of dialogues nor a recording")
    wave, _ = read_audio(place, sample_rate=sample_rate)
    wave_CL = np.stack([wave, np.zeros_like(wave)]) if wave.ndim == 1 else wave
    require(len(wave_CL) == 2, f"'{place}' has {len(wave_CL)} channels; a dialogue has two")
    activity = None
    if timings is not None:
        told = {one.session: one.activity for one in read_dialogues(timings)}
        require(
            len(told) == 1 or place.stem in told,
            f"'{timings}' tells of {len(told)} dialogues, none called '{place.stem}'",
        )
        activity = told[place.stem] if place.stem in told else next(iter(told.values()))
    return Recording(place.stem, wave_CL, sample_rate, activity)


class _Said:
    """What a model says about a recording, and what was true."""

    def __init__(self, representation: Representation, recording: Recording, *, context: float, step: float):
        head = representation.dialogue
        self.projection, self.rate = head.cfg.projection, head.geometry.rate
        self.window = Window(rate=self.rate, bins_s=head.cfg.bins_s)
        self.recording = recording
        duration = seconds_of(recording.wave_CL.shape[1], recording.sample_rate)
        known = recording.activity or [[], []]
        self.track_TC = activity_frames(known, rate=self.rate, duration=duration)
        wave = recording.wave_CL if head.channels == 2 else recording.wave_CL.mean(0)
        self.logits, active_TC = dialogue_said(representation, wave, self.track_TC, context=context, step=step)
        self.active_TC = None if active_TC is None else active_TC.sigmoid().numpy()
        self.shares = probabilities(self.logits, self.track_TC, self.projection)
        self.p_TCN, self.best_TCN, self.best_T = self._bins()
        self.true_TCN = None
        if recording.activity is not None:
            future_TCN = projection_bins(torch.from_numpy(self.track_TC), self.window)
            self.true_TCN = future_TCN[: len(self.logits)].numpy()

    def _bins(self) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        if self.projection == "comparative":
            return None, None, None
        if self.projection == "independent":
            p_TCN = self.logits.sigmoid()
            return p_TCN.numpy(), (p_TCN > 0.5).numpy(), None
        p_T, best_T = self.logits.softmax(-1).max(-1)
        return bin_probabilities(self.logits).numpy(), bins_of_class(best_T, self.window.n_bins).numpy(), p_T.numpy()

    def cross_entropy(self) -> float | None:
        """Of the frames whose whole future is known, in nats."""
        if self.projection != "discrete" or self.true_TCN is None or not len(self.true_TCN):
            return None
        index_T: Tensor = class_of_bins(torch.from_numpy(self.true_TCN))
        return float(torch.nn.functional.cross_entropy(self.logits[: len(index_T)], index_T))

    def view(self, seconds: float) -> WindowView:
        """The window of the frame at a moment."""
        frame = int(seconds * self.rate)
        require(
            0 <= frame < len(self.logits),
            f"--at {seconds:g} s lies outside the {len(self.logits) / self.rate:g} s drawn",
        )
        require(self.p_TCN is not None, "this model projects no bins (comparative); there are no windows to draw")
        known = self.true_TCN is not None and frame < len(self.true_TCN)
        return WindowView(
            seconds=(frame + 1) / self.rate,
            bins_s=self.window.bins_s,
            p_CN=self.p_TCN[frame],
            best_CN=self.best_TCN[frame],
            true_CN=self.true_TCN[frame] if known else None,
            activity=self.recording.activity,
        )


def _events(recording: Recording, said: _Said, event_set: EventSet, kinds: Sequence[str]) -> Events:
    if recording.activity is None:
        return {}
    found = EventMaker(event_set, said.rate, settings_of(event_set), None)(said.track_TC)
    for kind in kinds:
        if kind not in found:
            raise unknown(f"kind of events of {event_set}", kind, found)
    return {kind: found[kind] for kind in kinds or DRAWN[event_set]}


def _plain(view: WindowView) -> dict:
    n_bins = len(view.bins_s)

    def spelt(bins_CN: np.ndarray) -> str:
        if n_bins > 8:
            return " / ".join("".join("o" if bit else "." for bit in row) for row in bins_CN)
        return picture(int(class_of_bins(torch.from_numpy(np.asarray(bins_CN)))), n_bins)

    true = None if view.true_CN is None else spelt(view.true_CN)
    return {"at": view.seconds, "bins": view.p_CN.tolist(), "best": spelt(view.best_CN), "true": true}


def _tracks(model: str, recording: Recording, said: _Said, events: Events, facts: dict) -> DialogueTracks:
    counts = [f"{NAMES.get(kind, kind).replace('_', ' ')} {number}" for kind, number in facts["events"].items()]
    nats = "" if facts["cross_entropy"] is None else f"{facts['cross_entropy']:.3f}"
    listed = [
        ("model", model),
        ("length", f"{facts['seconds']:.1f} s, {facts['frames']} frames at {said.rate:g} Hz"),
        ("projection", f"{said.projection}, {bins_of(said.window.bins_s)}"),
        *([("cross-entropy of the projection", f"{nats} nats")] if nats else []),
        *([("events", ", ".join(counts))] if counts else []),
    ]
    sentence = f"What {model} foretells" + (f": {nats} nats of cross-entropy a frame." if nats else ".")
    return DialogueTracks(
        name=recording.name,
        model=model,
        wave_CL=recording.wave_CL,
        sample_rate=recording.sample_rate,
        rate=said.rate,
        p_now_TC=said.shares["p_now"],
        p_future_TC=said.shares["p_future"],
        active_TC=said.active_TC,
        bins_s=said.window.bins_s,
        p_TCN=said.p_TCN,
        best_TCN=said.best_TCN,
        best_T=said.best_T,
        true_TCN=said.true_TCN,
        activity=recording.activity,
        events=events,
        said=sentence,
        facts=listed,
    )
