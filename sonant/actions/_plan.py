"""From a recipe and values to its stages: what each runs, reads and makes.

What a stage reads need not be said twice: it is what its command names, be it a setting that is a path or something
``{dir}/...`` that an earlier stage makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..core.errors import SonantError, nearest, require, unknown
from ._recipe import FROZEN, NAME, Recipe, Template, Value, fill, placeholders, plain_text

IN_FOLDER = re.compile(r"\{dir\}(?:/([^\s,;:=\[\]{}]+))?")


@dataclass(frozen=True)
class Stage:
    """One command of a chain. In ``words`` and ``compared`` the work folder is still ``{dir}``.

    Attributes:
        name: unique; ``base`` is the name in the recipe, which differs for a stage repeated by ``each``.
        outs: what it makes, relative to the work folder.
        left_out: why it takes no part; None: it does.
        problem: why it cannot run as things are; None: it can.
        words: the command as it is run.
        compared: the command as it is compared between runs: paths absolute.
        reads: outs of earlier stages that it reads.
        sources: files and folders from elsewhere that it reads, absolute.
        configs: configurations that it reads: shipped names, or files, absolute.
        resume: words to add when it goes on after an interruption; None: it begins anew then.
        keep: once done it stays done, whatever changes in what it was made from.
    """

    name: str
    base: str
    about: str
    outs: tuple[str, ...]
    left_out: str | None = None
    problem: str | None = None
    words: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    resume: tuple[str, ...] | None = None
    keep: bool = False


def plan(recipe: Recipe, values: Mapping[str, Value | None], *, lenient: bool = False) -> list[Stage]:
    """The stages in order, those left out included.

    Args:
        values: from ``settle``.
        lenient: keep what is wrong with a stage in ``problem`` instead of raising it.

    Raises:
        SonantError: a stage lacks a setting, or reads what no earlier stage makes.
    """
    stages: list[Stage] = []
    given = [Stage("", "", "", (FROZEN,))] if recipe.freeze else []  # there before the first stage
    to_come = [(template, each) for template in recipe.stages for each in _repeats(template, values)]
    drafts = [_draft(template, each, values) for template, each in to_come]
    _check_outs(drafts)
    for (template, each), draft in zip(to_come, drafts, strict=True):
        try:
            before = [*given, *stages]
            stages.append(draft if draft.left_out else _complete(draft, template, each, values, before, drafts))
        except SonantError as error:
            if not lenient:
                raise
            stages.append(replace(draft, problem=str(error)))
    return stages


def choose(
    stages: Sequence[Stage], *, only: Sequence[str] = (), start: str | None = None, until: str | None = None
) -> list[Stage]:
    """The stages that are meant; the name of a repeated stage means all of its repetitions."""
    known = dict.fromkeys(name for stage in stages for name in (stage.base, stage.name))
    for name in [*only, *filter(None, (start, until))]:
        if name not in known:
            raise unknown("stage", name, known)

    def is_meant(name: str, stage: Stage) -> bool:
        return name in (stage.base, stage.name)

    first = 0 if start is None else next(i for i, stage in enumerate(stages) if is_meant(start, stage))
    last = len(stages) if until is None else max(i for i, stage in enumerate(stages) if is_meant(until, stage)) + 1
    require(first < last, f"--from {start} begins after --until {until}; the stages are {', '.join(known)}")
    return [stage for stage in stages[first:last] if not only or any(is_meant(name, stage) for name in only)]


def overlap(a: str, b: str) -> bool:
    """Whether two relative paths are the same or one lies beneath the other."""
    one, other = PurePosixPath(a).parts, PurePosixPath(b).parts
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _repeats(template: Template, values: Mapping[str, Value | None]) -> Sequence[str | None]:
    if template.each is None:
        return (None,)
    found = template.each
    if isinstance(found, str):
        found = values[found].given if values[found] is not None else ()
    for word in found:
        require(
            NAME.fullmatch(word.lower()),
            f"stage '{template.name}' is repeated for '{word}', which cannot be part of a name: letters, digits and "
            "+ . _ - only",
        )
    return tuple(dict.fromkeys(found))


def _draft(template: Template, each: str | None, values: Mapping[str, Value | None]) -> Stage:
    """The name of a stage, what it makes and whether it takes part."""
    name = template.name if each is None else f"{template.name}-{each}"
    left_out = _left_out(template, values)
    texts = _texts(values, each)
    missing = [name for name in placeholders(template.outs) if texts[name] is None]
    if missing and left_out is None:
        raise SonantError(f"the stage '{name}' needs the setting '{missing[0]}': give it as --{missing[0]} VALUE")
    outs = () if missing else tuple(place.rstrip("/") for place in fill(template.outs, texts))
    return Stage(
        name, template.name, template.about, outs, left_out=left_out, resume=template.resume, keep=template.keep
    )


def _left_out(template: Template, values: Mapping[str, Value | None]) -> str | None:
    for name, wanted in template.when.items():
        if not _holds(values[name], wanted):
            return f"{name} is not {plain_text(wanted)}"
    for name, wanted in template.unless.items():
        if _holds(values[name], wanted):
            return f"{name} is {plain_text(wanted)}"
    return None


def _holds(value: Value | None, wanted: Any) -> bool:
    given = value is not None and value.given not in ("", ())
    if wanted == "given":
        return given
    allowed = [plain_text(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
    return value is not None and plain_text(value.given) in allowed


def _texts(values: Mapping[str, Value | None], each: str | None, *, compared: bool = False) -> dict[str, Any]:
    texts = {name: value and (value.compared if compared else value.given) for name, value in values.items()}
    return {**texts, "dir": "{dir}", "each": each}


def _complete(
    draft: Stage,
    template: Template,
    each: str | None,
    values: Mapping[str, Value | None],
    before: Sequence[Stage],
    every: Sequence[Stage],
) -> Stage:
    """The draft with its command and with what it reads."""
    made = _made(template, before)
    texts, compared = _texts(values, each) | made, _texts(values, each, compared=True) | made
    absent = _absent([*before, draft])
    words = [word for part in _parts(draft, template, texts, absent) for word in part]
    ins = [place for place in template.ins if _is_there((place,), texts, absent)]
    also = fill(ins, compared)
    used = [values[name] for name in placeholders([*words, *ins]) if values.get(name) is not None]
    elsewhere = [str(Path(place).absolute()) for place in also if not place.startswith("{dir}")]
    return replace(
        draft,
        words=fill(words, texts),
        compared=fill(words, compared),
        reads=_reads(draft, [*fill(words, texts), *also], before, every),
        sources=tuple(dict.fromkeys([*(value.source for value in used if value.source), *elsewhere])),
        configs=tuple(dict.fromkeys(value.config for value in used if value.config)),
    )


def _made(template: Template, before: Sequence[Stage]) -> dict[str, tuple[str, ...]]:
    """For every ``{out:stage}`` of a template the places that this stage makes."""
    written = [word for part in template.parts for word in part] + list(template.ins)
    return {
        name: tuple(
            f"{{dir}}/{out}"
            for stage in before
            if f"out:{stage.base}" == name and not stage.left_out
            for out in stage.outs
        )
        for name in placeholders(written)
        if name.startswith("out:")
    }


def _absent(stages: Sequence[Stage]) -> dict[str, Stage]:
    """What stages that are left out would make, unless another one makes it."""
    made = [out for stage in stages if not stage.left_out for out in stage.outs]
    left = {out: stage for stage in stages if stage.left_out for out in stage.outs}
    return {out: stage for out, stage in left.items() if not any(overlap(out, other) for other in made)}


def _is_there(part: Sequence[str], texts: Mapping[str, Any], absent: Mapping[str, Stage]) -> bool:
    """Whether all that a line names is given and made."""
    given = all(texts[name] not in (None, ()) for name in placeholders(part))
    return given and not any(_names(fill(part, texts), out) for out in absent)


def _parts(
    draft: Stage, template: Template, texts: Mapping[str, Any], absent: Mapping[str, Stage]
) -> list[Sequence[str]]:
    """The first line of the command, and those of the others whose settings are given and places are made."""
    first, *others = template.parts
    for name in placeholders(first):
        require(
            texts[name] is not None,
            f"the stage '{draft.name}' needs the setting '{name}': give it as --{name.replace('_', '-')} VALUE",
        )
    for out, stage in absent.items():
        require(
            not _names(fill(first, texts), out),
            f"the stage '{draft.name}' reads {out}, which '{stage.name}' makes, and that is left out: {stage.left_out}",
        )
    return [first, *(part for part in others if _is_there(part, texts, absent))]


def _names(words: Sequence[str], out: str) -> bool:
    """Whether the words name ``out`` or something beneath it."""
    parts = PurePosixPath(out).parts
    return any(PurePosixPath(place).parts[: len(parts)] == parts for place in _places(words))


def _places(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        for found in IN_FOLDER.finditer(word):
            yield found[1] or "."


def _reads(stage: Stage, words: Sequence[str], before: Sequence[Stage], every: Sequence[Stage]) -> tuple[str, ...]:
    """Outs of earlier stages that the words name. Raises SonantError for a place that nobody makes in time."""
    made = [out for other in before if not other.left_out for out in other.outs]
    found: list[str] = []
    for place in _places(words):
        hits = [out for out in made if overlap(place, out)]
        found += hits
        if hits or any(overlap(place, out) for out in stage.outs):
            continue
        late = next((other.name for other in every for out in other.outs if overlap(place, out)), None)
        require(
            late is None,
            f"the stage '{stage.name}' reads {{dir}}/{place}, which '{late}' makes, and that comes later or is left "
            "out; stages run in the order of the recipe",
        )
        known = [out for other in every for out in other.outs]
        raise SonantError(
            f"the stage '{stage.name}' names {{dir}}/{place}, which no stage makes.{nearest(place, known)} "
            f"Made are: {', '.join(known)}"
        )
    return tuple(dict.fromkeys(found))


def _check_outs(stages: Sequence[Stage]) -> None:
    names: set[str] = set()
    made: dict[str, str] = {}
    for stage in stages:
        require(stage.name not in names, f"two stages are called '{stage.name}'; names of stages must differ")
        names.add(stage.name)
        for out in () if stage.left_out else stage.outs:
            other = next((name for place, name in made.items() if overlap(place, out)), None)
            require(other is None, f"the stages '{other}' and '{stage.name}' both make {out}; give each its own place")
        made.update(dict.fromkeys(() if stage.left_out else stage.outs, stage.name))
