"""The section ``augment`` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...core import require
from .codec import Codec

Strategy = Literal["reverb", "noise", "reverb|noise", "reverb+noise", "all"]
Kind = Literal["noise", "speech", "music"]
KINDS: tuple[Kind, ...] = ("noise", "speech", "music")


@dataclass(frozen=True)
class AugmentConfig:
    """What happens to every crop by itself, in the order of the fields; nothing by default.

    SNR ranges are those of Snyder et al. (2018), "X-vectors", as sslsv and ssl-for-slr use them.
    """

    speeds: tuple[float, ...] = ()  # factors of speed and pitch, such as [0.9, 1.0, 1.1]; one is drawn per utterance,
    # for all of its views, since it changes the voice (crops)
    noise: str | None = None  # folder of noises, or a manifest of them; music, speech and noise are told apart by
    # folder or file name, as in MUSAN; what is none of them is noise
    rirs: str | None = None  # folder of room impulse responses, or a manifest of them
    strategy: Strategy | None = None  # what a crop gets: reverb|noise one of both, reverb+noise first reverberation
    # and then noise, all: nothing, either or both, equally often; None: reverb+noise of what is given
    prob: float = 1.0  # part of the crops that the strategy is for; the rest keeps clean of noise and reverberation
    noise_snr: tuple[float, float] = (0.0, 15.0)  # dB, lowest and highest
    speech_snr: tuple[float, float] = (13.0, 20.0)  # dB
    music_snr: tuple[float, float] = (5.0, 15.0)  # dB
    noise_files: tuple[int, int] = (1, 1)  # fewest and most files that are mixed in, each at an SNR of its own
    speech_files: tuple[int, int] = (1, 1)  # [3, 8]: babble (Kaldi)
    music_files: tuple[int, int] = (1, 1)
    gain_db: tuple[float, float] | None = None  # dB, range of a change of level
    clip_prob: float = 0.0  # part of the crops that is clipped
    clip_at: tuple[float, float] = (0.3, 0.9)  # where, as a part of the crop's peak
    codec_prob: float = 0.0  # part of the crops that goes through a codec
    codecs: tuple[Codec, ...] = ("mulaw", "alaw", "gsm")  # which; telephone codecs work at 8 kHz
    keep_clean: bool = False  # crops also as they were: batches carry ``clean_views`` (crops)
    valid: bool = False  # validation too; otherwise it hears clean audio
    cache_mb: int = 500  # MB of memory for noises, and as much for impulse responses; the shortest files are kept

    def __post_init__(self):
        for name in ("prob", "clip_prob", "codec_prob"):
            require(0 <= getattr(self, name) <= 1, f"augment.{name} is a probability, got {getattr(self, name):g}")
        ranges = ("noise_snr", "speech_snr", "music_snr", "noise_files", "speech_files", "music_files", "clip_at")
        for name in (*ranges, *(["gain_db"] if self.gain_db is not None else [])):
            low, high = getattr(self, name)
            require(low <= high, f"augment.{name} is a range from low to high, got [{low:g}, {high:g}]")
        for name in ("noise_files", "speech_files", "music_files"):
            require(getattr(self, name)[0] >= 1, f"augment.{name} counts files from 1, got {list(getattr(self, name))}")
        require(self.clip_at[0] > 0 and self.clip_at[1] <= 1, "augment.clip_at lies between 0 and 1")
        require(all(0.5 <= speed <= 2 for speed in self.speeds), "augment.speeds lie between 0.5 and 2")
        require(self.codecs or not self.codec_prob, "augment.codec_prob without any augment.codecs")
        wanted = self.strategy or ""
        require(
            self.rirs is not None or wanted in ("", "noise"),
            f"augment.strategy '{wanted}' needs augment.rirs, a folder of room impulse responses",
        )
        require(
            self.noise is not None or wanted in ("", "reverb"),
            f"augment.strategy '{wanted}' needs augment.noise, a folder of noises",
        )

    @property
    def changes(self) -> bool:
        """Whether anything but the speed is touched."""
        return bool(self.noise or self.rirs or self.gain_db or self.clip_prob or self.codec_prob)

    def snr_of(self, kind: Kind) -> tuple[float, float]:
        """dB."""
        return {"noise": self.noise_snr, "speech": self.speech_snr, "music": self.music_snr}[kind]

    def files_of(self, kind: Kind) -> tuple[int, int]:
        return {"noise": self.noise_files, "speech": self.speech_files, "music": self.music_files}[kind]
