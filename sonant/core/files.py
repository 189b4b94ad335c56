"""Files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from .errors import SonantError


def write_atomically(path: str | Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Call ``write(stream)`` on a temporary neighbour of ``path``, then put it in place in one step.

    A crash, a full disk or a kill at any moment leaves the old file or the new one, never a part. Devices and pipes
    (``/dev/null``) are written to and never replaced.
    """
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            with path.open("wb") as stream:
                write(stream)
        else:
            _replace(path, write)
    except OSError as error:
        if error.errno in (None, errno.ENOSPC):  # NumPy tells a full disk by text alone
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def _replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_lines(path: str | Path, kind: str = "") -> list[str]:
    """The lines of a text in UTF-8, without a mark of its encoding.

    Args:
        kind: what it is, for messages: ``the list of words``.

    Raises:
        SonantError: no such file, or no text.
    """
    kind = kind and f"{kind} "
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SonantError(f"cannot read {kind}'{path}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise SonantError(f"{kind}'{path}' is not text in UTF-8") from None


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
