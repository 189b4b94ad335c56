"""Recipes: a chain of sonant commands as a YAML file, and the values of its settings.

A recipe holds ``about``, ``settings`` and ``stages``, and may hold ``folder`` and ``freeze``; docs/recipes.md describes
every key. Nothing in it is code: a stage is the words of one sonant command, in which ``{setting}`` stands for a value,
``{dir}`` for the work folder and ``{out:stage}`` for all that an earlier stage makes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.config import check_keys, find_config, read_yaml, shipped_configs
from ..core.errors import SonantError, nearest, require, unknown

SHIPPED = Path(__file__).parents[1] / "recipes"
PLACEHOLDER = re.compile(r"\{(\w+|out:[\w+.-]+)\}")
FROZEN = "config.yaml"  # of a work folder: the configuration that its first use has frozen
NAME = re.compile(r"[a-z0-9][\w+.-]*")
# Words of the command line that a setting may neither be nor begin; {dir} and {each} are filled in by us.
TAKEN = ("dir", "each", "set", "list", "only", "from", "until", "force", "dry_run", "json", "help")
Kind = Literal["text", "number", "words", "path", "config", "model"]


@dataclass(frozen=True)
class Setting:
    """What a recipe asks for.

    Attributes:
        about: one line for people.
        kind: text; number; words (several, quoted as in a shell); path (must exist); config (shipped name or YAML
            file); model (a name, or a path when it exists).
        default: as YAML has it; None: not given.
        required: it has no default and must be given.
        choices: the only values allowed, when there are some.
    """

    name: str
    about: str
    kind: Kind
    default: Any
    required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A stage as the recipe writes it: ``parts`` are the words of its command, line by line.

    ``keep``: once done it stays done, whatever changes in what it was made from.
    """

    name: str
    about: str
    parts: tuple[tuple[str, ...], ...]
    outs: tuple[str, ...]
    ins: tuple[str, ...]
    when: Mapping[str, Any]
    unless: Mapping[str, Any]
    each: tuple[str, ...] | str | None
    resume: tuple[str, ...] | None
    keep: bool = False


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read and checked.

    ``folder`` is the work folder by default, with settings in braces; ``freeze`` the configuration and the changes to
    it, line by line, that become the folder's ``config.yaml`` at its first use.
    """

    name: str
    about: str
    settings: dict[str, Setting]
    stages: tuple[Template, ...]
    folder: str | None = None
    freeze: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Value:
    """A setting's value: as ``given``, and as it is ``compared`` between runs (paths absolute).

    ``source`` is the file or folder behind it, ``config`` the shipped name or the file of a configuration.
    """

    given: str | tuple[str, ...]
    compared: str | tuple[str, ...]
    source: str | None = None
    config: str | None = None


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of every recipe in the package."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find_recipe(name: str | Path) -> Path:
    """The YAML file meant by a shipped name or a path."""
    shipped = shipped_recipes()
    if str(name) in shipped:
        return shipped[str(name)]
    if Path(name).is_file():
        return Path(name)
    raise SonantError(
        f"no recipe '{name}': it is neither a file nor a shipped name.{nearest(str(name), shipped)} "
        f"Shipped: {', '.join(shipped)}"
    )


def read_recipe(name: str | Path) -> Recipe:
    """Read and check a recipe. Raises SonantError that names the file, the stage and the key."""
    path = find_recipe(name)
    content = read_yaml(path)
    check_keys(content, ("about", "settings", "stages", "folder", "freeze"), str(path))
    require(NAME.fullmatch(path.stem), f"{path}: a recipe's file name must be plain, such as my-recipe.yaml")
    given = content.get("settings") or {}
    require(isinstance(given, dict), f"{path}: settings must be a mapping of names, got {given!r:.60}")
    settings = {str(key): _setting(str(key), value, f"{path}: setting '{key}'") for key, value in given.items()}
    stages = content.get("stages")
    require(isinstance(stages, list) and stages, f"{path}: stages must be a list of at least one stage")
    read = tuple(_template(stage, number, str(path)) for number, stage in enumerate(stages, start=1))
    for number, stage in enumerate(read):
        before = [other.name for other in read[:number]]
        where = f"{path}: stage '{stage.name}'"
        require(stage.name not in before, f"{where} comes twice; names of stages must differ")
        _check_names(stage, settings, before, where)
    freeze = tuple(tuple(_split(part, f"{path}: freeze")) for part in _texts(content.get("freeze"), f"{path}: freeze"))
    folder = content.get("folder")
    _check_folder(folder, freeze, settings, read, str(path))
    return Recipe(path.stem, str(content.get("about", "")), settings, read, folder, freeze)


def settle(
    recipe: Recipe,
    given: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    kept: Mapping[str, str | None] | None = None,
) -> dict[str, Value | None]:
    """A value for every setting; None where it is not given.

    Args:
        given: pairs of name and text; a later one counts; ``null`` takes a default away. A name with a dot
            (``optim.lr``) is added to the setting ``options``, where the recipe has one of several words.
        lenient: leave required settings that are missing at None.
        kept: settings that stay as they were, whether or not what they name is still there; None: not given.

    Raises:
        SonantError: an unknown name (with the nearest), a value that does not fit, a required setting missing.
    """
    texts, kept = texts_of(recipe, given), kept or {}
    values = {}
    for name, setting in recipe.settings.items():
        if name in kept:
            values[name] = _as_it_was(setting, kept[name])
            continue
        text = texts.get(name, setting.default)
        left = text in (None, "null") or (text == "" and setting.kind != "words")
        values[name] = None if left else _value(setting, text)
        require(
            values[name] is not None or not setting.required or lenient,
            f"the recipe {recipe.name} needs the setting '{name}' ({setting.about}): give it as "
            f"--{name.replace('_', '-')} VALUE",
        )
    return values


def texts_of(recipe: Recipe, given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The settings that are given, by name. Raises SonantError for an unknown one, with the nearest."""
    texts, further = {}, []
    has_options = "options" in recipe.settings and recipe.settings["options"].kind == "words"
    for key, text in given:
        name = key.replace("-", "_")
        if "." in key and has_options:
            further += [f"--{key}", text]
        elif name not in recipe.settings:
            raise unknown("setting", key, recipe.settings)
        else:
            texts[name] = text
    if further:
        before = texts.get("options", plain_text(recipe.settings["options"].default or []))
        texts["options"] = f"{'' if before == 'null' else before} {shlex.join(further)}".strip()
    return texts


