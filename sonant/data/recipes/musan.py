"""MUSAN (Snyder, Chen and Povey, 2015; OpenSLR 17): 109 hours of music, speech and noise for augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core import require, unknown
from ..audio import AudioInfo, find_audio
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, write
from ._openslr import fetch

ABOUT = "MUSAN (OpenSLR 17): music, speech and noise for augmentation, with download"
URL = "https://www.openslr.org/resources/17"
MD5 = "0c472d4fc0c5141eca47ad1ffeb2a7df"
KINDS = ("music", "speech", "noise")


def prepare(
    source: Path | None,
    out: Path,
    *,
    kinds: str | None = None,
    download: bool = False,
    url: str = URL,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of MUSAN. Train with it: augment.noise OUT.

    kinds     music, speech, noise or several of them with commas; default: all
    download  fetch it into SRC first (default SRC: OUT/download; 11 GB); what is there already is not fetched again
    url       with download, where the archive lies
    check     decode everything now, which finds truncated files and NaN samples
    strict    stop at the first unusable file instead of skipping it
    """
    if download:
        source = Path(source) if source is not None else Path(out) / "download"
        fetch(url, "musan", source, md5=MD5 if url == URL else None)
    require(
        source is not None and Path(source).is_dir(),
        f"the recipe musan needs the folder of the corpus (sonant prepare musan SRC OUT) or --download, got '{source}'",
    )
    root = Path(source) / "musan" if (Path(source) / "musan").is_dir() else Path(source)
    wanted = KINDS if kinds is None else tuple(kinds.split(","))
    for kind in wanted:
        if kind not in KINDS:
            raise unknown("kind of sound", kind, KINDS)
    files = [path for kind in wanted if (root / kind).is_dir() for path in find_audio(root / kind)]
    require(files, f"'{root}' holds no audio in folders {', '.join(wanted)}; is it the folder of MUSAN?")
    skipped = Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(files, skipped, check=check, total=len(files)):
            if info is not None:
                yield Utterance(id=path.stem, path=str(path)), info

    return write(utterances(), out, name=f"musan {','.join(wanted)}", skipped=skipped)
