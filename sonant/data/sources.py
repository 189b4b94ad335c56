"""What can be extracted from: a folder of audio, one file, a manifest folder, Kaldi's ``wav.scp``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core import SonantError, require
from .audio import AudioInfo, find_audio, names_of, read_headers
from .manifest import RECORDINGS, Manifest, Utterance

MAPS = (".scp", ".map", ".txt")  # files with an utterance and the path of its audio a line


def find_utterances(source: str | Path, *, tree: bool = False) -> list[Utterance]:
    """The utterances of ``source`` in its own order, without labels.

    Args:
        source: a manifest folder; a folder of audio (named by file names where these differ, else by paths); an
            audio file; a ``wav.scp`` or the Kaldi folder that holds one, or any ``.map`` or ``.txt`` like it.
        tree: name the audio of a folder by paths beneath it in any case.

    Returns:
        Utterances with their durations. One whose file cannot be read has duration 0: reading it tells why.

    Raises:
        SonantError: there is no such place, or no audio in it.
    """
    source = Path(source)
    require(source.exists(), f"no file or folder '{source}'")
    if source.is_file():
        if source.suffix in MAPS:
            return _scp(source)
        return _files([source], [source.stem])
    if (source / RECORDINGS).is_file() or (source / f"{RECORDINGS}.gz").is_file():
        manifest = Manifest.open(source)
        return [manifest.unlabelled(index) for index in range(len(manifest))]
    if (source / "wav.scp").is_file():
        return _scp(source / "wav.scp")
    files = find_audio(source)
    require(files, f"no audio beneath '{source}': sonant looks for .wav .flac .mp3 .ogg .opus .sph .m4a and others")
    return _files(files, names_of(files, source, tree=tree))


def _scp(path: Path) -> list[Utterance]:
    from .kaldi import read_scp

    entries = read_scp(path)
    return _files(list(entries.values()), list(entries))


def _files(files: Sequence[Path], names: Sequence[str]) -> list[Utterance]:
    return [_utterance(name, path, found) for name, (path, found) in zip(names, read_headers(files), strict=True)]


def _utterance(name: str, path: Path, found: AudioInfo | SonantError) -> Utterance:
    if isinstance(found, SonantError):
        return Utterance(id=name, path=str(path))
    return Utterance(id=name, path=str(path), duration=found.duration, sample_rate=found.sample_rate)
