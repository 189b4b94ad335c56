"""Checkpoints: whole or absent, tensors and plain values only, newest readable first."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Failure, SonantError, require
from ..core.files import write_atomically
from ..core.seeding import restore_rng_state, rng_state

NEEDED = {"step", "state", "method", "average", "optimizer", "scaler", "rng", "lines", "config"}


class WriteFailed(Failure):
    """The machine could not write (disk full, no permission): one clear line, exit code 1. Nothing old is lost."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing ``path`` into ``WriteFailed``."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__
        reason = getattr(cause, "strerror", None) or str(error).splitlines()[0]
        free = shutil.disk_usage(_existing(path)).free / 1e9
        raise WriteFailed(
            f"cannot write {path}: {reason} ({free:.1f} GB free there); what was written before is intact: "
            "see to room and permissions, then go on with --resume"
        ) from error


def folder(run_dir: Path) -> Path:
    """Where the checkpoints of a run lie."""
    return Path(run_dir) / "checkpoints"


def save(run_dir: Path, payload: dict, *, keep: int) -> Path:
    """Write ``payload`` (with its ``step``) durably, then delete all but the newest ``keep`` checkpoints."""
    path = folder(run_dir) / f"step_{payload['step']:08d}.pt"
    with writing(path):
        write_atomically(path, lambda stream: torch.save(payload, stream))
        sync_folder(path.parent)
        for old in listed(run_dir)[keep:]:
            old.unlink()
    return path


def listed(run_dir: Path) -> list[Path]:
    """Checkpoint files of a run, newest first."""
    return sorted(folder(run_dir).glob("step_*.pt"), reverse=True)


def sweep(where: Path) -> None:
    """Remove the unfinished files and folders that a killed process left in a folder."""
    for leftover in Path(where).glob(".*.part"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


def read(path: Path) -> dict:
    """One checkpoint on the CPU. Raises SonantError when it is broken, foreign or carries code."""
    require(Path(path).is_file(), f"there is no checkpoint {path}")
    require(zipfile.is_zipfile(path), f"{path} is no checkpoint, or was cut short")
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise SonantError(f"{path} holds more than tensors and plain values; sonant runs no code from files") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SonantError(f"{path} cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(payload, dict) or NEEDED - payload.keys():
        raise SonantError(f"{path} is no checkpoint of a sonant run; for foreign weights use: sonant import")
    return payload


def latest(run_dir: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that can be read, and a line about each newer one that cannot.

    (None, []) where the run has none. Raises SonantError when it has some and all are broken.
    """
    broken = []
    for path in listed(run_dir):
        try:
            read(path)
        except SonantError as error:
            broken.append(str(error))
        else:
            return path, broken
    require(not broken, f"no checkpoint in {folder(run_dir)} can be read: {'; '.join(broken)}")
    return None, []


def load_weights(module: nn.Module, weights: dict[str, Tensor], *, path: Path, saved: dict, config: dict) -> None:
    """Load ``weights`` into ``module``; refuse those of another model in one line that names the differences."""
    mine = module.state_dict()
    wrong = [f"{key} missing" for key in mine.keys() - weights.keys()]
    wrong += [f"{key} unknown" for key in weights.keys() - mine.keys()]
    wrong += [
        f"{key} {tuple(weights[key].shape)} where {tuple(mine[key].shape)} belongs"
        for key in mine.keys() & weights.keys()
        if isinstance(mine[key], Tensor) and mine[key].shape != weights[key].shape
    ]
    if wrong:
        model = [line for line in differences(saved, config) if not line.startswith(("train.", "optim.", "data."))]
        raise SonantError(
            f"{path} is a checkpoint of another model: {_few(sorted(wrong))}"
            + (f"; settings then and now: {_few(model)}" if model else "")
            + "; use its own configuration, or another --run folder"
        )
    module.load_state_dict(weights)


def differences(saved: dict, now: dict) -> list[str]:
    """``["optim.lr 0.1 -> 0.2", ...]``: leaves of two nested configurations that differ."""
    before, after = _leaves(saved), _leaves(now)
    return [
        f"{key} {before.get(key)} -> {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def random_state() -> dict:
    """The state of all global generators as tensors and plain values."""
    state = rng_state()
    numpy = state["numpy"]
    key = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    return {**state, "numpy": {**numpy, "state": {**numpy["state"], "key": key}}}


def restore_random_state(saved: dict) -> None:
    """Undo everything drawn since ``random_state`` returned ``saved``."""
    numpy = saved["numpy"]
    key = numpy["state"]["key"].numpy().astype(np.uint32)
    restore_rng_state({**saved, "numpy": {**numpy, "state": {**numpy["state"], "key": key}}})


def sync_folder(where: Path) -> None:
    """Make a folder's list of files survive a power cut."""
    handle = os.open(where, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _leaves(value, name: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {name: list(value) if isinstance(value, tuple) else value}
    inner = (_leaves(item, f"{name}.{key}" if name else str(key)) for key, item in value.items())
    return {key: leaf for leaves in inner for key, leaf in leaves.items()}


def _few(items: list[str], most: int = 4) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _existing(path: Path) -> Path:
    return next((parent for parent in Path(path).absolute().parents if parent.exists()), Path("/"))
