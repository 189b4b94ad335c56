"""Reference numbers of objectives on two views."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from two_views import Reference


@pytest.fixture(scope="session")
def reference(oracle_dir) -> Reference:
    return Reference(oracle_dir)
