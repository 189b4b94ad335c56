"""Names of files and the classes that they stand for."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..core import unknown

CLASS_OF = {
    "features": "Features",
    "encoders": "Encoder",
    "contexts": "Context",
    "workers": "Worker",
    "methods": "Method",
}
SECTION_OF = {"features": "features", "encoder": "encoders", "context": "contexts", "method": "methods"}


def names(kind: str) -> list[str]:
    """Every file name of a folder such as ``encoders``, ``methods`` or ``importers``, sorted."""
    package = importlib.import_module(f"sonant.{kind}")
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))


def module_of(kind: str, name: str) -> Any:
    """The module of one name, or an error with the nearest known one."""
    known = names(kind)
    if name not in known:
        raise unknown(kind.rstrip("s") if kind != "features" else "features", str(name), known)
    return importlib.import_module(f"sonant.{kind}.{name}")


def class_of(kind: str, name: str) -> type:
    """The class that a file of ``kind`` stands for."""
    return getattr(module_of(kind, name), CLASS_OF[kind])
