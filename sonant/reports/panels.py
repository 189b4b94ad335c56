"""One utterance on one time axis: waveform, log-mel spectrogram, phones, self-similarity of the frames.

Every position comes from the frames' own geometry: the edge between frames i and i + 1 lies at
``time_of(i + 0.5)``, so the matrix, the spectrogram and the phone boundaries share an axis exactly.

Letters: L samples, T frames, M mel bands, D dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.geometry import FrameGeometry, samples_of
from .charts import compact, ticks
from .examples import Example
from .images import data_address, png, wav
from .markup import Html, folded, join, table, tag
from .phones import is_silence

LEFT, WIDTH, RIGHT = 44, 480, 4
WAVE, MEL, STRIP, GAP = 38, 112, 42, 6
LONGEST = 3.0  # seconds of an utterance that are shown: more is too fine to see
FINEST = 320  # frames on a side of the matrix: more are averaged
EXPLAINED = (
    "Each point of a square compares two moments: the cosine of the two frames, once their mean over the utterance "
    "is taken off; bright is alike. Lines are phone boundaries. A representation that knows phones shows even blocks "
    "between the lines, and bright blocks wherever a phone comes back."
)


@dataclass(frozen=True)
class Span:
    """The stretch of time that a panel shows, in seconds."""

    start: float
    end: float

    def x(self, seconds: float) -> float:
        return (seconds - self.start) / (self.end - self.start) * WIDTH


def panel(example: Example, *, number: int) -> Html:
    """The figure of one example: the matrices of the representation and of the log-mel, the sound, the phones."""
    span = _span(example)
    ids = {"mel": f"mel-{number}", "clip": f"clip-{number}"}
    who = (
        ", ".join(filter(None, (example.model, f"layer {example.layer}" if example.layer else "")))
        or "the representation"
    )
    shared = _shared(example, span, ids)
    columns = [
        _column(example, span, ids, title=who, frames=(example.frames_TD, example.frames_geometry)),
        _column(
            example, span, ids, title="log-mel, for comparison", frames=(example.logmel_TM, example.logmel_geometry)
        ),
    ]
    first, last = samples_of(span.start, example.sample_rate), samples_of(span.end, example.sample_rate)
    sound = data_address(wav(example.wave_L[max(first, 0) : last], example.sample_rate), "audio/wav")
    player = tag("audio", controls=True, preload="metadata", src=sound, aria_label=f"sound of {example.name}")
    rows = [(label, f"{onset:.3f}", f"{offset:.3f}") for label, onset, offset in _visible(example, span)]
    phones = folded("Phones as a table", table(("phone", "from (s)", "to (s)"), rows)) if rows else ""
    name = tag(
        "figcaption", example.name, tag("small", f"{span.start:.2f} to {span.end:.2f} s of {example.seconds:.2f} s")
    )
    return tag("figure", name, player, shared, tag("div", *columns, class_="columns"), phones, class_="panel")


def similarity(frames_TD: np.ndarray) -> np.ndarray:
    """(T, D) frames -> (T, T) cosines in [-1, 1] of the frames without their mean; a frame equal to the mean gets 0."""
    centred_TD = frames_TD.astype(np.float64) - frames_TD.mean(axis=0, dtype=np.float64)
    norms_T = np.linalg.norm(centred_TD, axis=1, keepdims=True)
    unit_TD = centred_TD / np.maximum(norms_T, 1e-12)
    return np.clip(unit_TD @ unit_TD.T, -1.0, 1.0)


def _span(example: Example) -> Span:
    spoken = [onset for label, onset, _ in example.phones if not is_silence(label)]
    start = max(min(spoken, default=0.0) - 0.1, 0.0) if example.seconds > LONGEST else 0.0
    start = min(start, max(example.seconds - LONGEST, 0.0))
    return Span(start, max(min(example.seconds, start + LONGEST), start + 1e-3))


def _visible(example: Example, span: Span) -> list[tuple[str, float, float]]:
    return [phone for phone in example.phones if phone[2] > span.start and phone[1] < span.end]


def _cut(frames_TD: np.ndarray, geometry: FrameGeometry, span: Span) -> tuple[np.ndarray, float, float]:
    """(frames, left edge, right edge in seconds) of the frames that a span shows, averaged if too many."""
    first = min(max(geometry.frame_at(span.start) - 1, 0), len(frames_TD) - 1)
    last = max(min(geometry.frame_at(span.end) + 2, len(frames_TD)), first + 1)
    several = max(math.ceil((last - first) / FINEST), 1)
    last = first + max((last - first) // several, 1) * several
    shown = frames_TD[first:last]
    if several > 1 and len(shown) == last - first:
        shown = shown.reshape(-1, several, shown.shape[1]).mean(axis=1)
    return shown, geometry.time_of(first - 0.5), geometry.time_of(last - 0.5)


def _shared(example: Example, span: Span, ids: dict[str, str]) -> Html:
    """The spectrogram, stored once and used by both columns."""
    shown_TM, left, right = _cut(example.logmel_TM, example.logmel_geometry, span)
    low, high = np.quantile(shown_TM, (0.02, 0.995))
    picture = tag(
        "image",
        href=data_address(png(shown_TM.T[::-1], low=float(low), high=float(high)), "image/png"),
        x=round(span.x(left), 3),
        width=round(span.x(right) - span.x(left), 3),
        height=MEL,
        preserveAspectRatio="none",
        id=ids["mel"],
    )
    return tag("svg", tag("defs", picture), width=0, height=0, class_="hidden", aria_hidden="true")


def _column(
    example: Example, span: Span, ids: dict[str, str], *, title: str, frames: tuple[np.ndarray, FrameGeometry]
) -> Html:
    mel_top = WAVE + GAP
    strip_top = mel_top + MEL
    square_top = strip_top + STRIP
    height = square_top + WIDTH + 40
    clip = f"{ids['clip']}-{'a' if frames[0] is example.frames_TD else 'b'}"
    inside = f"url(#{clip})"
    parts = [
        tag("clipPath", tag("rect", width=WIDTH, height=height), id=clip),
        tag("g", _wave(example, span), transform=f"translate({LEFT} 0)"),
        tag("g", tag("use", href=f"#{ids['mel']}"), clip_path=inside, transform=f"translate({LEFT} {mel_top})"),
        tag("g", _square(frames, span), clip_path=inside, transform=f"translate({LEFT} {square_top})"),
        tag("g", _phones(example, span, strip_top - mel_top), transform=f"translate({LEFT} {mel_top})"),
        _time_axes(span, square_top),
        tag("text", f"{example.logmel_TM.shape[1]} mel bands", x=14, y=mel_top + MEL / 2, class_="label middle",
            transform=f"rotate(-90 14 {mel_top + MEL / 2})"),
        tag("path", d=f"M{LEFT} 0V{square_top + WIDTH}", class_="playhead", data_left=LEFT, data_width=WIDTH),
    ]  # fmt: skip
    told = f"Waveform, spectrogram, phones and self-similarity of {title} for {example.name}"
    drawn = tag(
        "svg", *parts, viewBox=f"0 0 {LEFT + WIDTH + RIGHT} {height}", role="img", aria_label=told, class_="chart"
    )
    return tag("div", tag("h4", title), drawn)


def _wave(example: Example, span: Span) -> Html:
    first, last = (samples_of(seconds, example.sample_rate) for seconds in (span.start, span.end))
    shown_L = example.wave_L[max(first, 0) : last]
    peak = float(np.abs(shown_L).max(initial=0.0)) or 1.0
    cuts = np.linspace(0, len(shown_L), WIDTH + 1).astype(int)
    tall = [np.abs(shown_L[a:b]).max(initial=0.0) / peak * WAVE / 2 for a, b in zip(cuts, cuts[1:], strict=False)]
    top = "L".join(f"{x} {WAVE / 2 - tall_x:.1f}" for x, tall_x in enumerate(tall))
    bottom = "L".join(f"{x} {WAVE / 2 + tall_x:.1f}" for x, tall_x in reversed(list(enumerate(tall))))
    return tag("path", d=f"M{top}L{bottom}Z", class_="wave")


def _square(frames: tuple[np.ndarray, FrameGeometry], span: Span) -> Html:
    shown_TD, left, right = _cut(*frames, span)
    at, size = round(span.x(left), 3), round(span.x(right) - span.x(left), 3)
    picture = data_address(png(similarity(shown_TD), low=-0.5, high=1.0), "image/png")
    return tag("image", href=picture, x=at, y=at, width=size, height=size, preserveAspectRatio="none", class_="crisp")


def _phones(example: Example, span: Span, strip: float) -> Html:
    """Boundaries through spectrogram and square, and the labels between them in two rows; origin at the spectrogram."""
    phones = _visible(example, span)
    edges = sorted({time for _, onset, offset in phones for time in (onset, offset) if span.start < time < span.end})
    places = [round(span.x(time), 2) for time in edges]
    square = strip + STRIP
    over = "".join(f"M{x} 0v{strip}M{x} {square}v{WIDTH}" for x in places)
    between = "".join(f"M{x} {strip}v{STRIP}" for x in places)
    across = "".join(f"M0 {round(square + x, 2)}H{WIDTH}" for x in places)
    labels = []
    taken = [0.0, 0.0, 0.0]  # how far to the right each of three rows is written
    for label, onset, offset in phones:
        if is_silence(label):
            continue
        middle = (span.x(max(onset, span.start)) + span.x(min(offset, span.end))) / 2
        half = 3.8 * len(label) + 2
        row = next((row for row, right in enumerate(taken) if right <= middle - half), taken.index(min(taken)))
        taken[row] = middle + half
        told = tag("title", f"{label}: {onset:.3f} to {offset:.3f} s")
        labels.append(tag("text", label, told, x=round(middle, 1), y=strip + 12 + 13 * row, class_="phone middle"))
    lines = [tag("path", d=over + across, class_="edges"), tag("path", d=between, class_="grid")] if places else []
    return join([*lines, *labels])


def _time_axes(span: Span, square_top: int) -> Html:
    parts: list[Html] = []
    bottom = square_top + WIDTH
    for value in ticks(span.start, span.end, about=6):
        place = span.x(value)
        parts.append(tag("path", d=f"M{LEFT + place:.1f} {bottom}v5M{LEFT} {square_top + place:.1f}h-5", class_="axis"))
        parts.append(tag("text", compact(value), x=round(LEFT + place, 1), y=bottom + 19, class_="tick middle"))
        parts.append(tag("text", compact(value), x=LEFT - 8, y=round(square_top + place + 4.5, 1), class_="tick end"))
    parts.append(tag("text", "seconds", x=LEFT + WIDTH, y=bottom + 36, class_="label end"))
    return tag("g", *parts)
