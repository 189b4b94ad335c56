"""Corpora, manifests, views of them and batches."""

from __future__ import annotations

import importlib


def __getattr__(name: str):
    """Files of this folder, imported when they are first named."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None
