"""Shared fixtures: real data and oracles are found through environment variables only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} names no folder: this test needs data that the repository does not ship")
    return Path(value)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real speech (``SONANT_DATA``)."""
    return _folder("SONANT_DATA")


@pytest.fixture(scope="session")
def oracle_dir() -> Path:
    """Folder of reference numbers (``SONANT_ORACLES``)."""
    return _folder("SONANT_ORACLES")


@pytest.fixture(scope="session")
def small_dialogue():
    """A model of two channels, 50 frames a second, with random weights."""
    from sonant import build

    config = {
        "sample_rate": 16000,
        "encoder": {"name": "cpc_conv", "dim": 16},
        "context": {"name": "lstm", "dim": 16},
        "dialogue": {"heads": 2, "cross_layers": 1},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build.representation_of(config).eval()
        torch.nn.init.normal_(model.dialogue.head.weight)
    return model
