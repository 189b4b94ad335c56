"""The page of a dialogue: what was said, what a model foretold, and the events, on one time axis.

Ten minutes at 50 frames a second are about a megabyte: waveforms are peaks of 10 ms, probabilities bytes.

Letters: L samples, T frames, C = 2 speakers, N bins.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.files import write_text
from .charts import legend
from .markup import Html, section, table, tag
from .sheet import data_block, sheet
from .window_drawing import Stretch, WindowView, window_drawing

POINTS = 100  # peaks of the waveform per second
NAMES = {"short": "backchannel"}  # kinds of events by a plainer name
FIRST = ("shift", "hold", "short", "backchannel", "long", "pred_shift", "pred_hold", "pred_backchannel")


@dataclass(frozen=True)
class DialogueTracks:
    """A dialogue and what a model says about it.

    Attributes:
        name, model: what is drawn.
        wave_CL: both channels.
        rate: frames per second.
        p_now_TC, p_future_TC: probabilities of the nearer and of the farther future.
        active_TC: probability that each speaker is active now, as the model hears it; None: it is told.
        bins_s: length of each bin in seconds.
        p_TCN: probability that each bin is active; None: nothing is projected in bins.
        best_TCN: bins of the likeliest future; best_T its probability, where it is a class.
        true_TCN: bins of the true future, of the frames for which it is known.
        activity: true stretches of speech in seconds; None: not known.
        events: (start, end, speaker) in frames, by kind.
        said: a sentence about the whole.
        facts: (what, value) to list.
    """

    name: str
    model: str
    wave_CL: np.ndarray
    sample_rate: int
    rate: float
    p_now_TC: np.ndarray
    p_future_TC: np.ndarray
    active_TC: np.ndarray | None = None
    bins_s: Sequence[float] = ()
    p_TCN: np.ndarray | None = None
    best_TCN: np.ndarray | None = None
    best_T: np.ndarray | None = None
    true_TCN: np.ndarray | None = None
    activity: Sequence[Sequence[Stretch]] | None = None
    events: Mapping[str, np.ndarray] = field(default_factory=dict)
    said: str = ""
    facts: Sequence[tuple[str, str]] = ()


def dialogue_page(out: str | Path, tracks: DialogueTracks, *, windows: Sequence[WindowView] = ()) -> Path:
    """Write the page; ``windows``: moments to draw by themselves. Returns its path."""
    parts = [_opening(tracks), _timeline(tracks)]
    if windows:
        parts.append(_windows(windows))
    parts.append(section("facts", "Facts", table(("", ""), tracks.facts, class_="facts")))
    parts.append(data_block("tracks", track_data(tracks)))
    write_text(out, sheet(f"{tracks.name}, {tracks.model}", parts, styles=("dialogue.css",), script="dialogue.js"))
    return Path(out)


def track_data(tracks: DialogueTracks) -> dict:
    """What the page's script reads: times in seconds, arrays as base64 of bytes, (T, C) row by row."""
    frames = len(tracks.p_now_TC)
    data = {
        "seconds": tracks.wave_CL.shape[1] / tracks.sample_rate,
        "rate": tracks.rate,
        "points": POINTS,
        "bins_s": [float(length) for length in tracks.bins_s],
        "envelope": _bytes(envelope(tracks.wave_CL, tracks.sample_rate).T),
        "now": _bytes(tracks.p_now_TC),
        "future": _bytes(tracks.p_future_TC),
        "events": {kind: tracks.events[kind].tolist() for kind in _in_order(tracks.events)},
        "names": NAMES,
        "known": 0 if tracks.true_TCN is None else min(len(tracks.true_TCN), frames),
    }
    for key, values in (("active", tracks.active_TC), ("bins", tracks.p_TCN), ("sure", tracks.best_T)):
        if values is not None:
            data[key] = _bytes(values[:frames])
    for key, bits_TCN in (("best", tracks.best_TCN), ("actual", tracks.true_TCN)):
        if bits_TCN is not None:
            packed = np.packbits(bits_TCN[:frames].astype(np.uint8), axis=-1, bitorder="little")
            data[key] = base64.b64encode(packed.tobytes()).decode("ascii")
    if tracks.activity is not None:
        data["activity"] = [[[round(a, 3), round(b, 3)] for a, b in side] for side in tracks.activity]
    return data


