"""Experiments whose configuration freezes: what the first use of a work folder resolves stays.

The first use merges the configuration over all defaults of the day, with the changes of the command line, and writes
``config.yaml``. Later uses read that file alone. What the command line then leaves out is as it was; what it gives must
agree, or it asks for another experiment.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.config import read_config, read_yaml, set_dotted, shipped_configs
from ..core.errors import SonantError, require
from ..core.files import write_text
from ._recipe import FROZEN, Recipe, Value, fill, placeholders, plain_text, settle, texts_of
from ._stages import WorkFolder

MOST = 6  # differing keys that a message names
HEAD = "# Frozen at the first use of this folder: later uses read this file alone.\n"


def default_folder(recipe: Recipe, settings: Sequence[tuple[str, str]], *, lenient: bool = False) -> Path:
    """The work folder when none is given: the recipe's ``folder`` with its settings, or ``runs/<recipe>``.

    A configuration stands in it by its name, a file without its folder and ``.yaml``.

    Args:
        lenient: fall back on ``runs/<recipe>`` when a setting that ``folder`` needs is not given.
    """
    plain = Path("runs") / recipe.name
    if recipe.folder is None:
        return plain
    names = placeholders([recipe.folder])
    given = texts_of(recipe, settings)
    texts = {name: given.get(name, recipe.settings[name].default) for name in names}
    missing = [name for name, text in texts.items() if text in (None, "", "null")]
    if missing and lenient:
        return plain
    for name in missing:
        raise SonantError(
            f"the folder of the recipe {recipe.name} is {recipe.folder}, and '{name}' "
            f"({recipe.settings[name].about}) is not given: give it as --{name.replace('_', '-')} VALUE, or a folder "
            "with --dir"
        )
    return Path(fill([recipe.folder], {name: _in_a_path(recipe, name, text) for name, text in texts.items()})[0])


def kept_settings(recipe: Recipe, work: WorkFolder, before: Mapping[str, str]) -> dict[str, str | None]:
    """The settings that cannot change any more in a folder that is frozen, as they were; empty where nothing is."""
    if not recipe.freeze or work.frozen() is None:
        return {}
    return {name: before.get(name) for name in _frozen_names(recipe)}


def frozen_config(recipe: Recipe, values: Mapping[str, Value | None]) -> dict[str, Any]:
    """The configuration of a first use, resolved: what ``config.yaml`` is going to hold.

    Raises:
        SonantError: the configuration or a change to it is wrong.
    """
    from ..build import resolve

    texts = {name: value and value.compared for name, value in values.items()}
    name, changes = _words(recipe, texts)
    return resolve(name, changes).plain()


def check_agrees(
    recipe: Recipe, work: WorkFolder, settings: Sequence[tuple[str, str]], kept: Mapping[str, str | None]
) -> None:
    """Refuse a command line that asks for another experiment than the frozen one, and a frozen file that was edited.

    Raises:
        SonantError: names the keys that differ, and the next folder that is free.
    """
    frozen = work.frozen() or {}
    _check_file(work, frozen)
    asked = {name: text for name, text in texts_of(recipe, settings).items() if name in kept}
    if not asked:
        return
    others = {name: kept.get(name) for name in recipe.settings if name not in asked}
    now = settle(recipe, list(asked.items()), kept=others)
    texts = {name: value and value.compared for name, value in now.items()}
    in_config = set(placeholders([word for part in recipe.freeze for word in part]))
    pairs = [(name, kept[name], _plain(texts[name])) for name in asked if name not in in_config]
    changed = [f"{name} {before} -> {wanted}" for name, before, wanted in pairs if before != wanted]
    if in_config & asked.keys():
        changed += _config_changes(recipe, frozen, texts, kept, asked)
    if changed:
        more = f" and {len(changed) - MOST} more" if len(changed) > MOST else ""
        raise SonantError(
            f"{work.path} is frozen, and this asks for another experiment: {', '.join(changed[:MOST])}{more}. "
            f"Leave these settings out to go on with it as it is, or {_next_free(recipe, work, settings)}"
        )


def write_frozen(work: WorkFolder, frozen: Mapping[str, Any]) -> None:
    """Leave ``config.yaml`` in the work folder, unless it is there."""
    import yaml

    if not work.place(FROZEN).exists():
        write_text(work.place(FROZEN), HEAD + yaml.safe_dump(dict(frozen), sort_keys=False, allow_unicode=True))


def _frozen_names(recipe: Recipe) -> list[str]:
    """The settings that the configuration and the kept stages name."""
    words = [word for part in recipe.freeze for word in part]
    for stage in recipe.stages:
        if stage.keep:
            words += [*(word for part in stage.parts for word in part), *stage.ins]
            words += [f"{{{name}}}" for name in (*stage.when, *stage.unless)]
    return [name for name in dict.fromkeys(placeholders(words)) if name in recipe.settings]


def _plain(text: Any) -> str | None:
    return None if text is None else plain_text(text)


def _words(recipe: Recipe, texts: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """The configuration and the changes to it, of the lines whose settings are all given."""
    first, *others = recipe.freeze
    words = [
        word
        for part in others
        if all(texts[name] not in (None, ()) for name in placeholders(part))
        for word in fill(part, texts)
    ]
    return fill(first, texts)[0], _pairs(words)


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """``["--a.b", "1", "--c=2"]`` -> ``[("a.b", "1"), ("c", "2")]``."""
    found, rest = [], iter(words)
    for word in rest:
        require(word.startswith("--"), f"unexpected word '{word}' among the settings of the training; give --key value")
        key, equals, value = word[2:].partition("=")
        value = value if equals else next(rest, None)
        require(value is not None, f"the setting --{key} of the training lacks its value")
        found.append((key, value))
    return found


def _config_changes(
    recipe: Recipe, frozen: dict, texts: Mapping[str, Any], kept: Mapping[str, str | None], asked: Mapping[str, str]
) -> list[str]:
    """``["optim.lr 0.1 -> 0.2"]``: what the command line wants otherwise than it is frozen.

    The same configuration by name asks for nothing, though its file may have been edited since.
    """
    from ..build import resolve
    from ..training.checkpoint import differences

    (of_config,) = placeholders(recipe.freeze[0])
    if of_config in asked and _plain(texts[of_config]) != kept[of_config]:
        wanted = read_config(*_words(recipe, texts))
    else:
        wanted = copy.deepcopy(frozen)
        only_asked = {name: text if name in asked or name == of_config else None for name, text in texts.items()}
        for key, value in _words(recipe, only_asked)[1]:
            set_dotted(wanted, key, value)
    return differences(resolve(frozen).plain(), resolve(wanted).plain())


def _check_file(work: WorkFolder, frozen: Mapping[str, Any]) -> None:
    from ..training.checkpoint import differences

    file = work.place(FROZEN)
    if not file.is_file():
        return  # it is written again
    changed = differences(dict(frozen), read_yaml(file))
    require(
        not changed,
        f"{file} was edited after it froze ({', '.join(changed[:MOST])}): what lies beside it was made as it was "
        "before. Delete it, and it is written again as it was; for the edited one use another folder",
    )


def _next_free(recipe: Recipe, work: WorkFolder, settings: Sequence[tuple[str, str]]) -> str:
    """The setting that gives the next folder that is not there, where a number in ``folder`` counts them."""
    names = placeholders([recipe.folder or ""])
    counts = [name for name in names if recipe.settings[name].kind == "number"]
    if counts:
        name = counts[-1]
        given = [pair for pair in settings if pair[0].replace("-", "_") != name]
        now = plain_text(texts_of(recipe, settings).get(name, recipe.settings[name].default))
        first = int(now) + 1 if now.isdigit() else 0
        for number in range(first, first + 10_000):
            place = default_folder(recipe, [*given, (name, str(number))], lenient=True)
            if not place.exists() and not _same(place, work.path):
                return f"begin a new one: --{name.replace('_', '-')} {number} is free ({place})"
    return "begin a new one with another --dir"


def _same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute()


def _in_a_path(recipe: Recipe, name: str, text: Any) -> str:
    text = plain_text(text)
    if recipe.settings[name].kind != "config" or text in shipped_configs():
        return text
    return Path(text).stem if Path(text).suffix in (".yaml", ".yml") else Path(text).name
