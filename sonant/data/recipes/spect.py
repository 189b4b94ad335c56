"""A SpectDataSet folder (``feat``, ``ali``, ``ref`` of tensors) as a corpus whose features are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ...core import FrameGeometry, SonantError, require, seconds_of
from ...core.files import write_json
from ..audio import AudioInfo
from ..manifest import Manifest, Utterance, stored_path
from ..spect import Run, SpectDir, read_tokens
from ._common import NamedGroups, Skipped, source_folder, write

ABOUT = "a SpectDataSet folder (feat, ali, ref; .pt), as pydrobert-pytorch and scpc train on"
SPEAKER = r"^lbi-(?P<speaker>[^-]+)-"  # as scpc names the utterances of LibriSpeech
ARRAYS = "arrays"  # folder beneath the manifest that stands for the features


def prepare(
    source: Path | None,
    out: Path,
    *,
    rate: float | None = None,
    sample_rate: int = 16_000,
    file_prefix: str = "",
    file_suffix: str = ".pt",
    tokens: Path | None = None,
    speaker_pattern: str | None = None,
    language: str | None = None,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of a SpectDataSet folder. Train on it with: data.train OUT, data.arrays OUT/arrays.

    Nothing is copied. The runs of ali become the phones of an utterance, the tokens of ref its words and its text.

    rate             frames per second of the features; default: sample_rate for raw audio (one feature), else 100
    sample_rate      of the audio below them, in Hz
    file_prefix      of the file names, before the utterance
    file_suffix      of the file names, behind it
    tokens           file with the name and number of each label; default: token2id.txt in the folder, or the numbers
    speaker_pattern  regular expression with a group called speaker, searched in the utterance's name; default: what
                     names such as lbi-1272-128104-0000 say, where there are any
    language         code of the language, for all
    strict           stop at the first utterance that cannot be used instead of skipping it
    """
    spect = SpectDir(source_folder(source, "spect"), prefix=file_prefix, suffix=file_suffix)
    names = spect.names if tokens is None else read_tokens(tokens)
    speaker_of = NamedGroups(speaker_pattern or SPEAKER, ("speaker",))
    dim = _dim(spect)
    hop = _hop(rate, sample_rate, dim)
    skipped = Skipped(strict=strict)
    for id in spect.incomplete:
        skipped.add(f"'{id}' is not in each of {', '.join(spect.there)}")

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for id in spect.ids:
            try:
                yield _utterance(spect, id, dim=dim, hop=hop, sample_rate=sample_rate, names=names, language=language,
                                 speaker=speaker_of(id).get("speaker"))  # fmt: skip
            except SonantError as error:
                skipped.add(error)
        if speaker_pattern is not None:
            speaker_of.close()

    manifest = write(utterances(), out, name=spect.folder.resolve().name, skipped=skipped)
    index = {
        "format": "spect",
        "files": stored_path(spect.folder / "feat", Path(out) / ARRAYS),
        "prefix": file_prefix,
        "suffix": file_suffix,
        "geometry": asdict(FrameGeometry(sample_rate, hop=hop, window=hop)),
        "dim": dim,
    }
    write_json(Path(out) / ARRAYS / "index.json", index)
    return manifest


def _dim(spect: SpectDir) -> int:
    """Features a frame of the first utterance that can be read."""
    for place, id in enumerate(spect.ids, start=1):
        try:
            return spect.shape(id)[1]
        except SonantError:
            if place == len(spect.ids):
                raise
    raise AssertionError("a SpectDir has utterances")


def _hop(rate: float | None, sample_rate: int, dim: int) -> int:
    rate = (sample_rate if dim == 1 else 100.0) if rate is None else rate
    hop = round(sample_rate / rate) if rate > 0 else 0
    require(hop > 0 and hop * rate == sample_rate, f"{rate:g} frames per second do not divide {sample_rate} Hz")
    return hop


def _utterance(
    spect: SpectDir,
    id: str,
    *,
    dim: int,
    hop: int,
    sample_rate: int,
    names: dict[int, str],
    language: str | None,
    speaker: str | None,
) -> tuple[Utterance, AudioInfo]:
    frames, own_dim = spect.shape(id)
    require(own_dim == dim, f"'{spect.path('feat', id)}' has {own_dim} features a frame, the first utterance has {dim}")
    require(frames > 0, f"'{spect.path('feat', id)}' holds no frame")
    ali, ref = spect.ali(id, frames), spect.ref(id, frames)

    def segments(runs: list[Run]) -> list[tuple[str, float, float]]:
        known = [run for run in runs if run[2] > run[1] >= 0]
        seconds = [(names.get(label, str(label)), start * hop, end * hop) for label, start, end in known]
        return [(label, seconds_of(start, sample_rate), seconds_of(end, sample_rate)) for label, start, end in seconds]

    utterance = Utterance(
        id=id,
        path=str(spect.path("feat", id)),
        speaker=speaker,
        language=language,
        text=None if ref is None else " ".join(names.get(token, str(token)) for token, _, _ in ref),
        phones=None if ali is None else segments(ali),
        words=None if ref is None else segments(ref),
    )
    return utterance, AudioInfo(sample_rate=sample_rate, channels=1, samples=frames * hop)
