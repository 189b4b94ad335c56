"""Archives of OpenSLR: ``<url>/<part>.tar.gz`` or ``.zip``, with checksums in ``<url>/md5sum.txt`` or known before."""

from __future__ import annotations

import sys
from pathlib import Path

from ...core import SonantError
from ..download import download, unpack


def fetch(url: str, part: str, folder: Path, *, suffix: str = ".tar.gz", md5: str | None = None) -> None:
    """Download, check and unpack a part into ``folder``; a mark beside it says that it is there whole.

    Args:
        md5: checksum of the archive; None: the published list tells it.
    """
    done = folder / f".{part}.complete"
    if done.is_file():
        return
    name = f"{part}{suffix}"
    archive = folder / name
    if not archive.is_file():
        download(f"{url}/{name}", archive, md5=md5 or _checksum(url, name, folder))
    unpack(archive, folder)
    done.touch()
    archive.unlink()


def _checksum(url: str, name: str, folder: Path) -> str | None:
    """The published checksum of an archive, None with a warning when there is none."""
    try:
        listed = download(f"{url}/md5sum.txt", folder / "md5sum.txt").read_text(encoding="utf-8")
    except SonantError as error:
        print(f"sonant: no checksums ({error}); {name} is not verified", file=sys.stderr)
        return None
    rows = [line.split() for line in listed.splitlines()]
    return next((row[0] for row in rows if len(row) == 2 and row[1].lstrip("*").rsplit("/", 1)[-1] == name), None)
