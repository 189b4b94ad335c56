"""Pickles of strangers: numbers, texts and containers of them; anything that would run code is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from .errors import SonantError


class _Plain(pickle.Unpickler):
    """Looks up no class and no function, so that nothing in the file can be called."""

    def find_class(self, module: str, name: str) -> Any:
        raise SonantError(f"the file asks to run code ({module}.{name}) while being read")

    def persistent_load(self, pid: Any) -> Any:
        raise SonantError("the file refers to objects outside itself")


def read_plain_pickle(path: str | Path) -> Any:
    """What a pickle of plain values holds: None, booleans, numbers, texts, bytes, tuples, lists, sets, dictionaries.

    Pickles of Python 2 are read too, their texts as Latin-1.

    Raises:
        SonantError: no such file, a damaged one, or one that asks for code.
    """
    try:
        with Path(path).open("rb") as stream:
            return _Plain(stream, encoding="latin1").load()
    except SonantError as error:
        raise SonantError(f"{path}: refused, {error}; only lists, numbers and texts are taken from pickles") from None
    except OSError as error:
        raise SonantError(f"cannot read '{path}': {error.strerror}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise SonantError(f"{path}: damaged, or no pickle ({type(error).__name__}: {error})") from None
