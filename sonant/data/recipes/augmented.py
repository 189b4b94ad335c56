"""A corpus made noisy once: copies of its audio with noise and reverberation, to test models on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import soundfile

from ...core import SonantError, derive_seed, require
from ...core.files import write_atomically
from ..audio import AudioInfo, audio_info, read_audio
from ..augment.chain import Augmenter
from ..augment.config import AugmentConfig
from ..manifest import Manifest, Utterance
from ._common import Skipped, write

ABOUT = "noisy, reverberant copies of a prepared corpus, to test on"


def prepare(
    source: Path | None,
    out: Path,
    *,
    noise: Path | None = None,
    rirs: Path | None = None,
    strategy: Literal["given", "reverb", "noise", "reverb|noise", "reverb+noise", "all"] = "given",
    snr_low: float = 0.0,
    snr_high: float = 15.0,
    seed: int = 0,
    rate: int = 16000,
    strict: bool = False,
) -> Manifest:
    """Copy a prepared corpus with noise and reverberation; labels, times and utterance ids stay.

    noise     folder of noises
    rirs      folder of room impulse responses
    strategy  reverb|noise: one of both; all: nothing, either or both; given: reverberation and noise of what is given
    snr_low   dB, lowest ratio of speech to noise
    snr_high  dB, highest
    seed      what an utterance gets depends on this and on its id alone
    rate      Hz, of the copies
    strict    stop at the first unusable file instead of skipping it
    """
    require(source is not None, "give the prepared corpus: sonant prepare augmented CORPUS OUT --noise DIR --rirs DIR")
    require(noise or rirs, "nothing would change: give --noise, --rirs or both")
    given, out, snr = Manifest.open(source), Path(out), (snr_low, snr_high)
    cfg = AugmentConfig(
        noise=noise and str(noise),
        rirs=rirs and str(rirs),
        strategy=None if strategy == "given" else strategy,
        noise_snr=snr,
        speech_snr=snr,
        music_snr=snr,
    )
    augmenter, skipped = Augmenter(cfg, sample_rate=rate, strict=strict), Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for u in given:
            try:
                file = _copy(u, out / "audio", augmenter, rate=rate, seed=seed)
            except SonantError as error:
                skipped.add(error)
                continue
            yield replace(u, path=str(file), start=0.0, channel=0, sample_rate=rate), audio_info(file)

    return write(utterances(), out, name=f"{Path(source).name} augmented", skipped=skipped)


def _copy(u: Utterance, folder: Path, augmenter: Augmenter, *, rate: int, seed: int) -> Path:
    """The augmented audio of an utterance as 16-bit FLAC, lowered where it would clip."""
    wave, _ = read_audio(u.path, start_s=u.start, duration_s=u.duration, channel=u.channel, sample_rate=rate)
    wave_L = wave if wave.ndim == 1 else wave.mean(axis=0)
    made_L = augmenter(wave_L, derive_seed(seed, u.id), skipped={})
    stream = io.BytesIO()
    soundfile.write(stream, made_L / max(float(abs(made_L).max()) / 0.99, 1.0), rate, format="FLAC", subtype="PCM_16")
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in u.id)
    tail = "" if safe == u.id else "-" + hashlib.sha1(u.id.encode()).hexdigest()[:8]  # ids may differ by such a letter
    file = folder / f"{safe}{tail}.flac"
    write_atomically(file, lambda handle: handle.write(stream.getvalue()))
    return file
