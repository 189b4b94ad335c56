"""Scores on file: ``results.jsonl``, one JSON object per score."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import SonantError, nearest, require
from ..version import __version__

# What the single number of a task is called, when the figure is given as a plain number.
MAIN_FIGURE = {
    "abx": "error",
    "same_different": "ap",
    "word_embedding": "ap",
    "verification": "eer",
    "probe": "accuracy",
    "turn_taking": "f1",
    "asr": "wer",
}
UNIT_FIGURES = {"pnmi", "phone_purity", "cluster_purity", "v_measure"}
PERPLEXITIES = {"perplexity", "unigram_perplexity", "bigram_perplexity", "unit_perplexity"}
ENTROPIES = {"cross_entropy", "unit_cross_entropy"}
GUESSES = {"top_1", "top_5", "top_1_in_silence", "hold_accuracy", "shift_accuracy"}
LOWER_IS_BETTER = {"error", "eer", "min_dcf", "wer", "cer", "per", "loss"} | ENTROPIES | PERPLEXITIES
WORD_FIGURES = {"ap", "prb", "swdp_ap", "swdp_prb", "mean_ap", "mean_prb"}
HIGHER_IS_BETTER = {"accuracy", "f1", "balanced_accuracy", "auc", "mtwv"} | WORD_FIGURES | UNIT_FIGURES | GUESSES
SHARES = (LOWER_IS_BETTER | HIGHER_IS_BETTER) - {"min_dcf", "loss", "mtwv"} - ENTROPIES - PERPLEXITIES
SHARES -= UNIT_FIGURES  # fractions, shown in per cent; those of units are usually told as they are
CHANCE = {("abx", "error"): 0.5, ("verification", "eer"): 0.5}
BASELINES = {"mfcc": "MFCC", "logmel": "log-mel", "log-mel": "log-mel", "fbank": "log-mel"}


@dataclass(frozen=True)
class Result:
    """One score.

    Attributes:
        task: name of the evaluation, such as ``abx``.
        figure: the score, or several by name (``{"eer": 0.03, "min_dcf": 0.2}``); shares lie in [0, 1].
        settings: what changes the meaning of the figure (speaker, context, distance, items, ...).
        model: name or path of what was scored; ``mfcc`` and ``logmel`` are the baselines.
        data: what it was scored on.
        seed: seed of the model's training, or of the evaluation where it draws; None: nothing was drawn.
        version: version of sonant that scored.
        seconds: how long scoring took.
        confusions: ``{"phones": [P names], "matrix": P rows of P}``: the ABX error of A (row) against B
            (column) in [0, 1], None where the pair did not occur.
        extra: any other keys of the line, kept as they are.
    """

    task: str
    figure: float | dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    data: str = ""
    seed: int | None = None
    version: str = __version__
    seconds: float | None = None
    confusions: dict[str, list] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for name in ("task", "model", "data", "version"):
            _check(isinstance(getattr(self, name), str), name, "text", getattr(self, name))
        _check(bool(self.task), "task", "the name of a task", self.task)
        _check(isinstance(self.settings, dict), "settings", "an object", self.settings)
        _check(self.seed is None or _whole(self.seed), "seed", "a whole number or null", self.seed)
        _check(self.seconds is None or _finite(self.seconds), "seconds", "a number or null", self.seconds)
        numbers = list(self.figure.values()) if isinstance(self.figure, dict) else [self.figure]
        _check(
            bool(numbers) and all(_finite(x) for x in numbers),
            "figure",
            "a finite number or an object of them",
            self.figure,
        )
        if self.confusions is not None:
            _check_confusions(self.confusions)

    @property
    def figures(self) -> dict[str, float]:
        """The score by name, also when it was given as one number."""
        if isinstance(self.figure, dict):
            return {str(name): float(value) for name, value in self.figure.items()}
        return {MAIN_FIGURE.get(self.task, "figure"): float(self.figure)}

    def line(self) -> dict[str, Any]:
        """The object of its line in the file."""
        kept = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "extra"}
        if self.confusions is None:
            del kept["confusions"]
        return {**kept, **self.extra}

    @classmethod
    def of_line(cls, line: Any) -> Result:
        """From the object of a line. Raises SonantError that says what is wrong with it."""
        require(isinstance(line, Mapping), f"a result must be an object, got {line!r:.60}")
        known = [field.name for field in dataclasses.fields(cls) if field.name != "extra"]
        for needed in ("task", "figure"):
            require(needed in line, f"it has no '{needed}'.{_misspelt(needed, set(line) - set(known))}")
        given = {name: line[name] for name in known if name in line}
        for name in ("settings", "model", "data", "version"):  # null says: not known
            if given.get(name, "") is None:
                given[name] = {} if name == "settings" else ""
        given.setdefault("version", "")
        return cls(**given, extra={key: value for key, value in line.items() if key not in known})


def confusions_of(phones: Sequence[str], matrix_PP: Sequence[Sequence[float]]) -> dict[str, list]:
    """``Result.confusions`` from names and a (P, P) array or nested list; what is not finite becomes None."""
    rows = [[float(cell) for cell in row] for row in matrix_PP]
    cells = [[cell if math.isfinite(cell) else None for cell in row] for row in rows]
    return {"phones": [str(phone) for phone in phones], "matrix": cells}


def append_result(path: str | Path, result: Result) -> Result:
    """Add one score to the end of a ``results.jsonl`` in a single write, and return it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(result.line(), ensure_ascii=False, allow_nan=False, default=str) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
    return result


