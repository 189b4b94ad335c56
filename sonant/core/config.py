"""Configurations: YAML that inherits, dotted overrides, unknown keys answered with the nearest known one."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .errors import SonantError, nearest, require

T = TypeVar("T")
SHIPPED = Path(__file__).parents[1] / "configs"


def shipped_configs() -> dict[str, Path]:
    """Name -> file of every configuration in the package, those in folders after the others."""
    return {path.stem: path for depth in ("*.yaml", "*/*.yaml") for path in sorted(SHIPPED.glob(depth), key=_by_number)}


def _by_number(path: Path) -> list:
    """``csa16`` comes after ``csa8``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.stem)]


def find_config(name: str | Path) -> Path:
    """The YAML file meant by a shipped name or a path."""
    shipped = shipped_configs()
    if str(name) in shipped:
        return shipped[str(name)]
    path = Path(name)
    if path.is_file():
        return path
    raise SonantError(
        f"no configuration '{name}': it is neither a file nor a shipped name.{nearest(str(name), shipped)} "
        f"Shipped: {', '.join(shipped)}"
    )


def read_yaml(path: Path) -> dict:
    """One YAML file whose top level is a mapping."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SonantError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    content = {} if content is None else content
    require(isinstance(content, dict), f"{path}: the top level must be a mapping of sections, got {content!r:.80}")
    return content


def read_config(name: str | Path, overrides: Sequence[tuple[str, str]] = ()) -> dict:
    """A configuration as nested dictionaries: file, below it what it ``extends``, then overrides.

    Args:
        name: shipped name or path of a YAML file.
        overrides: pairs such as ``("optim.lr", "1e-3")``; values are read as YAML.
    """
    config = _inherited(find_config(name), ())
    for key, value in overrides:
        set_dotted(config, key, value)
    return config


def _inherited(path: Path, heirs: tuple[Path, ...]) -> dict:
    """A file over what it ``extends``, and that over what it does; ``heirs`` extend this one."""
    require(path not in heirs, f"{path} extends itself, through {', '.join(heir.name for heir in heirs)}")
    config = read_yaml(path)
    parent = config.pop("extends", None)
    if parent is None:
        return config
    beside = path.parent / f"{parent}"
    return merge(_inherited(beside if beside.is_file() else find_config(parent), (*heirs, path)), config)


def merge(base: Mapping, change: Mapping) -> dict:
    """``change`` over ``base``, section by section.

    A section whose ``name`` changes is replaced as a whole: the keys of another component mean nothing to it.
    """
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and value["name"] != old.get("name")
            merged[key] = dict(value) if renamed else merge(old, value)
        else:
            merged[key] = value
    return merged


def set_dotted(config: dict, key: str, value: Any) -> None:
    """Set ``config["a"]["b"]`` for key ``a.b``; strings are read as YAML (``null``, ``true``, ``[1, 2]``)."""
    import yaml

    *sections, last = key.split(".")
    for section in sections:
        if not isinstance(config.get(section), dict):
            config[section] = {}
        config = config[section]
    if last == "name" and config.get("name") not in (None, value):
        config.clear()
    try:
        config[last] = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        config[last] = value


def check_keys(given: Mapping, known: Sequence[str], where: str) -> None:
    """Raise SonantError for the first key of ``given`` that is not known, naming the nearest."""
    for key in given:
        if key not in known:
            hint = nearest(str(key), known)
            raise SonantError(f"unknown key '{key}' in {where}.{hint} Known: {', '.join(sorted(known))}")


def typed(cls: type[T], given: Mapping | None, where: str) -> T:
    """``cls(**given)`` with every value checked and converted to the type of its field.

    Raises:
        SonantError: unknown key (with the nearest known), wrong type, or a value that ``cls`` refuses.
    """
    import jsonargparse

    given = {} if given is None else given
    require(isinstance(given, Mapping), f"{where} must be a mapping of keys to values, got {given!r:.80}")
    check_keys(given, [field.name for field in dataclasses.fields(cls)], where)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--it", type=cls, default=cls())
    try:
        return parser.instantiate(parser.parse_object({"it": dict(given)})).it
    except SonantError:
        raise
    except (jsonargparse.ArgumentError, ValueError, TypeError) as error:
        raise SonantError(f"{where}: {_readable(cls, given, str(error))}") from None


def _readable(cls: type, given: Mapping, message: str) -> str:
    hints = typing.get_type_hints(cls)
    for key, value in given.items():
        if f'"it.{key}"' in message or f".{key}:" in message:
            return f"'{key}' must be {spell(hints[key])}, got {value!r}"
    return " ".join(message.replace("it.", "").split())


def spell(hint: Any) -> str:
    """A type annotation in words: ``one of 'a', 'b'``, ``int or null``."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(part) for part in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(spell(part) for part in parts)
    if origin in (tuple, list):
        return f"a list of {spell(parts[0])}" if parts else "a list"
    return {type(None): "null", int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(
        hint, getattr(hint, "__name__", str(hint))
    )


def plain(value: Any) -> Any:
    """Dataclasses, tuples and paths as what YAML and JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def revive(cls: type[T], stored: Mapping, where: str) -> T:
    """A configuration dataclass from what ``plain`` stored, with no library but the standard one.

    Unknown keys are an error: they come from another version or another component.
    """
    check_keys(stored, [field.name for field in dataclasses.fields(cls)], where)
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()})
