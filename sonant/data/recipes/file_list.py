"""A list of files with their speakers: ``speaker path`` lines (ssl-for-slr), or sslsv's CSV ``File,Speaker,...``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ...core import require
from ...core.files import read_lines
from ..audio import AudioInfo
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, write

ABOUT = "a list of files: lines 'speaker path', or a CSV with columns File and Speaker (Gender, Language, Set)"


def prepare(
    source: Path | None,
    out: Path,
    *,
    root: Path | None = None,
    part: str | None = None,
    language: str | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of the files that a list names. An utterance's id is its path without suffix.

    root      folder that relative paths start from; default: the folder of the list
    part      take only the rows with this in the column Set, such as train
    language  code of the language, for all files that have none in the column Language
    check     decode everything now, which finds truncated files and NaN samples
    strict    stop at the first unusable file instead of skipping it
    """
    require(
        source is not None and Path(source).is_file(),
        f"the recipe file_list needs a list to read, got '{source}': sonant prepare file-list LIST OUT --root FOLDER",
    )
    path, base = Path(source), Path(source).parent if root is None else Path(root)
    rows = _rows(path)
    if part is not None:
        known = sorted({row.get("set", "") for row in rows})
        rows = [row for row in rows if row.get("set") == part]
        require(rows, f"'{path}' has no row whose Set is '{part}'; known: {', '.join(filter(None, known)) or 'none'}")
    skipped = Skipped(strict=strict)
    files = [base / row["file"] for row in rows]

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        read = headers(files, skipped, check=check, total=len(files))
        for row, (file, info) in zip(rows, read, strict=True):
            if info is not None:
                id = Path(row["file"]).with_suffix("").as_posix()
                spoken = row.get("language") or language
                known = {"speaker": row.get("speaker") or None, "gender": row.get("gender") or None}
                yield Utterance(id=id, path=str(file), language=spoken, **known), info

    return write(utterances(), out, name=path.stem, skipped=skipped)


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows with ``file``, ``speaker`` and what else a CSV has, names in lower case."""
    lines = [line for line in read_lines(path, "the list ") if line.strip()]
    require(lines, f"the list '{path}' is empty")
    if "," in lines[0] and "file" in [name.strip().lower() for name in lines[0].split(",")]:
        names = [name.strip().lower() for name in next(csv.reader(lines[:1]))]
        rows = [dict(zip(names, (value.strip() for value in row), strict=False)) for row in csv.reader(lines[1:])]
        short = next((number for number, row in enumerate(rows, start=2) if not row.get("file")), None)
        require(short is None, f"{path}, line {short}: no file in the column File")
        return rows
    rows = []
    for number, line in enumerate(lines, start=1):
        fields = line.split(maxsplit=1)
        require(
            len(fields) == 2,
            f"{path}, line {number}: '{line.strip()[:60]}' is not 'speaker path'; a CSV needs a first line with File "
            "and Speaker",
        )
        rows.append({"speaker": fields[0], "file": fields[1].strip()})
    return rows
