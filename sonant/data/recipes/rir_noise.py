"""Room impulse responses and noises (Ko et al., 2017; OpenSLR 28), for augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...core import require
from ...core.files import read_lines
from ..audio import AudioInfo, find_audio
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, write
from ._openslr import fetch

ABOUT = "room impulse responses and noises (OpenSLR 28) for augmentation, with download"
URL = "https://www.openslr.org/resources/28"
MD5 = "e6f48e257286e05de56413b4779d8ffb"
REAL = "real_rirs_isotropic_noises"


def prepare(
    source: Path | None,
    out: Path,
    *,
    part: Literal["simulated", "real", "rirs", "noises"] = "simulated",
    download: bool = False,
    url: str = URL,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of one part. Train with it: augment.rirs OUT, or of noises augment.noise OUT.

    part      simulated: impulse responses of simulated rooms; real: of real ones; rirs: both; noises: those of points
              and of whole rooms
    download  fetch it into SRC first (default SRC: OUT/download; 1.3 GB); what is there already is not fetched again
    url       with download, where the archive lies
    check     decode everything now, which finds truncated files and NaN samples
    strict    stop at the first unusable file instead of skipping it
    """
    if download:
        source = Path(source) if source is not None else Path(out) / "download"
        fetch(url, "rirs_noises", source, suffix=".zip", md5=MD5 if url == URL else None)
    require(
        source is not None and Path(source).is_dir(),
        f"the recipe rir_noise needs the folder of the corpus, got '{source}' (sonant prepare rir_noise SRC OUT), or "
        "--download",
    )
    root = Path(source) / "RIRS_NOISES" if (Path(source) / "RIRS_NOISES").is_dir() else Path(source)
    files = _files(root, part)
    require(
        files, f"'{root}' holds none of the part {part}; expected folders simulated_rirs, {REAL}, pointsource_noises"
    )
    skipped = Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(files, skipped, check=check, total=len(files)):
            if info is None:
                continue
            name = path.relative_to(root).with_suffix("").as_posix().replace("/", "-")
            for channel in range(info.channels):
                id = name if info.channels == 1 else f"{name}-{channel}"
                yield Utterance(id=id, path=str(path), channel=channel, recording=name), info

    return write(utterances(), out, name=f"rir_noise {part}", skipped=skipped)


def _files(root: Path, part: str) -> list[Path]:
    real = find_audio(root / REAL) if (root / REAL).is_dir() else []
    noises = _listed(root / REAL / "noise_list")
    of_rooms = [path for path in real if path.name in noises or "noise" in path.name]
    if part == "noises":
        return of_rooms + (find_audio(root / "pointsource_noises") if (root / "pointsource_noises").is_dir() else [])
    files = [path for path in real if path not in set(of_rooms)] if part in ("real", "rirs") else []
    if part in ("simulated", "rirs") and (root / "simulated_rirs").is_dir():
        files += find_audio(root / "simulated_rirs")
    return files


def _listed(path: Path) -> set[str]:
    """The names of the files in one of Kaldi's lists: the last word of each line is the path."""
    if not path.is_file():
        return set()
    return {line.split()[-1].rpartition("/")[2] for line in read_lines(path) if line.strip()}
