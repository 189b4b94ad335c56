"""Reading checkpoints of strangers: data only, never code."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import SonantError, require
from ..core.torch_files import read_torch


def read_checkpoint(path: str | Path) -> Any:
    """What a checkpoint file holds: tensors, numbers, strings and containers of them.

    Reads safetensors, npz and torch files. Nothing in the file is executed: of Python objects only
    ``argparse.Namespace``, which many training scripts store beside the weights, is allowed.

    Raises:
        SonantError: no such file, a damaged one, one of another kind, or one that asks for code.
    """
    path = Path(path)
    require(path.is_file(), f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give the checkpoint itself")
    require(path.stat().st_size > 0, f"{path}: the file is empty; download or copy it again")
    reader = {".safetensors": _read_safetensors, ".npz": _read_npz}.get(path.suffix, _read_torch)
    return reader(path)


def read_json(path: str | Path) -> dict:
    """A JSON file whose top level is an object."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SonantError(f"{path}: not readable as JSON ({error})") from None
    require(isinstance(content, dict), f"{path}: must hold a JSON object, got {type(content).__name__}")
    return content


def as_tensors(state: Any, where: str) -> dict[str, Tensor]:
    """A state dict with nothing but tensors in it, or an error that says what else was there."""
    require(isinstance(state, Mapping), f"{where}: expected a state dict, found {type(state).__name__}")
    strange = [key for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    require(not strange, f"{where}: expected tensors by name, but {listed(strange)} hold something else")
    return dict(state)


def as_mapping(config: Any, where: str) -> dict:
    """Training arguments kept as a mapping or as ``argparse.Namespace``."""
    config = vars(config) if isinstance(config, argparse.Namespace) else config
    require(isinstance(config, Mapping), f"{where}: expected arguments by name, found {type(config).__name__}")
    return dict(config)


def listed(names: Sequence, most: int = 4) -> str:
    """The first few names for a message."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise SonantError(f"{path}: damaged or not a safetensors file ({_line(error)}); download it again") from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays}
    except (ValueError, OSError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SonantError(f"{path}: not an npz file of plain arrays ({_line(error)})") from None


def _read_torch(path: Path) -> Any:
    return read_torch(path, allowed=(argparse.Namespace,))


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
