"""The section ``augment`` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...core import require
from .codec import Codec
from .perturb import STEREO, Perturbation

Strategy = Literal["reverb", "noise", "reverb|noise", "reverb+noise", "all"]
Kind = Literal["noise", "speech", "music"]
Manner = Literal["plain", "pase"]
KINDS: tuple[Kind, ...] = ("noise", "speech", "music")


@dataclass(frozen=True)
class AugmentConfig:
    """What happens to every crop by itself; nothing by default. ``docs/augmentation.md`` tells the order.

    SNR ranges are those of Snyder et al. (2018), "X-vectors", as sslsv and ssl-for-slr use them. Probabilities beside
    ``prob``, and the distortions from ``overlap`` on, are those of PASE+ (Ravanelli et al. 2020).
    """

    speeds: tuple[float, ...] = ()  # factors of speed and pitch, such as [0.9, 1.0, 1.1]; one is drawn per utterance,
    # for all of its views, since it changes the voice (crops)
    perturb_prob: float = 0.0  # part of the crops (channels of a dialogue) whose prosody or spectrum is changed, first
    perturb: tuple[Perturbation, ...] = STEREO  # how: one is drawn; docs/augmentation.md tells them
    noise: str | None = None  # folder of noises, or a manifest of them; music, speech and noise are told apart by
    # folder or file name, as in MUSAN; what is none of them is noise
    rirs: str | None = None  # folder of room impulse responses, or a manifest of them
    strategy: Strategy | None = None  # what a crop gets: reverb|noise one of both, reverb+noise first reverberation
    # and then noise, all: nothing, either or both, equally often; None: reverb+noise of what is given
    prob: float = 1.0  # part of the crops that the strategy is for; the rest keeps clean of noise and reverberation
    reverb_prob: float | None = None  # part of the crops that is reverberated where ``rirs`` is given, whatever else
    # they get; None: as ``strategy`` and ``prob`` say
    noise_prob: float | None = None  # part of the crops that gets noise where ``noise`` is given; None: the same
    manner: Manner = "plain"  # pase: rooms without their delay, noises without a floor and short ones not repeated, the
    # energy of the crop kept by both, and clipping between parts of its least and greatest sample
    overlap: str | None = None  # folder of speech, or a manifest of it (then of other speakers), that begins in the
    # first three quarters of a crop, after reverberation and before noise; the energy of the crop is kept
    overlap_prob: float | None = None  # part of the crops where ``overlap`` is given; None: 0.1
    overlap_snrs: tuple[float, ...] = (5.0, 7.5, 10.0)  # dB, of which one is drawn
    noise_snr: tuple[float, float] = (0.0, 15.0)  # dB, lowest and highest
    speech_snr: tuple[float, float] = (13.0, 20.0)  # dB
    music_snr: tuple[float, float] = (5.0, 15.0)  # dB
    noise_snrs: tuple[float, ...] = ()  # dB, of which one is drawn in place of these three ranges
    noise_files: tuple[int, int] = (1, 1)  # fewest and most files that are mixed in, each at an SNR of its own
    speech_files: tuple[int, int] = (1, 1)  # [3, 8]: babble (Kaldi)
    music_files: tuple[int, int] = (1, 1)
    gain_db: tuple[float, float] | None = None  # dB, range of a change of level
    clip_prob: float = 0.0  # part of the crops that is clipped
    clip_at: tuple[float, float] = (0.3, 0.9)  # where, as a part of the crop's peak
    clip_parts: tuple[float, ...] = ()  # of which one is drawn in place of clip_at
    codec_prob: float = 0.0  # part of the crops that goes through a codec
    codecs: tuple[Codec, ...] = ("mulaw", "alaw", "gsm")  # which; telephone codecs work at 8 kHz
    chop_prob: float = 0.0  # part of the crops in which spans of speech become zeros
    chop_spans: tuple[int, int] = (1, 5)  # fewest and most spans
    chop_seconds: tuple[float, ...] = (0.05, 0.1)  # s, mean lengths, of which one is drawn for each span; the standard
    # deviation is half of it
    band_drop_prob: float = 0.0  # part of the crops that lack a band of frequencies; the energy of the crop is kept
    band_drop_width: tuple[float, float] = (0.5, 1.5)  # width, times 321, 394, 781 or 1556 Hz for a band in 0-1, 1-2,
    # 2-4 or 4-8 kHz
    downsample_prob: float = 0.0  # part of the crops that lack what a lower rate cannot hold
    downsample_rates: tuple[int, ...] = (8_000,)  # Hz, of which one is drawn; the crop keeps its own rate
    only_first: bool = False  # the first crop of each utterance alone; the others, and local ones, stay clean
    keep_clean: bool = False  # examples also as they were: batches carry ``clean_views``, shaped as the views or, of
    # views of single waves, as these (all but pairs)
    valid: bool = False  # validation too; otherwise it hears clean audio
    cache_mb: int = 500  # MB of memory for noises, and as much for impulse responses; the shortest files are kept

    def __post_init__(self):
        self._check_probabilities()
        self._check_ranges()
        self._check_choices()
        wanted = self.strategy or ""
        require(
            self.rirs is not None or wanted in ("", "noise"),
            f"augment.strategy '{wanted}' needs augment.rirs, a folder of room impulse responses",
        )
        require(
            self.noise is not None or wanted in ("", "reverb"),
            f"augment.strategy '{wanted}' needs augment.noise, a folder of noises",
        )
        require(
            not wanted or (self.reverb_prob is None and self.noise_prob is None),
            "augment.strategy chooses one of several for each crop, augment.reverb_prob and augment.noise_prob decide "
            "each by itself: give one or the other",
        )

    def _check_probabilities(self) -> None:
        names = ("prob", "reverb_prob", "noise_prob", "overlap_prob", "perturb_prob")
        for name in (*names, "clip_prob", "codec_prob", "chop_prob", "band_drop_prob", "downsample_prob"):
            value = getattr(self, name)
            require(value is None or 0 <= value <= 1, f"augment.{name} is a probability, got {value or 0:g}")

    def _check_ranges(self) -> None:
        names = ("noise_snr", "speech_snr", "music_snr", "noise_files", "speech_files", "music_files", "clip_at")
        names += ("chop_spans", "band_drop_width", *(["gain_db"] if self.gain_db is not None else []))
        for name in names:
            low, high = getattr(self, name)
            require(low <= high, f"augment.{name} is a range from low to high, got [{low:g}, {high:g}]")
        for name in ("noise_files", "speech_files", "music_files"):
            require(getattr(self, name)[0] >= 1, f"augment.{name} counts files from 1, got {list(getattr(self, name))}")
        require(self.chop_spans[0] >= 1, f"augment.chop_spans counts spans from 1, got {list(self.chop_spans)}")
        require(self.band_drop_width[0] > 0, "augment.band_drop_width is positive")
        require(self.clip_at[0] > 0 and self.clip_at[1] <= 1, "augment.clip_at lies between 0 and 1")

    def _check_choices(self) -> None:
        require(all(0.5 <= speed <= 2 for speed in self.speeds), "augment.speeds lie between 0.5 and 2")
        require(all(0 < part <= 1 for part in self.clip_parts), "augment.clip_parts lie between 0 and 1")
        require(all(mean > 0 for mean in self.chop_seconds), "augment.chop_seconds are positive")
        require(all(rate > 0 for rate in self.downsample_rates), "augment.downsample_rates are positive")
        for name, choices in (
            *(("codec_prob", "codecs"), ("chop_prob", "chop_seconds"), ("downsample_prob", "downsample_rates")),
            *(("overlap", "overlap_snrs"), ("perturb_prob", "perturb")),
        ):
            require(getattr(self, choices) or not getattr(self, name), f"augment.{name} without any augment.{choices}")

    @property
    def changes(self) -> bool:
        """Whether anything but the speed is touched."""
        files = self.noise or self.rirs or self.overlap
        chances = self.clip_prob or self.codec_prob or self.chop_prob or self.band_drop_prob or self.downsample_prob
        return bool(files or self.gain_db or chances or self.perturb_prob)

    @property
    def lacking(self) -> list[str]:
        """What is asked for and does not take place, since its sounds are not given; each in words."""
        asked = {"reverb_prob": "rirs", "noise_prob": "noise", "overlap_prob": "overlap"}
        names = [name for name, sounds in asked.items() if getattr(self, name) and not getattr(self, sounds)]
        return [f"augment.{name} {getattr(self, name):g} has no effect without augment.{asked[name]}" for name in names]

    def snr_of(self, kind: Kind) -> tuple[float, float]:
        """dB."""
        return {"noise": self.noise_snr, "speech": self.speech_snr, "music": self.music_snr}[kind]

    def files_of(self, kind: Kind) -> tuple[int, int]:
        return {"noise": self.noise_files, "speech": self.speech_files, "music": self.music_files}[kind]