def plain_text(value: Any) -> str:
    """A YAML value as one types it on the command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shlex.join(map(plain_text, value)) if isinstance(value, (list, tuple)) else str(value)


def placeholders(words: Sequence[str]) -> list[str]:
    """The names in braces in some words."""
    return [name for word in words for name in PLACEHOLDER.findall(word)]


def fill(words: Sequence[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The words with their placeholders replaced; a placeholder alone may become several words."""
    filled: list[str] = []
    for word in words:
        alone = PLACEHOLDER.fullmatch(word)
        if alone and isinstance(values[alone[1]], tuple):
            filled += values[alone[1]]
        else:
            filled.append(PLACEHOLDER.sub(lambda found: values[found[1]], word))
    return tuple(filled)


def _value(setting: Setting, default: Any) -> Value:
    text = plain_text(default)
    where = f"the setting '{setting.name}'"
    if setting.choices and text not in setting.choices:
        hint = nearest(text, setting.choices)
        raise SonantError(f"{where} must be one of {', '.join(setting.choices)}, got '{text}'.{hint}")
    if setting.kind == "words":
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise SonantError(f"{where} must be words quoted as in a shell, got '{text}': {error}") from None
        return Value(words, words)
    if setting.kind == "number":
        require(_is_number(text), f"{where} must be a number, got '{text}'")
    if setting.kind == "config":
        path = find_config(text)
        name = text if text in shipped_configs() else str(path.absolute())
        return Value(text, name, config=name)
    place = Path(text).expanduser()
    if setting.kind == "path":
        require(place.exists(), f"{where} ({setting.about}): there is no file or folder '{text}'")
    if setting.kind == "path" or (setting.kind == "model" and place.exists()):
        inner = place / "model"  # of a run folder only the model counts, not the scores beside it
        source = inner if setting.kind == "model" and inner.is_dir() else place
        return Value(str(place), str(place.absolute()), source=str(source.absolute()))
    return Value(text, text)


