"""Files from the network, whole or not at all, going on where an earlier attempt broke off."""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from ..core import SonantError, require

BLOCK = 1 << 20  # bytes read at once
TIMEOUT_S = 60.0


def download(url: str, path: Path, *, md5: str | None = None) -> Path:
    """Fetch ``url`` to ``path`` through ``<path>.part``; a part that is there already is continued.

    Args:
        md5: checksum in hexadecimal; a file that differs is deleted and the error says so.

    Raises:
        SonantError: no connection, no such file, wrong checksum.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _continue(url, part)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        kept = f" {part.stat().st_size:,} bytes are kept; run it again to go on." if part.exists() else ""
        raise SonantError(f"cannot fetch {url}: {reason}.{kept}") from None
    if md5 is not None:
        with part.open("rb") as stream:
            found = hashlib.file_digest(stream, "md5").hexdigest()
        if found != md5.lower():
            part.unlink()
            raise SonantError(f"{url} arrived with checksum {found}, expected {md5}; it was deleted, fetch it again")
    os.replace(part, path)
    return path


def _continue(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole
            return
        raise
    with answer:
        resumed = have and getattr(answer, "status", None) == 206
        have = have if resumed else 0
        rest = answer.headers.get("Content-Length")
        total = None if rest is None else have + int(rest)
        with part.open("ab" if resumed else "wb") as stream:
            got = _copy(answer, stream, name=url.rsplit("/", 1)[-1], done=have, total=total)
    if total is not None and have + got < total:
        raise OSError(f"the connection ended after {have + got:,} of {total:,} bytes")


def _copy(answer, stream, *, name: str, done: int, total: int | None) -> int:
    got, show = 0, sys.stderr.isatty()
    while block := answer.read(BLOCK):
        stream.write(block)
        got += len(block)
        if show:
            of = f" of {total / 1e6:,.0f}" if total else ""
            print(f"\r{name}: {(done + got) / 1e6:,.0f}{of} MB", end="", file=sys.stderr)
    if show:
        print(file=sys.stderr)
    return got


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive; entries that point outside ``folder`` and special files are refused."""
    require(archive.is_file(), f"no archive '{archive}'")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                for name in packed.namelist():
                    if not (folder / name).resolve().is_relative_to(folder.resolve()):
                        raise zipfile.BadZipFile(f"'{name}' points outside of the archive")
                packed.extractall(folder)
            return
        with tarfile.open(archive) as tar:
            members = [member for member in tar if _inside(member, folder)]
            filters = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4 and later
            tar.extractall(folder, members, **filters)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise SonantError(f"cannot unpack '{archive}': {error}; delete it and fetch it again") from None


def _inside(member: tarfile.TarInfo, folder: Path) -> bool:
    """Whether an entry is a file or folder beneath ``folder``; raises TarError where it is anything else."""
    beneath = (folder / member.name).resolve().is_relative_to(folder.resolve())
    if not beneath or not (member.isreg() or member.isdir()):
        raise tarfile.TarError(f"'{member.name}' points outside of the archive or is no plain file")
    return True