def read_results(paths: str | Path | Sequence[str | Path]) -> list[Result]:
    """Every score of one or several ``results.jsonl`` files, in order.

    Raises:
        SonantError: a file is missing, or a line is broken (file and line number are named).
    """
    found = []
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SonantError(f"{path}: not readable as results ({error}); give a results.jsonl") from None
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                found.append(_read_line(line, f"{path}, line {number}"))
    return found


def read_whole_results(path: str | Path) -> tuple[list[Result], list[str]]:
    """(scores, notes) of one file: lines that are broken are left out, and told in a note each."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"{path}: not readable as results ({error})"]
    found, notes = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            found += [_read_line(line, f"{path}, line {number}")] if line.strip() else []
        except SonantError as error:
            notes.append(f"left out: {error}")
    return found, notes


def results_table(results: Iterable[Result]) -> list[dict[str, str]]:
    """One row per figure, all text, for terminals and pages: task, condition, model, figure, data, seed, ..."""
    return [
        {
            "task": result.task,
            "condition": condition(result),
            "model": result.model,
            "figure": f"{spell_name(name)} {spell_figure(name, value)}",
            "data": result.data,
            "seed": "" if result.seed is None else str(result.seed),
            "version": result.version,
            "time": "" if result.seconds is None else f"{result.seconds:.3g} s",
        }
        for result in results
        for name, value in result.figures.items()
    ]


def condition(result: Result) -> str:
    """The settings that name a score in one phrase: ``across speaker, within context, angular``."""
    settings = result.settings
    words = [f"{settings[key]} {key}" for key in ("speaker", "context") if settings.get(key)]
    words += [str(settings["distance"])] if settings.get("distance") else []
    words += [f"{key} {settings[key]}" for key in ("set", "variant") if settings.get(key)]
    words += [str(settings["decoding"])] if settings.get("decoding") else []
    return ", ".join(words)


def spell_figure(name: str, value: float) -> str:
    """A figure for people: shares in per cent, the rest with four digits."""
    return f"{100 * value:.1f} %" if name in SHARES else f"{value:.4g}"


def spell_name(figure: str) -> str:
    """The name of a figure for people: ``EER``, ``min DCF``, ``error``."""
    known = {
        "eer": "EER",
        "min_dcf": "min DCF",
        "ap": "average precision",
        "prb": "precision-recall breakeven",
        "swdp_ap": "average precision (different speakers)",
        "swdp_prb": "breakeven (different speakers)",
        "mean_ap": "average precision (mean over words)",
        "mean_prb": "breakeven (mean over words)",
        "f1": "F1",
        "wer": "WER",
        "cer": "CER",
        "mtwv": "MTWV",
        "pnmi": "PNMI",
        "v_measure": "V-measure",
        "per": "PER",
    }
    return known.get(figure, figure.replace("_", " "))


def _read_line(line: str, where: str) -> Result:
    try:
        return Result.of_line(json.loads(line))
    except json.JSONDecodeError as error:
        raise SonantError(
            f"{where}: not JSON ({error.msg}); was writing it cut off? Delete the line or repair it"
        ) from None
    except SonantError as error:
        raise SonantError(f"{where}: {error}") from None


def _misspelt(needed: str, others: Iterable[str]) -> str:
    close = nearest(needed, others)
    return close.replace("Did you mean", "Is it meant by") if close else ""


def _check(holds: bool, name: str, allowed: str, given: Any) -> None:
    require(holds, f"'{name}' of a result must be {allowed}, got {given!r:.60}")


def _check_confusions(confusions: Any) -> None:
    good = isinstance(confusions, Mapping) and {"phones", "matrix"} <= set(confusions)
    _check(good, "confusions", "an object with 'phones' and 'matrix'", confusions)
    phones, matrix = confusions["phones"], confusions["matrix"]
    square = (
        isinstance(phones, list)
        and isinstance(matrix, list)
        and len(matrix) == len(phones)
        and all(isinstance(row, list) and len(row) == len(phones) for row in matrix)
    )
    require(square, "'confusions' of a result needs as many rows and columns in 'matrix' as there are 'phones'")
    cells = [cell for row in matrix for cell in row]
    good = all(cell is None or _finite(cell) for cell in cells)
    require(good, "'matrix' of the confusions holds something that is neither a finite number nor null")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