def _as_it_was(setting: Setting, text: str | None) -> Value | None:
    if text is None:
        return None
    words = tuple(shlex.split(text)) if setting.kind == "words" else text
    return Value(words, words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _setting(name: str, given: Any, where: str) -> Setting:
    require(re.fullmatch(r"[a-z]\w*", name), f"{where}: names of settings are lower-case letters, digits and _")
    taken = [word for word in TAKEN if word.startswith(name)]
    require(
        not taken, f"{where}: the name is taken by the command line (--{taken[0] if taken else ''}); choose another"
    )
    require(isinstance(given, dict), f"{where} must be a mapping with about and default, got {given!r:.60}")
    check_keys(given, ("about", "default", "is", "choices"), where)
    require(given.get("about"), f"{where} needs about, a line that says what it is")
    default = given.get("default")
    guessed = "words" if isinstance(default, list) else "number" if _is_plain_number(default) else "text"
    kind = given.get("is", guessed)
    if kind not in get_args(Kind):
        raise unknown(f"kind in {where}:", str(kind), get_args(Kind))
    choices = given.get("choices", [])
    require(isinstance(choices, list), f"{where}: choices must be a list, got {choices!r:.60}")
    return Setting(name, str(given["about"]), kind, default, "default" not in given, tuple(map(plain_text, choices)))


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _template(given: Any, number: int, path: str) -> Template:
    where = f"{path}: stage {number}"
    require(isinstance(given, dict), f"{where} must be a mapping with name, run and out, got {given!r:.60}")
    check_keys(given, ("name", "about", "run", "out", "in", "when", "unless", "each", "resume", "keep"), where)
    name = str(given.get("name", ""))
    require(NAME.fullmatch(name), f"{where} needs a plain name, such as train, got '{name}'")
    where = f"{path}: stage '{name}'"
    parts = tuple(tuple(_split(part, f"{where}: run")) for part in _texts(given.get("run"), f"{where}: run"))
    require(parts and parts[0], f"{where} needs run, the words of a sonant command")
    outs = tuple(place.removeprefix("{dir}/") for place in _texts(given.get("out"), f"{where}: out"))
    require(outs, f"{where} needs out, the files or folders that it makes: they show whether it is complete")
    resume = given.get("resume", False)
    if isinstance(resume, bool):
        again = () if resume else None
    else:
        again = tuple(word for text in _texts(resume, f"{where}: resume") for word in _split(text, f"{where}: resume"))
    keep = given.get("keep", False)
    require(isinstance(keep, bool), f"{where}: keep must be true or false, got {keep!r:.60}")
    each = given.get("each")
    if each is not None and not isinstance(each, str):
        each = tuple(_texts(each, f"{where}: each"))
    return Template(
        name=name,
        about=str(given.get("about", "")),
        parts=parts,
        outs=outs,
        ins=tuple(_texts(given.get("in"), f"{where}: in")),
        when=_condition(given.get("when"), f"{where}: when"),
        unless=_condition(given.get("unless"), f"{where}: unless"),
        each=each,
        resume=again,
        keep=keep,
    )


def _texts(given: Any, where: str) -> list[str]:
    """One text or a list of texts, as a list."""
    items = [] if given is None else given if isinstance(given, list) else [given]
    for item in items:
        require(
            isinstance(item, (str, int, float)) and not isinstance(item, bool),
            f"{where} must be text or a list of texts, got {item!r:.60}; YAML needs quotes around text that begins "
            'with a brace: "{setting}"',
        )
    return [plain_text(item) for item in items]


def _split(text: str, where: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SonantError(f"{where}: '{text}' cannot be split into words ({error})") from None


def _condition(given: Any, where: str) -> Mapping[str, Any]:
    require(given is None or isinstance(given, dict), f"{where} must be a mapping such as {{labels: given}}")
    return {str(key): value for key, value in (given or {}).items()}


def _check_names(stage: Template, settings: Mapping[str, Setting], before: Sequence[str], where: str) -> None:
    """Every name in braces and in conditions is known; several words go where a word stands alone."""
    words = [*(word for part in stage.parts for word in part), *stage.outs, *stage.ins]
    for name in placeholders(words):
        if name.startswith("out:") and name[4:] not in before:
            raise unknown(f"earlier stage in {where}:", name[4:], before)
        if not name.startswith("out:") and name not in {*settings, "dir"} and (name != "each" or stage.each is None):
            raise unknown(f"setting in {where}:", name, settings)
    for name in [*stage.when, *stage.unless, *([stage.each] if isinstance(stage.each, str) else [])]:
        if name not in settings:
            raise unknown(f"setting in {where}:", name, settings)
    several = {name for name, setting in settings.items() if setting.kind == "words"}
    require(
        not isinstance(stage.each, str) or stage.each in several,
        f"{where}: each names '{stage.each}', whose kind must be words",
    )
    for word in words:
        mixed = [name for name in placeholders([word]) if name in several or name.startswith("out:")]
        require(
            not mixed or PLACEHOLDER.fullmatch(word),
            f"{where}: '{word}' is one word, but {{{''.join(mixed[:1])}}} may be several; let it stand alone",
        )
    for place in stage.outs:
        plain = PLACEHOLDER.sub("x", place)
        inside = not plain.startswith(("/", ".")) and ".." not in plain.split("/")
        require(
            inside and plain.split("/")[0] not in ("stages", "earlier", "run.json"),
            f"{where}: out '{place}' must be a path inside the work folder, other than stages, earlier and run.json",
        )


def _check_folder(
    folder: Any, freeze: Sequence[Sequence[str]], settings: Mapping[str, Setting], stages: Sequence[Template], path: str
) -> None:
    """``folder`` and ``freeze`` name settings that exist, and nobody else makes the frozen file."""
    require(folder is None or isinstance(folder, str), f"{path}: folder must be text, got {folder!r:.60}")
    several = {name for name, setting in settings.items() if setting.kind == "words"}
    for name in placeholders([folder or ""]):
        if name not in settings:
            raise unknown(f"setting in {path}: folder:", name, settings)
        require(name not in several, f"{path}: folder names '{name}', which may be several words")
    for word in (word for part in freeze for word in part):
        for name in placeholders([word]):
            if name not in settings:
                raise unknown(f"setting in {path}: freeze:", name, settings)
            alone = name not in several or PLACEHOLDER.fullmatch(word)
            require(alone, f"{path}: freeze: '{word}' is one word, but {{{name}}} may be several; let it stand alone")
    require(not freeze or len(freeze[0]) == 1, f"{path}: freeze begins with a line that is the configuration alone")
    made = [place for stage in stages for place in stage.outs if freeze and place.split("/")[0] == FROZEN]
    require(not made, f"{path}: {FROZEN} is what freeze makes; no stage can make it")
