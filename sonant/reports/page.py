"""One self-contained HTML page about runs and scores: nothing in it comes from anywhere else.

What keeps it so is in ``sheet``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import SonantError
from ..core.files import write_text
from .confusion import confusion_section
from .curves import curves_section
from .examples import find_examples, load_example
from .facts import events_section, key_figures, provenance_section, runs_table, settings_section
from .markup import Html, missing, section, tag
from .panels import EXPLAINED, panel
from .results import Result
from .runs import Run, read_sources, short_name
from .scores import Group, Labels, group_scores, headline, scores_section
from .sheet import sheet

EXAMPLES = 3  # panels on a page


def write_report(
    sources: Sequence[str | Path], out: str | Path, *, examples: Sequence[str | Path] | None = None
) -> Path:
    """Write one page about run folders, model folders and ``results.jsonl`` files.

    Args:
        sources: what to report, at least one; several runs share the axes of the curves.
        out: the HTML file to write; its folder is made.
        examples: example files or folders of them (see ``save_example``); None: those of the runs.

    Returns:
        The path of the page.

    Raises:
        SonantError: a source is missing or holds nothing to report, or a line of results is broken.
    """
    runs, results = read_sources(sources)
    out = Path(out)
    if out.is_dir():
        raise SonantError(f"{out} is a folder; name the file to write, such as {out / 'report.html'}")
    places = [path for run in runs for path in run.examples] if examples is None else find_examples(examples)
    labels = Labels(runs, [result.model for result in results])
    groups = group_scores(results, labels)
    parts = [
        _opening(runs, results, groups),
        scores_section(results, groups, labels),
        *([curves_section(runs, labels)] if runs else []),
        _examples_section(places),
        confusion_section(results, labels),
        *([settings_section(runs)] if runs else []),
        provenance_section(runs),
        events_section(runs, labels),
    ]
    write_text(out, sheet(_title(runs, results), parts, script="page.js"))
    return out


def _title(runs: Sequence[Run], results: Sequence[Result]) -> str:
    names = [run.name for run in runs] or list(
        dict.fromkeys(short_name(result.model) for result in results if result.model)
    )
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return ", ".join(names) or "scores"


def _opening(runs: Sequence[Run], results: Sequence[Result], groups: Sequence[Group]) -> Html:
    said = headline(groups) or _without_scores(runs)
    about = runs[0].config.get("about") if len(runs) == 1 else None
    figures = [
        tag("div", tag("dd", figure), tag("dt", what))
        for run in runs
        if len(runs) == 1
        for figure, what in key_figures(run, groups)
    ]
    links = [("scores", "Scores"), ("examples", "Examples"), ("confusions", "Confusions"), ("provenance", "Provenance")]
    if runs:
        links[1:1] = [("training", "Training")]
        links[-1:-1] = [("settings", "Settings")]
    return tag(
        "header",
        tag("p", "sonant report", class_="brand"),
        tag("h1", _title(runs, results)),
        tag("p", said, class_="lead"),
        tag("p", about, class_="fine") if isinstance(about, str) and about else "",
        tag("dl", *figures, class_="tiles") if figures else "",
        runs_table(runs, groups) if len(runs) > 1 else "",
        tag("nav", *(tag("a", name, href=f"#{anchor}") for anchor, name in links), aria_label="Parts of the page"),
    )


def _without_scores(runs: Sequence[Run]) -> str:
    for run in runs:
        _, valid = run.series("valid", "loss")
        if run.steps is not None:
            loss = f"; its lowest validation loss is {valid.min():.4g}" if len(valid) else ""
            chance = f" (knowing nothing: {run.chance:.4g})" if loss and run.chance is not None else ""
            return f"{run.name} was trained for {run.steps:,} steps{loss}{chance}. It has no ABX score yet."
    return "No ABX score of a model of one’s own is on file."


def _examples_section(places: Sequence[Path]) -> Html:
    if not places:
        return section("examples", "Examples", missing("No example of an utterance was saved with the run."))
    blocks = [tag("p", EXPLAINED, class_="fine")]
    for number, path in enumerate(places[:EXAMPLES]):
        try:
            blocks.append(panel(load_example(path), number=number))
        except SonantError as error:
            blocks.append(missing(str(error)))
    left = len(places) - EXAMPLES
    more = (
        missing(f"{left} more on file {'are' if left > 1 else 'is'} not drawn, to keep the page small.")
        if left > 0
        else ""
    )
    return section("examples", "Examples" if len(places) > 1 else "Example", *blocks, more)
