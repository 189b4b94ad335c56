"""One file per foreign checkpoint format: name table to native configuration and weights."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ..core.lazy import submodule


def convert(format: str, source: Any, config: Mapping | None = None):
    """A published checkpoint as a ``Representation``.

    Args:
        format: a file of this folder, such as ``cpc_audio``.
        source: path of the checkpoint, or its state dict.
        config: what the checkpoint does not say about its architecture.

    Raises:
        SonantError: unknown format, a damaged or unsafe file, weights that do not fit.
    """
    build = importlib.import_module("sonant.build")  # names become classes there and nowhere else
    return build.convert(format, source, config)


def __getattr__(name: str):
    return submodule(__name__, name)
