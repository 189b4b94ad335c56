"""Turn-taking: the events of a dialogue, and how well probabilities of who speaks next foretell them."""

from __future__ import annotations

from ...core.lazy import submodule


def __getattr__(name: str):
    return submodule(__name__, name)
