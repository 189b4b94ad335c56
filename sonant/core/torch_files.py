"""Files of torch from strangers: data only, never code."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from .errors import SonantError, require


def read_torch(path: str | Path, *, allowed: Sequence[type] = (), mmap: bool = False) -> Any:
    """What ``torch.save`` wrote: tensors, numbers, strings and containers of them.

    Args:
        allowed: Python classes whose objects may be in it besides.
        mmap: tensors are read when they are looked at, where the file allows it.

    Raises:
        SonantError: no such file, a damaged one, one of another kind, or one that asks for code.
    """
    path = Path(path)
    require(path.is_file(), f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give the file itself")
    require(path.stat().st_size > 0, f"{path}: the file is empty; download, copy or make it again")
    try:
        with torch.serialization.safe_globals(list(allowed)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols of pickles that are refused all the same
            try:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
            except RuntimeError:
                if not mmap:
                    raise
                return torch.load(path, map_location="cpu", weights_only=True)  # old files cannot be mapped
    except pickle.UnpicklingError as error:
        raise SonantError(f"{path}: refused, {_refusal(str(error))}") from None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise SonantError(f"{path}: damaged, or no file of torch ({why}); download, copy or make it again") from None


def _refusal(text: str) -> str:
    asked = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"global[s]? ([\w.]+)", text, re.I)
    if asked:
        return (
            f"the file asks to run code ({asked[1]}) while being read; it should hold tensors, numbers and strings "
            "only: save its state dict, or its tensor, anew"
        )
    why = text.rpartition("WeightsUnpickler error:")[2].strip().splitlines() or [""]
    return (
        f"torch cannot read it as plain data ({why[0][:120]}); what torch.save writes of tensors, numbers and strings "
        "can be read"
    )