def envelope(wave_CL: np.ndarray, sample_rate: int) -> np.ndarray:
    """(C, P) peaks of every 10 ms as a share of the channel's own highest."""
    size = max(round(sample_rate / POINTS), 1)
    padded_CL = np.pad(np.abs(wave_CL), ((0, 0), (0, -wave_CL.shape[1] % size)))
    peak_CP = padded_CL.reshape(len(wave_CL), -1, size).max(-1)
    return peak_CP / np.maximum(peak_CP.max(-1, keepdims=True), 1e-9)


def _bytes(shares: np.ndarray) -> str:
    """Shares in [0, 1] in steps of 1/255."""
    scaled = (np.clip(np.nan_to_num(shares), 0, 1) * 255).round().astype(np.uint8)
    return base64.b64encode(np.ascontiguousarray(scaled).tobytes()).decode("ascii")


def _in_order(events: Mapping[str, np.ndarray]) -> list[str]:
    return sorted(events, key=lambda kind: (FIRST.index(kind) if kind in FIRST else len(FIRST), kind))


def _opening(tracks: DialogueTracks) -> Html:
    return tag(
        "header",
        tag("p", "sonant report", class_="brand"),
        tag("h1", f"Dialogue {tracks.name}"),
        tag("p", tracks.said, class_="lead") if tracks.said else "",
    )


def _timeline(tracks: DialogueTracks) -> Html:
    kinds = [
        tag("option", f"{NAMES.get(kind, kind).replace('_', ' ')} ({len(tracks.events[kind])})", value=kind)
        for kind in _in_order(tracks.events)
    ]
    events = [tag("select", *kinds, id="kind", aria_label="Kind of events"), *_buttons("previous", "next")]
    moves = [("left", "◀"), ("right", "▶"), ("in", "zoom in"), ("out", "zoom out"), ("all", "whole")]
    buttons = [tag("button", said, type="button", data_do=do) for do, said in moves]
    tools = tag("div", *buttons, tag("span", class_="space"), *(events if kinds else ()), class_="tools")
    canvases = [
        tag("canvas", id="overview", role="img", aria_label="Who speaks when in the whole dialogue"),
        tag("canvas", id="timeline", role="img", aria_label="Waveforms, activity, probabilities, bins and events"),
    ]
    keys = legend([("speaker 0", 0, "box"), ("speaker 1", 1, "box")])
    explained = (
        "Shaded behind the waveforms: who truly speaks. From the cursor on, the bins of the projected window: filled "
        "by their probability, framed where truly active; dots are the likeliest class. Drag to move, Ctrl and wheel "
        "or + and − to zoom, arrows to go on, n and p for the next and previous event."
    )
    shown = tag("div", *canvases, class_="timeline")
    window = tag("canvas", id="window", role="img", aria_label="The window at the cursor") if _has_bins(tracks) else ""
    under = tag("div", tag("dl", id="told", class_="told"), tag("div", window), class_="under")
    without = tag("noscript", tag("p", "The timeline is drawn by a script of this page.", class_="missing"))
    return tag("section", keys, tools, shown, under, tag("p", explained, class_="fine"), without, id="dialogue")


def _has_bins(tracks: DialogueTracks) -> bool:
    return tracks.p_TCN is not None


def _buttons(*names: str) -> list[Html]:
    return [tag("button", name, type="button", data_do=name) for name in names]


def _windows(windows: Sequence[WindowView]) -> Html:
    figures = [tag("figure", tag("figcaption", f"at {view.seconds:.2f} s"), window_drawing(view)) for view in windows]
    explained = (
        "Bins of the next seconds of both speakers: filled by the probability that they are active, framed where they "
        "truly were, a dot where the likeliest class has them active. The thin strips are true activity."
    )
    return section("windows", "Windows", tag("p", explained, class_="fine"), tag("div", *figures, class_="figures"))
