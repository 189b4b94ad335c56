"""The model card: ``README.md`` of a model folder, with the front matter that model hubs read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.geometry import FrameGeometry, seconds_of
from .results import BASELINES, Result, condition, results_table

SECTIONS = ("features", "encoder", "context", "method")


def model_card(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Text of the card: what the model is, its geometry, its data, how to load it, its scores, its licence.

    Args:
        config: ``config.json`` of the model folder (``sample_rate``, ``features``, ``encoder``, ``context``,
            ``layer``, and, where known, ``geometry``, ``layers``, ``training``).
        summary: what the configuration does not say, all optional: ``name``, ``about`` (a sentence),
            ``parameters``, ``past`` and ``future`` (frames of context; None: without bound), ``hours``,
            ``speakers``, ``languages`` (codes), ``data`` (name of the corpus), ``steps``, ``seed``,
            ``licence`` (an SPDX identifier), ``repo`` (where to load it from), ``results`` (list of Result),
            ``dialogue`` (what a model of dialogue listens to, as ``dialogue_rows`` takes it).
            What is not in ``summary`` is looked for in ``config["training"]``.
    """
    training = config.get("training")
    known = {**(training if isinstance(training, Mapping) else {}), **summary}
    name = str(known.get("name") or config.get("name") or "A speech representation")
    results = list(known.get("results") or [])
    parts = [
        _front_matter(config, known, name, results),
        f"# {_inline(name)}\n\n{_about(config, known)}",
        "## Use\n\n" + _use(str(known.get("repo") or "path/to/this/folder"), known.get("dialogue")),
        "## What it is\n\n" + _table(("", ""), _architecture(config, known)),
        "## Training\n\n" + _training(known),
        "## Scores\n\n" + _scores(results),
        "## Licence\n\n"
        + (_inline(known["licence"]) if known.get("licence") else "Not stated by whoever trained the model."),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(config: Mapping, known: Mapping, name: str, results: Sequence[Result]) -> str:
    import yaml

    names = [_name_of(config.get(section)) for section in SECTIONS] + [_name_of(known.get("method"))]
    tags = ["speech", "audio", "self-supervised-learning", *dict.fromkeys(filter(None, names))]
    matter: dict[str, Any] = {
        "library_name": "sonant",
        "license": str(known.get("licence") or "unknown").lower(),
        "pipeline_tag": "feature-extraction",
        "tags": tags,
    }
    if known.get("languages"):
        languages = known["languages"]
        matter["language"] = [languages] if isinstance(languages, str) else [str(language) for language in languages]
    own = [result for result in results if result.model.lower() not in BASELINES]
    if own:
        matter["model-index"] = [{"name": name, "results": [_hub_result(result) for result in own]}]
    return "---\n" + yaml.safe_dump(matter, sort_keys=False, allow_unicode=True).strip() + "\n---"


def _hub_result(result: Result) -> dict[str, Any]:
    data = result.data or "unknown"
    metrics = [
        {
            "type": figure,
            "value": value,
            "name": ", ".join(filter(None, (f"{result.task} {figure}", condition(result)))),
        }
        for figure, value in result.figures.items()
    ]
    return {"task": {"type": "feature-extraction"}, "dataset": {"name": data, "type": data}, "metrics": metrics}


def _about(config: Mapping, known: Mapping) -> str:
    if known.get("about"):
        return _inline(known["about"])
    method, context = _name_of(config.get("method")) or _name_of(known.get("method")), _name_of(config.get("context"))
    learnt = f" learnt without labels by {_inline(method)}" if method else ""
    built = (
        f": {_inline(_name_of(config.get('encoder')) or 'an encoder')} with {_inline(context)} on it" if context else ""
    )
    return f"A representation of speech{learnt}{built}. Waveform in, one vector per frame out."


def _use(place: str, dialogue: Mapping | None) -> str:
    lines = [
        "```python",
        "import sonant",
        f"model = sonant.load({place!r})",
        "frames = model.encode(wave)  # wave: float tensor (L,) or (B, L) in [-1, 1] at model.sample_rate",
        "```",
        "",
        "`frames.x_BTD` holds the vectors, `frames.lengths_B` how many are real, "
        "`frames.geometry.time_of(i)` the time of frame `i` in seconds.",
    ]
    if dialogue:
        waves, shape = (
            ("waves", "(B, 2, L), a channel for each speaker") if dialogue["channels"] == 2 else ("wave", "(B, L)")
        )
        told = "".join(f", {name}" for name in ("None", "activity") if dialogue["told"])
        call = f"model.converse({waves}{told})  # {waves}: {shape};"
        if dialogue.get("units"):
            call = "model.read(units, activity)  # (B, T) numbers of units and (B, T, 2);"
        lines += ["", "```python", f"out = {call} out.logits: of the futures of every frame", "```"]
    return "\n".join(lines)


def _architecture(config: Mapping, known: Mapping) -> list[tuple[str, str]]:
    rows = []
    for section in SECTIONS:
        part = config.get(section) or (known.get(section) if section == "method" else None)
        if isinstance(part, Mapping):
            details = ", ".join(f"{key} {value}" for key, value in part.items() if key != "name")
            rows.append((section, f"{part.get('name', '')}{f' ({details})' if details else ''}"))
        elif part:
            rows.append((section, str(part)))
    layers = config.get("layers")
    if isinstance(layers, Mapping):
        rows.append(("layers", ", ".join(f"{layer} ({size})" for layer, size in layers.items())))
    if config.get("layer"):
        rows.append(("default layer", str(config["layer"])))
    if known.get("parameters"):
        rows.append(("parameters", f"{known['parameters']:,}"))
    rows.append(("sample rate", f"{config['sample_rate']} Hz" if config.get("sample_rate") else "not stated"))
    rows += _geometry(config, known)
    return rows + (dialogue_rows(known["dialogue"]) if known.get("dialogue") else [])


def dialogue_rows(dialogue: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a model of dialogue listens to, is told and foretells, as rows of a table.

    Args:
        dialogue: ``channels``, ``told``, ``rate_hz``, ``projection``, ``outputs``, ``bins_s``, ``width_frames``, and
            ``units`` of models on units.
    """
    two = dialogue["channels"] == 2
    told = {"activity": "who is active", "history": "the shares of both in the past"}
    foretold = {
        "discrete": f"{dialogue['outputs']} classes",
        "independent": "independent bins",
        "comparative": "the share of speaker 0",
    }[dialogue["projection"]]
    heard = "two channels, one for each speaker" if two else "one channel with both speakers"
    rows = [
        ("listens to", f"{dialogue['units']} units of {heard}" if dialogue.get("units") else heard),
        ("is told", " and ".join(told[name] for name in dialogue["told"]) or "nothing"),
        (
            "foretells",
            f"the next {sum(dialogue['bins_s']):g} s of both speakers: {foretold} ({bins_of(dialogue['bins_s'])})",
        ),
        ("says so at", f"{dialogue['rate_hz']:g} Hz"),
    ]
    width = dialogue["width_frames"]
    return rows + ([("attention sees", f"{width} frames")] if width else [])


def bins_of(bins_s: Sequence[float]) -> str:
    """``bins of 0.2, 0.4, 0.6, 0.8 s``, or ``40 bins of 0.05 s``."""
    if len(bins_s) > 1 and len(set(bins_s)) == 1:
        return f"{len(bins_s)} bins of {bins_s[0]:g} s"
    return f"bins of {', '.join(f'{seconds:g}' for seconds in bins_s)} s"


def _geometry(config: Mapping, known: Mapping) -> list[tuple[str, str]]:
    stored = config.get("geometry")
    if not isinstance(stored, Mapping):
        return []
    geometry = FrameGeometry(**stored)

    def milliseconds(samples: int) -> str:
        return f"{1000 * seconds_of(samples, geometry.sample_rate):g} ms"

    rows = [
        ("frame rate", f"{geometry.rate:g} Hz (a frame every {milliseconds(geometry.hop)})"),
        ("window of a local frame", milliseconds(geometry.window)),
    ]
    if "past" in known and "future" in known:
        past, future = known["past"], known["future"]
        if future is None:
            field = "the whole utterance"
        elif past is None:
            field = "everything before"
        else:
            field = milliseconds(geometry.window + (past + future) * geometry.hop)
        ahead = "the whole utterance" if future is None else milliseconds(_samples_ahead(geometry, future))
        rows += [("receptive field", field), ("look-ahead", ahead)]
    return rows


def _samples_ahead(geometry: FrameGeometry, future: int) -> int:
    """Samples beyond the end of its own hop that a frame waits for."""
    return future * geometry.hop + max(geometry.window + geometry.offset - geometry.hop, 0)


def _training(known: Mapping) -> str:
    said = [
        ("data", known.get("data")),
        ("hours", known.get("hours")),
        ("speakers", known.get("speakers")),
        ("languages", known.get("languages")),
        ("steps", known.get("steps")),
        ("audio heard (h)", known.get("audio_hours")),
        ("lowest validation loss", known.get("valid_loss")),
        ("seed", known.get("seed")),
        ("imported", known.get("imported")),
        ("from", known.get("from")),
        ("fine-tuned", known.get("fine_tuned")),
    ]
    rows = [(key, _spell(value)) for key, value in said if value not in (None, "", [], {})]
    return _table(("", ""), rows) if rows else "Not stated."


def _scores(results: Sequence[Result]) -> str:
    if not results:
        return "None on file yet: see `sonant eval --help`."
    columns = ("task", "condition", "model", "figure", "data")
    rows = [[row[column] for column in columns] for row in results_table(results)]
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_inline(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _name_of(part: Any) -> str:
    return str(part.get("name", "")) if isinstance(part, Mapping) else str(part or "")


def _spell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _inline(value: Any) -> str:
    """Text of one line that Markdown and the HTML inside it leave as it is."""
    text = " ".join(str(value).split())
    for mark in "\\`*_[]|":
        text = text.replace(mark, "\\" + mark)
    return text.replace("<", "&lt;").replace(">", "&gt;")
