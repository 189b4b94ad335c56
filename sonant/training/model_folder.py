"""The model of a run: what ``model/`` holds is whole at any moment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ..core import Representation
from .checkpoint import sync_folder, writing


def write_model(
    representation: Representation,
    run_dir: Path,
    facts: dict,
    *,
    save_model: Callable[[Representation, Path, dict], None],
) -> None:
    """Bring ``run_dir/model`` to ``representation``: written aside first, each file then moved in whole."""
    fresh, place = run_dir / ".model.part", run_dir / "model"
    with writing(place):
        shutil.rmtree(fresh, ignore_errors=True)
        save_model(representation, fresh, facts)
        for file in fresh.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        if not place.exists():
            fresh.rename(place)
        else:
            for file in fresh.iterdir():
                file.replace(place / file.name)
            fresh.rmdir()
        sync_folder(run_dir)
