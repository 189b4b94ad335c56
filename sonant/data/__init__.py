"""Corpora, manifests, views of them and batches."""

from __future__ import annotations

from ..core.lazy import submodule


def __getattr__(name: str):
    return submodule(__name__, name)
