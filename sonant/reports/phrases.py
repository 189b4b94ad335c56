"""The page of a phrase test: averages by region, mean courses, and the phrases themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.files import write_text
from .charts import legend
from .markup import Html, folded, section, table, tag
from .phrase_drawings import PLACES, Curve, PhraseCurves, around, phrase_drawing, region_bars
from .results import Result
from .runs import short_name
from .sheet import sheet

SIGNALS = {
    "p_now": "within 0.6 s (p_now)",
    "p_future": "from 0.6 s on (p_future)",
    "p_next": "next, zero-shot (p_next)",
}
CHANGES = {
    "none": "As they are",
    "flat_f0": "Flat F0",
    "shift_f0": "F0 lowered",
    "low_pass": "Low-pass",
    "flat_intensity": "Flat intensity",
    "average_durations": "Average durations",
}
COMPARED = ("predictive", "reactive")
AFTER_S = 0.8  # s that are drawn after the end of a phrase
COLOURS = {"p_now": 5, "p_future": 6, "p_next": 4}  # of the style sheet, other than those of places


@dataclass(frozen=True)
class Course:
    """Mean courses of one signal around the short completion point; row ``before`` is the point."""

    signal: str
    perturb: str
    curves: Sequence[Curve]
    before: int
    rate: float


def phrase_page(
    out: str | Path,
    lines: Sequence[Result],
    courses: Sequence[Course],
    pairs: Sequence[tuple[PhraseCurves, PhraseCurves]],
) -> Path:
    """Write the page of one model's phrase test.

    Args:
        lines: what ``sonant.actions.phrases.phrase_test`` gave.
        courses: to draw beside the averages.
        pairs: phrases to draw one by one, (short, long).

    Returns:
        The path of the page.
    """
    model = short_name(lines[0].model) if lines[0].model else "the model"
    changes = list(dict.fromkeys(line.settings["perturb"] for line in lines))
    parts = [_opening(model, lines)]
    for change in changes:
        own = [line for line in lines if line.settings["perturb"] == change]
        drawn = [course for course in courses if course.perturb == change]
        parts.append(_averages(change, own, drawn, several=len(changes) > 1))
    if len(changes) > 1:
        parts.append(_comparison(lines, changes))
    if pairs:
        parts.append(_phrases(pairs))
    parts.append(section("figures", "All figures", folded("Every signal, place and region", _figures(lines))))
    write_text(out, sheet(f"Phrase test of {model}", parts, styles=("phrases.css",)))
    return Path(out)


def _opening(model: str, lines: Sequence[Result]) -> Html:
    first = next((line for line in lines if line.task == "phrase_pairs"), None)
    said = "Files: " + ", ".join(f"{line.extra['files']} {line.settings['place']}" for line in lines[:3] if line.extra)
    if first is not None and "predictive" in first.figures:
        share = first.figures["predictive"]
        said = (
            f"In {share:.0%} of {first.extra['pairs']} pairs a shift is more likely before the end of the short phrase "
            "than at the same word of the long one (p_now in the predictive region; chance: 50%)."
        )
    explained = (
        "One channel speaks a phrase, the other is silent; the probability is that the silent one takes over. At the "
        "short completion point (SCP) the short phrase ends and the long one goes on to the end of its turn (EOT)."
    )
    links = [tag("a", "Phrases", href="#phrases"), tag("a", "All figures", href="#figures")]
    return tag(
        "header",
        tag("p", "sonant report", class_="brand"),
        tag("h1", f"Phrase test of {model}"),
        tag("p", said, class_="lead"),
        tag("p", explained, class_="fine"),
        tag("nav", *links, aria_label="Parts of the page"),
    )


def _averages(change: str, lines: Sequence[Result], courses: Sequence[Course], *, several: bool) -> Html:
    figures = []
    for signal, label in SIGNALS.items():
        means: dict[str, dict[str, tuple[float, float]]] = {}
        for line in lines:
            if line.task == "phrases" and line.settings["signal"] == signal:
                spread = line.extra["sd"]
                means[line.settings["place"]] = {name: (mean, spread[name]) for name, mean in line.figures.items()}
        if means:
            caption = tag("figcaption", "A shift ", label)
            figures.append(tag("figure", caption, region_bars(means, title=f"Averages of {signal} by region")))
        for course in courses:
            if course.signal == signal:
                title = f"{signal} around the short completion point"
                drawn = around(course.curves, before=course.before, rate=course.rate, title=title)
                figures.append(tag("figure", tag("figcaption", f"{signal} around SCP"), drawn))
    title = CHANGES.get(change, change.replace("_", " ")) if several else "Averages"
    keys = legend([(place, colour, "box") for place, colour in PLACES.items()])
    if not courses:  # of changed phrases, below those as they are
        return section(f"averages-{change}", title, keys, tag("div", *figures, class_="figures small"))
    fine = tag("p", "Bars and lines are means over files, thin lines and shades one standard deviation.", class_="fine")
    return section(f"averages-{change}", title, keys, fine, tag("div", *figures, class_="figures"))


def _comparison(lines: Sequence[Result], changes: Sequence[str]) -> Html:
    """How far the short phrases stand above the long ones at the same word, as they are and changed."""
    signals = [signal for signal in SIGNALS if any(line.settings["signal"] == signal for line in lines)]
    found: dict[tuple[str, str, str], Mapping[str, float]] = {}
    for line in lines:
        if line.task == "phrases":
            found[line.settings["perturb"], line.settings["signal"], line.settings["place"]] = line.figures
    rows = []
    for change in changes:
        cells = []
        for signal in signals:
            short, long = (found.get((change, signal, place), {}) for place in ("short@SCP", "long@SCP"))
            for region in COMPARED:
                known = region in short and region in long
                cells.append(f"{short[region] - long[region]:.3f}" if known else "")
        rows.append((CHANGES.get(change, change), *cells))
    columns = ("", *(f"{signal}, {region}" for signal in signals for region in COMPARED))
    fine = "The mean probability of a shift at short@SCP less that at long@SCP: 0: the model does not tell them apart."
    return section("perturbations", "Short above long", tag("p", fine, class_="fine"), table(columns, rows))


def _phrases(pairs: Sequence[tuple[PhraseCurves, PhraseCurves]]) -> Html:
    figures = []
    for pair in pairs:
        seconds = max(max(one.points.values()) for one in pair) + AFTER_S
        figures += [
            tag("figure", tag("figcaption", one.name), phrase_drawing(one, seconds=seconds, colours=COLOURS))
            for one in pair
        ]
    keys = legend([(signal, COLOURS[signal], "solid") for signal in pairs[0][0].curves])
    return section("phrases", "Phrases", keys, tag("div", *figures, class_="figures"))


def _figures(lines: Sequence[Result]) -> Html:
    regions = list(dict.fromkeys(name for line in lines for name in line.figures))
    shown = ("perturb", "signal", "place")
    rows = [(*(line.settings[key] for key in shown), *(_spell(line, region) for region in regions)) for line in lines]
    return table((*shown, *regions), rows)


def _spell(line: Result, region: str) -> str:
    if region not in line.figures:
        return ""
    spread: Mapping[str, float] = line.extra.get("sd", {})
    return f"{line.figures[region]:.3f}" + (f" ± {spread[region]:.3f}" if region in spread else "")
